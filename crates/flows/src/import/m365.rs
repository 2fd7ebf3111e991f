//! Lists of endpoints in the shape of Microsoft 365's web service for endpoints.
//!
//! The shape is the service's own: `/endpoints/INSTANCE` answers a list of items with `id`,
//! `serviceArea`, `urls`, `ips`, `tcpPorts`, `udpPorts`, `category`, `required` and `notes`;
//! `/version` answers `latest`; `/changes` answers items with `disposition`, `impact` and
//! `version`. One object that holds the three under `endpoints`, `version` and `changes` is read
//! as well.

use serde_json::Value;

use super::build::{Builder, Draft, endpoint};
use super::cells;
use super::{ImportError, ImportOptions, Imported, MAX_BYTES, MAX_ENDPOINTS, MAX_ROWS, excerpt};
use crate::endpoint::{Endpoint, MatchKind, PortRange, Transport};
use crate::flow::{Direction, Need};
use crate::id::FlowId;
use crate::origin::{Change, ChangeKind, Date};
use crate::party::Place;
use crate::text::Text;

/// Reads the list. Connections go out from the site, as the service's lists are made for that.
///
/// # Errors
/// When the bytes are no JSON of that shape, or a limit is hit.
pub fn m365(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let documents = documents(bytes, options)?;
    let mut builder = Builder::new(bytes, options);
    let mut items = Vec::new();
    let mut changes = Vec::new();
    for document in &documents {
        match document {
            Value::Array(list) if list.iter().any(|item| item.get("disposition").is_some()) => {
                changes.extend(list)
            }
            Value::Array(list) => items.extend(list),
            Value::Object(whole) => {
                items.extend(
                    whole
                        .get("endpoints")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten(),
                );
                changes.extend(
                    whole
                        .get("changes")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten(),
                );
                if let Some(version) = version(document) {
                    builder.version(version);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    if items.len() > MAX_ROWS || changes.len() > MAX_ROWS {
        return Err(ImportError::TooManyRows);
    }
    let mut ids: Vec<(i64, FlowId)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if !item.is_object() {
            builder.report.issue(
                index + 1,
                "item",
                &item.to_string(),
                "expected an object; left out",
            );
            continue;
        }
        let draft = Item {
            number: index + 1,
            item,
        }
        .draft(&mut builder);
        let id = builder.add(draft)?;
        if let Some(number) = item.get("id").and_then(Value::as_i64) {
            ids.push((number, id));
        }
    }
    for (index, change) in changes.iter().enumerate() {
        match read_change(change, &ids) {
            Some(change) => builder.changes.push(change),
            None => builder.report.issue(
                index + 1,
                "change",
                &change.to_string(),
                "expected a change with version, disposition and endpointSetId; left out",
            ),
        }
    }
    builder.finish()
}

fn documents(bytes: &[u8], options: &ImportOptions) -> Result<Vec<Value>, ImportError> {
    let companions = options.companions.iter().map(|(_, bytes)| bytes.as_slice());
    let mut documents = Vec::new();
    for bytes in std::iter::once(bytes).chain(companions) {
        if bytes.len() > MAX_BYTES {
            return Err(ImportError::TooLarge { bytes: bytes.len() });
        }
        let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
        let document: Value = serde_json::from_slice(bytes)?;
        if !document.is_array() && !document.is_object() {
            return Err(ImportError::Shape {
                expected: "a list of endpoints as Microsoft 365's service answers it",
                got: excerpt(&document.to_string()),
            });
        }
        documents.push(document);
    }
    Ok(documents)
}

fn version(document: &Value) -> Option<String> {
    let latest = document.get("latest").or_else(|| document.get("version"))?;
    let latest = latest.get("latest").unwrap_or(latest);
    match latest {
        Value::String(text) => Some(excerpt(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

struct Item<'v> {
    number: usize,
    item: &'v Value,
}

impl Item<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.item
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &str> {
        self.item
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }

    fn draft(&self, builder: &mut Builder<'_>) -> Draft {
        let mut caveats = Vec::new();
        let hosts = self.hosts(builder, &mut caveats);
        let ports = self.ports(builder, &mut caveats);
        let mut endpoints = Vec::new();
        for (kind, value) in &hosts {
            for (transport, ports) in &ports {
                endpoints.push(Endpoint {
                    ports: ports.clone(),
                    ..endpoint(*kind, value, *transport)
                });
            }
        }
        if endpoints.is_empty() || endpoints.len() > MAX_ENDPOINTS {
            if !endpoints.is_empty() {
                builder.report.issue(
                    self.number,
                    "item",
                    "",
                    "too many pairs of host and port; stays unknown",
                );
            }
            caveats.push("The list doesn't say the hosts and ports.".to_owned());
            endpoints = vec![endpoint(MatchKind::Unknown, "", Transport::Unknown)];
        }
        let area = self.text("serviceArea").unwrap_or("service").to_owned();
        let id = self
            .item
            .get("id")
            .map(ToString::to_string)
            .unwrap_or_default();
        let display = self
            .text("serviceAreaDisplayName")
            .unwrap_or(&area)
            .to_owned();
        let notes: Vec<String> = [
            self.text("notes").map(str::to_owned),
            self.text("category")
                .map(|category| format!("Category: {}.", excerpt(category))),
        ]
        .into_iter()
        .flatten()
        .collect();
        Draft {
            name: format!("{area} {id}"),
            aliases: Vec::new(),
            line: self.number,
            purpose: self
                .text("notes")
                .map_or_else(|| display.clone(), |notes| format!("{display}: {notes}")),
            component: Some(area),
            from: vec![("clients".to_owned(), Vec::new())],
            to: display,
            to_place: Place::Outside,
            direction: Direction::Outbound,
            endpoints,
            source_ports: Vec::new(),
            need: match self.item.get("required").and_then(Value::as_bool) {
                Some(true) => Need::Required,
                Some(false) => Need::Optional,
                None => Need::Unknown,
            },
            notes: (!notes.is_empty()).then(|| notes.join(" ")),
            caveats,
        }
    }

    fn hosts(
        &self,
        builder: &mut Builder<'_>,
        caveats: &mut Vec<String>,
    ) -> Vec<(MatchKind, String)> {
        let mut found = Vec::new();
        for (key, words) in [("urls", self.list("urls")), ("ips", self.list("ips"))]
            .map(|(key, words)| (key, words.collect::<Vec<_>>()))
        {
            for word in words {
                match cells::host(word) {
                    Some(host) if host.path.is_none() && host.port.is_none() => {
                        found.push((host.kind, host.value))
                    }
                    Some(_) | None => {
                        builder.report.issue(
                            self.number,
                            key,
                            word,
                            "expected a name, *.name, address or network; stays unknown",
                        );
                        caveats.push(format!(
                            "One of its {key} was not understood: \"{}\".",
                            excerpt(word)
                        ));
                        found.push((MatchKind::Unknown, String::new()));
                    }
                }
            }
        }
        found.dedup();
        found
    }

    fn ports(
        &self,
        builder: &mut Builder<'_>,
        caveats: &mut Vec<String>,
    ) -> Vec<(Transport, Vec<PortRange>)> {
        let mut found = Vec::new();
        for (key, transport) in [("tcpPorts", Transport::Tcp), ("udpPorts", Transport::Udp)] {
            let Some(text) = self.text(key) else { continue };
            let ports: Result<Vec<PortRange>, _> = text
                .split(',')
                .map(|port| PortRange::parse(port.trim()))
                .collect();
            match ports {
                Ok(ports) => found.push((transport, ports)),
                Err(error) => {
                    builder
                        .report
                        .issue(self.number, key, text, format!("{error}; stays unknown"));
                    caveats.push(format!(
                        "Its {key} were not understood: \"{}\".",
                        excerpt(text)
                    ));
                    found.push((transport, Vec::new()));
                }
            }
        }
        if found.is_empty() {
            caveats.push("The list doesn't say the ports.".to_owned());
            found.push((Transport::Unknown, Vec::new()));
        }
        found
    }
}

fn read_change(change: &Value, ids: &[(i64, FlowId)]) -> Option<Change> {
    let text = |key: &str| change.get(key).and_then(Value::as_str);
    let version = text("version")?;
    let kind = match text("disposition")?.to_ascii_lowercase().as_str() {
        "add" => ChangeKind::Added,
        "remove" => ChangeKind::Removed,
        "change" => ChangeKind::Changed,
        _ => return None,
    };
    let set = change.get("endpointSetId").and_then(Value::as_i64)?;
    // Versions are YYYYMMDDNN.
    let day = |text: &str| {
        let digits = text.get(..8)?;
        let date = format!(
            "{}-{}-{}",
            digits.get(..4)?,
            digits.get(4..6)?,
            digits.get(6..8)?
        );
        Date::parse(&date).ok()
    };
    let effective = change
        .get("add")
        .and_then(|added| added.get("effectiveDate"))
        .and_then(Value::as_str)
        .and_then(day);
    Some(Change {
        version: excerpt(version),
        date: day(version)?,
        kind,
        flows: ids
            .iter()
            .filter(|(number, _)| *number == set)
            .map(|(_, id)| id.clone())
            .collect(),
        impact: Text::english(text("impact").map_or_else(|| "Not said.".to_owned(), excerpt)),
        effective,
    })
}
