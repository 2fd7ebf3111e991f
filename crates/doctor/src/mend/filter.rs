//! What to let through a packet filter, on the way or on this host.

use std::net::IpAddr;

use flows::{Format, Options};

use super::rendered::{cut, hosts, rendered, with_words};
use super::{CONTROLLER, PACKET_FILTER, says};
use crate::finding::Cased;
use crate::report::Mend;
use crate::verdict::transport::HELD_BACK;

/// Let these destinations through a packet filter.
pub(super) fn firewall(group: &[Cased<'_, '_>]) -> Mend {
    let rules: Vec<String> = rendered(Format::Nftables, group, &Options::default())
        .into_iter()
        .map(|line| line.trim().to_owned())
        .filter(|line| line.contains(" accept comment "))
        .map(|rule| format!("insert rule inet filter forward {rule}"))
        .collect();
    let text = if rules.is_empty() {
        format!(
            "let {} through; \"garrison flows render nftables --address NAME=ADDRESS\" writes the rules",
            hosts(group).join(", ")
        )
    } else {
        "in the chain that drops them (here: forward of the table inet filter):".to_owned()
    };
    with_words(PACKET_FILTER, text, cut(rules))
}

/// Let hosts ask a domain controller for tickets.
pub(super) fn controller(group: &[Cased<'_, '_>]) -> Mend {
    let at = says(group, CONTROLLER).unwrap_or_default();
    let (host, port) = at.rsplit_once(':').unwrap_or((at, "88"));
    let host = host.trim_matches(['[', ']']);
    let words = format!("let hosts reach the domain controller {host} by TCP, port {port}");
    let rule = host.parse().ok().map(|address| {
        let family = match address {
            IpAddr::V4(_) => "ip",
            IpAddr::V6(_) => "ip6",
        };
        format!("insert rule inet filter forward {family} daddr {address} tcp dport {port} accept")
    });
    with_words(PACKET_FILTER, words, rule.into_iter().collect())
}

/// What this host itself does not let out: nftables' matches, each once.
pub(super) fn held_back(group: &[Cased<'_, '_>]) -> Vec<String> {
    let mut found = Vec::new();
    for evidence in group.iter().flat_map(|one| &one.check.evidence) {
        let mut parts = evidence.value.split(' ');
        let (Some(transport), Some(Ok(address)), Some(port), None) = (
            parts.next(),
            parts.next().map(str::parse::<IpAddr>),
            parts.next(),
            parts.next(),
        ) else {
            continue;
        };
        if evidence.kind != HELD_BACK {
            continue;
        }
        let family = if address.is_ipv4() { "ip" } else { "ip6" };
        // Long answers of name servers come over TCP.
        let transports: &[&str] = match (transport, port) {
            ("udp", "53") => &["udp", "tcp"],
            ("udp", _) => &["udp"],
            _ => &["tcp"],
        };
        for transport in transports {
            let one = format!("{family} daddr {address} {transport} dport {port}");
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found.sort();
    found
}

/// Let these destinations out of this host.
pub(super) fn let_out(matches: Vec<String>) -> Mend {
    with_words(
        PACKET_FILTER,
        "on this host, in the chain that drops what goes out (here: output of the table inet filter):"
            .to_owned(),
        cut(matches
            .into_iter()
            .map(|one| format!("nft insert rule inet filter output {one} accept"))
            .collect()),
    )
}
