//! Squid's configuration: what it lets through, and which TLS it leaves closed.
//!
//! Squid's `dstdomain` and `ssl::server_name` take `NAME` for the name alone and `.NAME` for the
//! name and all below it; the other kinds are regular expressions over the whole name. The flag
//! `-n` keeps Squid from asking the name server for the name of an address or the address of a
//! name, which would let a stranger's reverse record pass.

use std::fmt::Write;

use super::document::words;
use super::perimeter::{self, Crossing};
use super::proxied::{Asked, Gathered, Group, Method, beside_the_proxy, not_for_a_proxy};
use super::{Format, How, Options, RenderError, Rendered, Renderer, header};
use crate::host::Host;
use crate::select::Selection;
use crate::tls::{Inspection, Known};

/// Squid refuses longer names of access lists.
const MAX_PREFIX: usize = 40;

/// Access rules: what may pass.
pub(super) struct Allow;

/// Peek and splice: TLS that passes unopened.
pub(super) struct Bypass;

impl Renderer for Allow {
    fn format(&self) -> Format {
        Format::SquidAllow
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
            let purpose = words.text(&crossing.selected.flow.purpose);
            gathered.add(crossing, Gathered::method(crossing), &purpose);
            expressed(crossing)
        });
        let mut text = head(
            selection,
            "Access rules. Put them before the line \"http_access deny all\" and before rules that deny ports, with include.",
        );
        for (number, group) in gathered.groups().iter().enumerate() {
            let name = format!("{}_{}", prefix(selection), number + 1);
            let condition = lists(&mut text, &name, group, &DESTINATION);
            for hosts in condition.hosts {
                let method = match group.method {
                    Method::Connect => " CONNECT",
                    Method::Request => " !CONNECT",
                    Method::Any => "",
                };
                let _ = writeln!(
                    text,
                    "http_access allow{method}{} {hosts} {}",
                    condition.clients, condition.ports
                );
            }
        }
        Ok(Rendered {
            bytes: text.into_bytes(),
            report,
        })
    }
}

impl Renderer for Bypass {
    fn format(&self) -> Format {
        Format::SquidBypass
    }

    fn render(
        &self,
        selection: &Selection<'_>,
        options: &Options,
    ) -> Result<Rendered, RenderError> {
        let words = words(&options.language);
        let mut gathered = Gathered::default();
        let report = perimeter::each(selection, beside_the_proxy, &mut |crossing| {
            if let Some(how) = not_for_a_proxy(crossing).or_else(|| not_to_splice(crossing)) {
                return how;
            }
            let purpose = words.text(&crossing.selected.flow.purpose);
            gathered.add(crossing, Method::Connect, &purpose);
            expressed(crossing)
        });
        let mut text = head(
            selection,
            "TLS that Squid must not open. Put it before your own ssl_bump rules, with include.",
        );
        let groups = gathered.groups();
        if !groups.is_empty() {
            let step = format!("{}_step1", prefix(selection));
            let _ = writeln!(text, "acl {step} at_step SslBump1\nssl_bump peek {step}");
        }
        for (number, group) in groups.iter().enumerate() {
            let name = format!("{}_tls_{}", prefix(selection), number + 1);
            let condition = lists(&mut text, &name, group, &SERVER_NAME);
            for hosts in condition.hosts {
                let _ = writeln!(
                    text,
                    "ssl_bump splice{} {hosts} {}",
                    condition.clients, condition.ports
                );
            }
        }
        Ok(Rendered {
            bytes: text.into_bytes(),
            report,
        })
    }
}

fn head(selection: &Selection<'_>, what: &str) -> String {
    let mut text = String::new();
    for line in header::lines(selection.catalogue) {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(text, "# {what}");
    text
}

fn prefix(selection: &Selection<'_>) -> String {
    selection
        .catalogue
        .id
        .as_str()
        .chars()
        .take(MAX_PREFIX)
        .collect()
}

/// Why a destination needs no splice; `None` when it does.
fn not_to_splice(crossing: Crossing<'_>) -> Option<How> {
    let plain = crossing
        .endpoint
        .protocol
        .as_deref()
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("http"));
    if plain {
        return Some(How::NotNeeded("it is not inside TLS".to_owned()));
    }
    match crossing.selected.flow.tls {
        Some(tls) => match (tls.inspection, tls.pinned) {
            (Inspection::Tolerated, Known::No | Known::Unknown) => {
                Some(How::NotNeeded("it tolerates inspection".to_owned()))
            }
            (Inspection::Forbidden | Inspection::Unknown, _) | (_, Known::Yes) => None,
        },
        None => Some(How::NotNeeded("it is not inside TLS".to_owned())),
    }
}

fn expressed(crossing: Crossing<'_>) -> How {
    let by_name = crossing.endpoint.from.iter().any(|client| match client {
        Host::Ip(_) | Host::Cidr(_) => false,
        Host::Exact(_)
        | Host::OneLabel(_)
        | Host::AnyDepth(_)
        | Host::ApexAndSubdomains(_)
        | Host::Unset(_)
        | Host::Unknown => true,
    });
    if by_name {
        How::Widened("clients are known by name alone, so every client may".to_owned())
    } else {
        How::Exact
    }
}

/// The names of access list types for the far end.
struct Types {
    name: &'static str,
    pattern: &'static str,
    flag: &'static str,
}

const DESTINATION: Types = Types {
    name: "dstdomain",
    pattern: "dstdom_regex",
    flag: " -n",
};
const SERVER_NAME: Types = Types {
    name: "ssl::server_name",
    pattern: "ssl::server_name_regex",
    flag: "",
};

/// A host as a kind of access list writes it; `None` where that kind can't.
type Written = fn(&Host) -> Option<String>;

/// The names of a group's access lists, as they stand in a rule.
struct Condition {
    /// Empty, or with a space in front.
    clients: String,
    /// A rule is needed for each.
    hosts: Vec<String>,
    ports: String,
}

fn lists(text: &mut String, name: &str, group: &Group, types: &Types) -> Condition {
    text.push('\n');
    let mut hosts = Vec::new();
    let kinds: [(&str, String, Written); 3] = [
        ("names", format!("{}{}", types.name, types.flag), domain),
        (
            "patterns",
            format!("{}{} -i", types.pattern, types.flag),
            pattern,
        ),
        ("addresses", "dst -n".to_owned(), address),
    ];
    for (suffix, declaration, value) in kinds {
        let list = format!("{name}_{suffix}");
        let mut any = false;
        let mut said: &[String] = &[];
        for Asked { host, reasons } in &group.hosts {
            let Some(value) = value(host) else {
                continue;
            };
            any = true;
            // Hosts of the same flows stand under one comment.
            if said != reasons.as_slice() {
                for reason in reasons {
                    let _ = writeln!(text, "# {reason}");
                }
                said = reasons;
            }
            let _ = writeln!(text, "acl {list} {declaration} {value}");
        }
        if any {
            hosts.push(list);
        }
    }
    let ports = format!("{name}_ports");
    let numbers = super::document::joined(&group.ports, " ");
    let _ = writeln!(text, "acl {ports} port {numbers}");
    let addresses: Option<Vec<String>> = group.clients.iter().map(address).collect();
    let clients = match addresses {
        Some(addresses) if !addresses.is_empty() => {
            let list = format!("{name}_clients");
            let _ = writeln!(text, "acl {list} src {}", addresses.join(" "));
            format!(" {list}")
        }
        Some(_) | None => String::new(),
    };
    Condition {
        clients,
        hosts,
        ports,
    }
}

fn domain(host: &Host) -> Option<String> {
    match host {
        Host::Exact(name) => Some(name.to_string()),
        Host::ApexAndSubdomains(name) => Some(format!(".{name}")),
        Host::OneLabel(_)
        | Host::AnyDepth(_)
        | Host::Ip(_)
        | Host::Cidr(_)
        | Host::Unset(_)
        | Host::Unknown => None,
    }
}

/// A POSIX extended regular expression over the whole name.
fn pattern(host: &Host) -> Option<String> {
    let (before, name) = match host {
        Host::OneLabel(name) => ("^[^.]+\\.", name),
        Host::AnyDepth(name) => ("^.+\\.", name),
        Host::Exact(_)
        | Host::ApexAndSubdomains(_)
        | Host::Ip(_)
        | Host::Cidr(_)
        | Host::Unset(_)
        | Host::Unknown => return None,
    };
    Some(format!("{before}{}$", name.as_str().replace('.', "\\.")))
}

fn address(host: &Host) -> Option<String> {
    match host {
        Host::Ip(address) => Some(address.to_string()),
        Host::Cidr(network) => Some(network.to_string()),
        Host::Exact(_)
        | Host::OneLabel(_)
        | Host::AnyDepth(_)
        | Host::ApexAndSubdomains(_)
        | Host::Unset(_)
        | Host::Unknown => None,
    }
}

#[cfg(test)]
#[path = "squid/tests.rs"]
mod tests;
