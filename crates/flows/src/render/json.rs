//! JSON: every fact of the selected rows, with the site's hosts in place of variables. The shape
//! is described by `docs/schemas/flows.schema.json`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::document::all_exact;
use super::{Format, Options, RenderError, Rendered, Renderer};
use crate::endpoint::{MatchKind, PortRange, Transport};
use crate::select::{ResolvedEndpoint, Selected, Selection};

pub(super) struct Json;

impl Renderer for Json {
    fn format(&self) -> Format {
        Format::Json
    }

    fn render(&self, selection: &Selection<'_>, _: &Options) -> Result<Rendered, RenderError> {
        let failed = |error: serde_json::Error| RenderError::Writer {
            format: Format::Json,
            reason: error.to_string(),
        };
        let value = value(selection).map_err(failed)?;
        let mut bytes = serde_json::to_vec_pretty(&value).map_err(failed)?;
        bytes.push(b'\n');
        Ok(Rendered {
            bytes,
            report: all_exact(selection),
        })
    }
}

/// A destination, as it is at the site.
#[derive(Serialize)]
struct Destination<'s> {
    #[serde(rename = "match")]
    kind: MatchKind,
    value: String,
    transport: Transport,
    ports: &'s [PortRange],
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'s str>,
    /// Of those who dial; empty: any.
    from: Vec<String>,
}

/// A selection as JSON.
///
/// # Errors
/// None that the model can bring about; they are the writer's.
pub fn value(selection: &Selection<'_>) -> Result<Value, serde_json::Error> {
    let catalogue = selection.catalogue;
    let mut whole = Map::new();
    whole.insert("catalog".into(), catalogue.id.as_str().into());
    whole.insert("version".into(), catalogue.version.as_str().into());
    whole.insert("vendor".into(), catalogue.vendor.as_str().into());
    whole.insert("product".into(), catalogue.product.as_str().into());
    whole.insert("sources".into(), serde_json::to_value(&catalogue.sources)?);
    let flows: Result<Vec<Value>, _> = selection.flows.iter().map(flow).collect();
    whole.insert("flows".into(), flows?.into());
    let left_out = selection.left_out.iter().map(|(flow, reason)| {
        let mut entry = Map::new();
        entry.insert("id".into(), flow.id.as_str().into());
        entry.insert("reason".into(), reason.to_string().into());
        Value::from(entry)
    });
    whole.insert("left_out".into(), left_out.collect::<Vec<_>>().into());
    Ok(whole.into())
}

/// A selected row as JSON.
///
/// # Errors
/// None that the model can bring about; they are the writer's.
pub fn flow(selected: &Selected<'_>) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(selected.flow)?;
    let endpoints: Vec<Destination<'_>> = selected.endpoints.iter().map(destination).collect();
    if let Value::Object(row) = &mut value {
        row.insert("endpoints".into(), serde_json::to_value(endpoints)?);
    }
    Ok(value)
}

fn destination(endpoint: &ResolvedEndpoint) -> Destination<'_> {
    Destination {
        kind: endpoint.host.kind(),
        value: endpoint.host.value(),
        transport: endpoint.transport,
        ports: &endpoint.ports,
        protocol: endpoint.protocol.as_deref(),
        path: endpoint.path.as_deref(),
        from: endpoint.from.iter().map(crate::host::Host::value).collect(),
    }
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
