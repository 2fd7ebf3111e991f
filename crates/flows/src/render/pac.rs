//! A proxy auto-configuration file: the catalogue's hosts are reached directly, all else through
//! the proxy.
//!
//! The usual helpers mean other things than they seem to: `dnsDomainIs(host, ".d")` has no apex,
//! `shExpMatch` lets a star cross dots, `isInNet` asks the name server. The file therefore
//! compares names itself, and takes addresses only where the URL itself has one.

use std::fmt::Write;

use super::document::words;
use super::perimeter;
use super::proxied::{Gathered, Group, Method, beside_the_proxy, not_for_a_proxy};
use super::{Format, How, Options, RenderError, Rendered, Renderer, header};
use crate::host::Host;
use crate::select::Selection;

pub(super) struct Pac;

/// Where everything else goes while nobody has said where: to a name that can't exist (RFC 2606),
/// so that the gap is seen and nothing slips out.
const NO_PROXY_GIVEN: &str = "PROXY proxy.invalid:8080";

const MATCHER: &str = include_str!("pac/matcher.js");

impl Renderer for Pac {
    fn format(&self) -> Format {
        Format::Pac
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let words = words(&options.language);
        let mut gathered = Gathered::default();
        let report = perimeter::each(selection, beside_the_proxy, &mut |crossing| {
            if let Some(how) = not_for_a_proxy(crossing) {
                return how;
            }
            if let Host::Cidr(ipnet::IpNet::V6(_)) = crossing.endpoint.host {
                return How::NotAtAll("a PAC file has no sure way to compare IPv6 networks".into());
            }
            let purpose = words.text(&crossing.selected.flow.purpose);
            gathered.add(crossing, Method::Any, &purpose);
            if crossing.endpoint.from.is_empty() {
                How::Exact
            } else {
                How::Widened("every browser that loads the file follows it".to_owned())
            }
        });
        let otherwise = match &options.proxy {
            Some(proxy) => format!("PROXY {proxy}"),
            None => NO_PROXY_GIVEN.to_owned(),
        };
        let mut text = String::new();
        for line in header::lines(selection.catalogue) {
            let _ = writeln!(text, "// {line}");
        }
        if options.proxy.is_none() {
            text.push_str("// Put your own proxy into the next line.\n");
        }
        let _ = writeln!(text, "var OTHERWISE = {};\n", quoted(&otherwise));
        text.push_str("// [kind, host, first port, last port, …]\nvar DIRECT_HOSTS = [\n");
        let groups = merged(&gathered.groups());
        let last = groups.len();
        let mut said: &[String] = &[];
        for (number, (host, ports, reasons)) in groups.iter().enumerate() {
            // Hosts of the same flows stand under one comment.
            if said != reasons.as_slice() {
                for reason in reasons {
                    let _ = writeln!(text, "  // {reason}");
                }
                said = reasons;
            }
            let (kind, value) = entry(host);
            let _ = write!(text, "  [{}, {}", quoted(kind), quoted(&value));
            for range in ports {
                let _ = write!(text, ", {}, {}", range.first(), range.last());
            }
            text.push_str(if number + 1 == last { "]\n" } else { "],\n" });
        }
        text.push_str("];\n\n");
        text.push_str(MATCHER);
        Ok(Rendered {
            bytes: text.into_bytes(),
            report,
        })
    }
}

type Entry = (Host, Vec<crate::endpoint::PortRange>, Vec<String>);

/// One entry for each host: a PAC file doesn't know who asks.
fn merged(groups: &[Group]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for group in groups {
        for asked in &group.hosts {
            match entries.iter_mut().find(|(host, ..)| *host == asked.host) {
                Some((_, ports, reasons)) => {
                    ports.extend(group.ports.iter().copied());
                    ports.sort_unstable();
                    ports.dedup();
                    for reason in &asked.reasons {
                        if !reasons.contains(reason) {
                            reasons.push(reason.clone());
                        }
                    }
                }
                None => entries.push((
                    asked.host.clone(),
                    group.ports.clone(),
                    asked.reasons.clone(),
                )),
            }
        }
    }
    entries
}

fn entry(host: &Host) -> (&'static str, String) {
    match host {
        Host::Exact(name) => ("is", name.to_string()),
        Host::OneLabel(name) => ("one", name.to_string()),
        Host::AnyDepth(name) => ("below", name.to_string()),
        Host::ApexAndSubdomains(name) => ("all", name.to_string()),
        Host::Cidr(network) => ("net", network.to_string()),
        Host::Ip(_) | Host::Unset(_) | Host::Unknown => ("is", host.value()),
    }
}

/// A JavaScript string. JSON's form is one, but for two line ends, which names can't have.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            ' '..='~' => quoted.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[path = "pac/tests.rs"]
mod tests;
