//! Cells of lists as people write them: hosts, ports, transports.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::endpoint::{MatchKind, PortRange, Transport};
use crate::host::Name;

/// Networks that a range of addresses is cut into, at most.
const MAX_NETWORKS_OF_A_RANGE: usize = 64;

/// One host of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostCell {
    pub(super) kind: MatchKind,
    pub(super) value: String,
    /// The scheme of a URL, lower-case.
    pub(super) scheme: Option<String>,
    /// The port that stands behind the host, or that the scheme means.
    pub(super) port: Option<PortRange>,
    /// The part of a URL behind the host, unless it is only a slash.
    pub(super) path: Option<String>,
}

/// One port or range of a cell with what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PortCell {
    /// [`Transport::Unknown`] where the cell doesn't say.
    pub(super) transport: Transport,
    /// `None` for a transport without ports, or whose ports the cell doesn't name.
    pub(super) ports: Option<PortRange>,
    pub(super) protocol: Option<String>,
}

/// The hosts of a cell, and the words that are none.
pub(super) fn hosts(cell: &str) -> (Vec<HostCell>, Vec<String>) {
    let mut found = Vec::new();
    let mut strange = Vec::new();
    let spaced = cell.replace(" - ", "-").replace(" – ", "-");
    for word in spaced.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|')) {
        let word = word.trim_matches(|c: char| matches!(c, '<' | '>' | '"' | '\'' | '(' | ')'));
        if word.is_empty() || ["and", "or", "et", "ou", "-", "•"].contains(&word) {
            continue;
        }
        match range(word).unwrap_or_else(|| host(word).map(|host| vec![host])) {
            Some(hosts) => found.extend(hosts),
            None => strange.push(word.to_owned()),
        }
    }
    (found, strange)
}

/// `first-last` of addresses as networks; `None` where the word is no such range.
fn range(word: &str) -> Option<Option<Vec<HostCell>>> {
    let (first, last) = word.split_once(['-', '–'])?;
    let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
    let networks: Vec<IpNet> = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            ipnet::Ipv4Subnets::new(first, last, 0)
                .take(MAX_NETWORKS_OF_A_RANGE + 1)
                .map(IpNet::V4)
                .collect()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            ipnet::Ipv6Subnets::new(first, last, 0)
                .take(MAX_NETWORKS_OF_A_RANGE + 1)
                .map(IpNet::V6)
                .collect()
        }
        _ => return Some(None),
    };
    if networks.len() > MAX_NETWORKS_OF_A_RANGE {
        return Some(None);
    }
    Some(Some(networks.into_iter().map(network).collect()))
}

fn network(network: IpNet) -> HostCell {
    if network.prefix_len() == network.max_prefix_len() {
        plain(MatchKind::Ip, network.addr().to_string())
    } else {
        plain(MatchKind::Cidr, network.trunc().to_string())
    }
}

fn plain(kind: MatchKind, value: String) -> HostCell {
    HostCell {
        kind,
        value,
        scheme: None,
        port: None,
        path: None,
    }
}

/// One host: an address, a network, a name, a name with a wildcard, a URL; `None` for other words.
pub(super) fn host(word: &str) -> Option<HostCell> {
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, word),
    };
    if scheme.is_none()
        && let Some(found) = address(rest)
    {
        return Some(found);
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => (rest.get(..at)?, rest.get(at..)?),
        None => (rest, ""),
    };
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name, Some(PortRange::parse(port).ok()?))
        }
        _ => (authority, None),
    };
    let unbracketed = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let mut found = match unbracketed.map_or_else(|| address(name), address) {
        Some(found) => found,
        None => named(name)?,
    };
    found.port = port.or_else(|| scheme.as_deref().and_then(scheme_port));
    found.scheme = scheme;
    found.path = (path.len() > 1).then(|| path.to_owned());
    Some(found)
}

/// The ports that RFC 9110 (sections 4.2.1 and 4.2.2) and RFC 959 give the schemes.
fn scheme_port(scheme: &str) -> Option<PortRange> {
    let port = match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        _ => return None,
    };
    PortRange::single(port).ok()
}

fn address(word: &str) -> Option<HostCell> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(plain(MatchKind::Ip, address.to_string()));
    }
    word.parse::<IpNet>().ok().map(network)
}

fn named(name: &str) -> Option<HostCell> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let (kind, name) = if let Some(rest) = name.strip_prefix("*.") {
        (MatchKind::AnyDepth, rest)
    } else if let Some(rest) = name.strip_prefix('.') {
        (MatchKind::ApexAndSubdomains, rest)
    } else {
        (MatchKind::Exact, name)
    };
    // A word without a dot is more often a remark than a host.
    let name = Name::parse(name)
        .ok()
        .filter(|name| name.as_str().contains('.'))?;
    Some(plain(kind, name.as_str().to_owned()))
}

/// The transports of a word such as `TCP`, `tcp/udp` or `HTTPS`; `None` where it names none.
pub(super) fn transports(cell: &str) -> Option<(Vec<Transport>, Option<String>)> {
    let mut found = Vec::new();
    let mut protocol = None;
    for word in cell.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '/' | '&' | '+'))
    {
        let word = word
            .trim_matches(|c: char| matches!(c, '(' | ')' | ':'))
            .to_ascii_lowercase();
        if word.is_empty() || ["and", "et", "or", "ou"].contains(&word.as_str()) {
            continue;
        }
        if let Some(transport) = transport(&word) {
            found.push(transport);
        } else if let Some(carried_by) = application(&word) {
            found.extend(carried_by);
            protocol = Some(word);
        } else {
            return None;
        }
    }
    found.sort_unstable();
    found.dedup();
    (!found.is_empty()).then_some((found, protocol))
}

fn transport(word: &str) -> Option<Transport> {
    Some(match word {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        "esp" => Transport::Esp,
        "icmp" | "ping" => Transport::Icmp,
        _ => return None,
    })
}

/// Words for what is spoken above the transport, with the transport that their standard names
/// alone.
fn application(word: &str) -> Option<Option<Transport>> {
    Some(match word {
        "http" | "https" | "tls" | "ssl" | "smb" | "ssh" | "rdp" | "ldap" | "ldaps" | "smtp"
        | "ftp" | "wss" | "ws" => Some(Transport::Tcp),
        "ntp" | "dhcp" | "snmp" | "tftp" | "dtls" => Some(Transport::Udp),
        "dns" | "syslog" | "radius" | "kerberos" => None,
        _ => return None,
    })
}

/// The ports of a cell such as `443`, `TCP: 443, 80`, `443/tcp, 53/udp`, `8000-8010` or
/// `HTTPS (443)`.
///
/// # Errors
/// The word that is not understood; the whole cell is unknown then.
pub(super) fn ports(cell: &str) -> Result<Vec<PortCell>, String> {
    let mut found: Vec<PortCell> = Vec::new();
    let mut lead: Vec<Transport> = Vec::new();
    let mut lead_is_used = true;
    let mut protocol: Option<String> = None;
    let starts_with_number = cell
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .starts_with(|c: char| c.is_ascii_digit());
    for word in words(cell) {
        let lower = word.to_ascii_lowercase();
        if ["and", "or", "et", "ou", "port", "ports"].contains(&lower.as_str()) {
            continue;
        }
        if let Some(transport) = transport(&lower) {
            if starts_with_number {
                suffix(&mut found, transport);
            } else {
                if lead_is_used {
                    lead.clear();
                }
                lead.push(transport);
                lead_is_used = false;
            }
        } else if let Some(carried_by) = application(&lower) {
            match found.last_mut() {
                Some(last) if starts_with_number => {
                    if last.transport == Transport::Unknown {
                        last.transport = carried_by.unwrap_or(Transport::Unknown);
                    }
                    last.protocol = Some(lower);
                }
                _ => protocol = Some(lower),
            }
        } else if let Ok(ports) = PortRange::parse(&lower) {
            push(&mut found, &lead, ports, protocol.take());
            lead_is_used = true;
        } else {
            return Err(word);
        }
    }
    if !lead_is_used {
        for transport in lead {
            found.push(PortCell {
                transport,
                ports: None,
                protocol: protocol.clone(),
            });
        }
    }
    Ok(found)
}

/// A transport behind ports: it is theirs, as far back as none was said.
fn suffix(found: &mut Vec<PortCell>, transport: Transport) {
    let open = found
        .iter()
        .rposition(|cell| cell.transport != Transport::Unknown)
        .map_or(0, |at| at + 1);
    if open < found.len() {
        for cell in found.iter_mut().skip(open) {
            cell.transport = transport;
        }
    } else if let Some(last) = found.last().cloned() {
        found.push(PortCell { transport, ..last });
    }
}

fn push(found: &mut Vec<PortCell>, lead: &[Transport], ports: PortRange, protocol: Option<String>) {
    let carried_by = protocol.as_deref().and_then(application).flatten();
    let transports = match (lead, carried_by) {
        ([], Some(transport)) => vec![transport],
        ([], None) => vec![Transport::Unknown],
        (lead, _) => lead.to_vec(),
    };
    for transport in transports {
        found.push(PortCell {
            transport,
            ports: Some(ports),
            protocol: protocol.clone(),
        });
    }
}

/// Words and numbers; `8000 - 8010` is one word.
fn words(cell: &str) -> Vec<String> {
    let mut joined = String::with_capacity(cell.len());
    for c in cell.chars() {
        match c {
            '–' | '—' => joined.push('-'),
            ',' | ';' | '/' | '&' | '+' | '(' | ')' | ':' | '|' | '[' | ']' | '•' => {
                joined.push(' ')
            }
            c if c.is_whitespace() => joined.push(' '),
            c => joined.push(c),
        }
    }
    while joined.contains("  ") {
        joined = joined.replace("  ", " ");
    }
    joined
        .replace(" - ", "-")
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cell: &str) -> String {
        match ports(cell) {
            Ok(found) => found
                .iter()
                .map(|cell| {
                    let ports = cell
                        .ports
                        .map_or_else(String::new, |ports| ports.to_string());
                    format!("{}/{ports}", cell.transport.as_str())
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(word) => format!("? {word}"),
        }
    }

    #[test]
    fn ports_are_read_as_people_write_them() {
        for (cell, expected) in [
            ("443", "unknown/443"),
            ("TCP: 443, 80", "tcp/443 tcp/80"),
            (
                "TCP 139, 445 UDP 137, 138",
                "tcp/139 tcp/445 udp/137 udp/138",
            ),
            ("443/tcp, 53/udp", "tcp/443 udp/53"),
            ("53/tcp/udp", "tcp/53 udp/53"),
            ("TCP/UDP 53", "tcp/53 udp/53"),
            ("80, 443 TCP", "tcp/80 tcp/443"),
            ("8000 – 8010", "unknown/8000-8010"),
            ("HTTPS (443)", "tcp/443"),
            ("443 (https)", "tcp/443"),
            ("ESP", "esp/"),
            ("UDP 500 and 4500", "udp/500 udp/4500"),
            ("ALL", "? ALL"),
            ("1024+, 99999", "? 99999"),
            (">1023", "? >1023"),
            ("*", "? *"),
            ("", ""),
        ] {
            assert_eq!(shown(cell), expected, "{cell:?}");
        }
    }

    #[test]
    fn hosts_are_read_as_people_write_them() {
        let kinds = |cell: &str| -> Vec<(MatchKind, String, Option<u16>)> {
            hosts(cell)
                .0
                .into_iter()
                .map(|host| (host.kind, host.value, host.port.and_then(PortRange::only)))
                .collect()
        };
        assert_eq!(
            kinds("*.Example.com, .example.net;\nhttps://a.example.org/x\tb.example:8443"),
            [
                (MatchKind::AnyDepth, "example.com".into(), None),
                (MatchKind::ApexAndSubdomains, "example.net".into(), None),
                (MatchKind::Exact, "a.example.org".into(), Some(443)),
                (MatchKind::Exact, "b.example".into(), Some(8443)),
            ]
        );
        assert_eq!(
            kinds("192.0.2.0-192.0.2.130 [2001:db8::1]:443 198.51.100.7/24"),
            [
                (MatchKind::Cidr, "192.0.2.0/25".into(), None),
                (MatchKind::Cidr, "192.0.2.128/31".into(), None),
                (MatchKind::Ip, "192.0.2.130".into(), None),
                (MatchKind::Ip, "2001:db8::1".into(), Some(443)),
                (MatchKind::Cidr, "198.51.100.0/24".into(), None),
            ]
        );
    }

    #[test]
    fn words_that_are_no_host_are_named() {
        for word in [
            "any",
            "ALL",
            "a*.example.com",
            "x.*.example.com",
            "*",
            "<tenant>.example.com/é:x",
            "300.1.1.1",
            "host:99999.x",
        ] {
            let (found, strange) = hosts(word);
            assert!(found.is_empty() && strange.len() == 1, "{word:?} {found:?}");
        }
    }
}
