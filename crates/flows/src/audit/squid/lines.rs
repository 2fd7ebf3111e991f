//! The lines that let a flow through Squid, or leave its TLS closed.

use crate::audit::question::{Question, host_text};
use crate::host::Host;

/// The list of the endpoint's host: its type and value, and a remark where Squid says more.
fn destination(host: &Host, kind: &str) -> Option<(String, Option<&'static str>)> {
    const APEX: &str = "a leading dot means the name itself as well";
    const DEEP: &str =
        "Squid can't say one label: the name itself and deeper names are meant as well";
    Some(match host {
        Host::Exact(name) => (format!("{kind} {name}"), None),
        Host::AnyDepth(name) => (format!("{kind} .{name}"), Some(APEX)),
        Host::OneLabel(name) => (format!("{kind} .{name}"), Some(DEEP)),
        Host::ApexAndSubdomains(name) => (format!("{kind} .{name}"), None),
        Host::Ip(address) => (format!("dst {address}"), None),
        Host::Cidr(network) => (format!("dst {network}"), None),
        Host::Unset(_) | Host::Unknown => return None,
    })
}

fn place(line: Option<usize>, directive: &str) -> String {
    match line {
        Some(line) => format!("# above line {line}, the first {directive} line:"),
        None => format!("# above the first {directive} line:"),
    }
}

fn named(question: &Question<'_>, what: &str) -> String {
    // Squid's names of lists may have 31 characters; a number tells endpoints of a flow apart.
    let id: String = question.flow.id.as_str().chars().take(18).collect();
    format!("{id}-{}-{what}", question.number)
}

pub(super) fn allow(question: &Question<'_>, before: Option<usize>) -> Vec<String> {
    let Some((destination, remark)) = destination(&question.endpoint.host, "dstdomain") else {
        return Vec::new();
    };
    let (to, ports, from) = (
        named(question, "to"),
        named(question, "port"),
        named(question, "from"),
    );
    let mut lines = vec![place(before, "http_access")];
    lines
        .extend(remark.map(|remark| format!("# {}: {remark}", host_text(&question.endpoint.host))));
    lines.push(format!("acl {to} {destination}"));
    let listed: Vec<String> = question
        .endpoint
        .ports
        .iter()
        .map(ToString::to_string)
        .collect();
    lines.push(format!("acl {ports} port {}", listed.join(" ")));
    if question.sources.is_empty() {
        lines.push(format!("http_access allow {to} {ports}"));
    } else {
        let sources: Vec<String> = question.sources.iter().map(ToString::to_string).collect();
        lines.push(format!("acl {from} src {}", sources.join(" ")));
        lines.push(format!("http_access allow {from} {to} {ports}"));
    }
    lines
}

pub(super) fn splice(question: &Question<'_>, before: Option<usize>) -> Vec<String> {
    let Some((destination, remark)) = destination(&question.endpoint.host, "ssl::server_name")
    else {
        return Vec::new();
    };
    let list = named(question, "tls");
    let mut lines = vec![place(before, "ssl_bump")];
    lines
        .extend(remark.map(|remark| format!("# {}: {remark}", host_text(&question.endpoint.host))));
    lines.push(format!("acl {list} {destination}"));
    lines.push(format!("ssl_bump splice {list}"));
    lines
}
