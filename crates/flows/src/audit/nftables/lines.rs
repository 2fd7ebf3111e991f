//! The lines that let a flow through.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::audit::question::Question;
use crate::endpoint::Transport;
use crate::host::Host;

/// Rules at the head of a chain that accept the first packets; a comment where the addresses
/// are not known, as nftables knows no names.
pub(super) fn first(chain: &str, v4: bool, v6: bool, question: &Question<'_>) -> Vec<String> {
    if question.addresses.is_empty() {
        let host = &question.endpoint.host;
        let key = match host {
            Host::OneLabel(name) | Host::AnyDepth(name) | Host::ApexAndSubdomains(name) => {
                format!("*.{name}")
            }
            Host::Exact(_) | Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => {
                host.value()
            }
        };
        return vec![format!(
            "# {}: nftables knows no names; with --address {key}=ADDRESS a line is written here",
            question.flow.id
        )];
    }
    let mut lines = Vec::new();
    for (wanted, keyword) in [(v4, "ip"), (v6, "ip6")] {
        let of_family = |networks: &[IpNet]| -> Vec<String> {
            networks
                .iter()
                .filter(|network| network.addr().is_ipv4() == (keyword == "ip"))
                .map(written)
                .collect()
        };
        let destinations = of_family(&question.addresses);
        let sources = of_family(&question.sources);
        if !wanted
            || destinations.is_empty()
            || (sources.is_empty() && !question.sources.is_empty())
        {
            continue;
        }
        let mut rule = format!("insert rule {chain}");
        if !sources.is_empty() {
            rule.push_str(&format!(" {keyword} saddr {}", set(&sources)));
        }
        rule.push_str(&format!(" {keyword} daddr {}", set(&destinations)));
        rule.push_str(&transport(question, keyword));
        rule.push_str(&format!(" counter accept comment \"{}\"", question.flow.id));
        lines.push(rule);
    }
    lines
}

fn transport(question: &Question<'_>, keyword: &str) -> String {
    let ports: Vec<String> = question
        .endpoint
        .ports
        .iter()
        .map(ToString::to_string)
        .collect();
    match question.endpoint.transport {
        Transport::Tcp => format!(" tcp dport {}", set(&ports)),
        Transport::Udp => format!(" udp dport {}", set(&ports)),
        Transport::Esp => " meta l4proto esp".to_owned(),
        Transport::Icmp if keyword == "ip" => " meta l4proto icmp".to_owned(),
        Transport::Icmp => " meta l4proto ipv6-icmp".to_owned(),
        Transport::Unknown => String::new(),
    }
}

/// A rule at the head of a chain that accepts what belongs to connections that were let through.
pub(super) fn established(chain: &str) -> String {
    format!("insert rule {chain} ct state established,related counter accept comment \"answers\"")
}

fn written(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        let address: IpAddr = network.addr();
        address.to_string()
    } else {
        network.trunc().to_string()
    }
}

fn set(words: &[String]) -> String {
    match words {
        [one] => one.clone(),
        more => format!("{{ {} }}", more.join(", ")),
    }
}
