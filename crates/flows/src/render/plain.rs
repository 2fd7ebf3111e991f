//! Plain lines for people and small scripts: host, transport and port, flow.

use std::fmt::Write;

use super::document::words;
use super::perimeter::{self, Crossing};
use super::{Format, Options, RenderError, Rendered, Renderer, header};
use crate::host::Host;
use crate::select::Selection;

pub(super) struct Plain;

/// What the signs before a name mean.
const LEGEND: &str = "a name or address alone; *.NAME: exactly one label more; **.NAME: one or more labels more; .NAME: the name itself and all below it";

impl Renderer for Plain {
    fn format(&self) -> Format {
        Format::Plain
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let words = words(&options.language);
        let mut text = String::new();
        for line in header::lines(selection.catalogue) {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("# {LEGEND}\n"));
        let mut lines: Vec<(String, Vec<String>)> = Vec::new();
        let report = perimeter::each(
            selection,
            |_| None,
            &mut |Crossing { selected, endpoint }| {
                let ports = if endpoint.ports.is_empty() {
                    vec![endpoint.transport.as_str().to_owned()]
                } else {
                    let port = |port| format!("{}/{port}", endpoint.transport.as_str());
                    endpoint.ports.iter().map(port).collect()
                };
                for port in ports {
                    let line = format!("{} {port}", signed(&endpoint.host));
                    let why = format!(
                        "{}: {}",
                        selected.flow.id,
                        words.text(&selected.flow.purpose)
                    );
                    match lines.iter_mut().find(|(known, _)| *known == line) {
                        Some((_, reasons)) if reasons.contains(&why) => {}
                        Some((_, reasons)) => reasons.push(why),
                        None => lines.push((line, vec![why])),
                    }
                }
                super::How::Exact
            },
        );
        for (line, reasons) in lines {
            let _ = writeln!(text, "{line}  # {}", reasons.join(" | "));
        }
        Ok(Rendered {
            bytes: text.into_bytes(),
            report,
        })
    }
}

fn signed(host: &Host) -> String {
    match host {
        Host::Exact(name) => name.to_string(),
        Host::OneLabel(name) => format!("*.{name}"),
        Host::AnyDepth(name) => format!("**.{name}"),
        Host::ApexAndSubdomains(name) => format!(".{name}"),
        Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => host.value(),
    }
}
