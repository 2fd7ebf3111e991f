//! Addresses and services by name.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::parse::Entry;
use crate::audit::packet::number;
use crate::endpoint::PortRange;

/// Groups inside groups.
const MAX_DEPTH: usize = 8;

/// What a name of addresses stands for.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    pub(super) v4: Vec<(u128, u128)>,
    pub(super) v6: Vec<(u128, u128)>,
    /// `d` or `*.d`.
    pub(super) names: Vec<String>,
    /// Parts whose meaning is not in the file.
    pub(super) unknown: Vec<String>,
}

/// What a name of services stands for.
#[derive(Debug, Clone, Default)]
pub(super) struct Services {
    /// Protocol, ports of the destination.
    pub(super) ports: Vec<(u128, (u128, u128))>,
    /// Whole protocols.
    pub(super) protocols: Vec<(u128, u128)>,
    pub(super) unknown: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Objects<'e> {
    addresses: BTreeMap<&'e str, Vec<&'e Entry>>,
    services: BTreeMap<&'e str, &'e Entry>,
}

impl<'e> Objects<'e> {
    pub(super) fn new(entries: &'e [Entry], vdom: &str) -> Self {
        let mut objects = Self::default();
        for entry in entries.iter().filter(|entry| entry.vdom == vdom) {
            match entry.path.as_str() {
                "firewall address"
                | "firewall addrgrp"
                | "firewall address6"
                | "firewall addrgrp6"
                | "firewall wildcard-fqdn custom"
                | "firewall wildcard-fqdn group" => {
                    objects
                        .addresses
                        .entry(entry.name())
                        .or_default()
                        .push(entry);
                }
                "firewall service custom" | "firewall service group" => {
                    objects.services.insert(entry.name(), entry);
                }
                _ => {}
            }
        }
        objects
    }

    pub(super) fn addresses(&self, names: &[String]) -> Addresses {
        let mut found = Addresses::default();
        for name in names {
            self.address(name, 0, &mut found);
        }
        found
    }

    fn address(&self, name: &str, depth: usize, found: &mut Addresses) {
        let Some(entries) = self.addresses.get(name).filter(|_| depth <= MAX_DEPTH) else {
            match name {
                "all" => {
                    found.v4.push((0, u128::from(u32::MAX)));
                    found.v6.push((0, u128::MAX));
                }
                "none" => {}
                other => found.unknown.push(other.to_owned()),
            }
            return;
        };
        for entry in entries {
            match entry.path.as_str() {
                "firewall addrgrp" | "firewall addrgrp6" | "firewall wildcard-fqdn group" => {
                    if entry.is_on("exclude") {
                        found.unknown.push(name.to_owned());
                    }
                    for member in entry.words("member") {
                        self.address(member, depth + 1, found);
                    }
                }
                _ => one_address(entry, found),
            }
        }
    }

    pub(super) fn services(&self, names: &[String]) -> Services {
        let mut found = Services::default();
        for name in names {
            self.service(name, 0, &mut found);
        }
        found
    }

    fn service(&self, name: &str, depth: usize, found: &mut Services) {
        match self.services.get(name).filter(|_| depth <= MAX_DEPTH) {
            Some(entry) if entry.path == "firewall service group" => {
                for member in entry.words("member") {
                    self.service(member, depth + 1, found);
                }
            }
            Some(entry) => one_service(entry, found),
            None => match built_in(name) {
                Some((protocol, Some(port))) => found.ports.push((protocol, (port, port))),
                Some((0, None)) => found.protocols.push((0, 255)),
                Some((protocol, None)) => found.protocols.push((protocol, protocol)),
                None => found.unknown.push(name.to_owned()),
            },
        }
    }
}

fn one_address(entry: &Entry, found: &mut Addresses) {
    let v4 = |word: &str| word.parse::<Ipv4Addr>().ok();
    let read = || -> Option<()> {
        match entry.word("type") {
            "fqdn" | "wildcard-fqdn" => {
                let name = [entry.word("fqdn"), entry.word("wildcard-fqdn")]
                    .into_iter()
                    .find(|name| !name.is_empty())?;
                found.names.push(name.to_ascii_lowercase());
            }
            "iprange" if entry.path.ends_with('6') => {
                let end = |key: &str| entry.word(key).parse::<Ipv6Addr>().ok();
                found.v6.push((
                    number(end("start-ip")?.into()),
                    number(end("end-ip")?.into()),
                ));
            }
            "iprange" => {
                found.v4.push((
                    number(v4(entry.word("start-ip"))?.into()),
                    number(v4(entry.word("end-ip"))?.into()),
                ));
            }
            "" | "ipmask" | "ipprefix" if entry.path.ends_with('6') => {
                let network: ipnet::Ipv6Net = match entry.word("ip6") {
                    "" => "::/0".parse().ok()?,
                    text => text.parse().ok()?,
                };
                found.v6.push((
                    number(network.network().into()),
                    number(network.broadcast().into()),
                ));
            }
            "" if entry.path.starts_with("firewall wildcard-fqdn") => {
                found
                    .names
                    .push(entry.word("wildcard-fqdn").to_ascii_lowercase());
            }
            "" | "ipmask" => {
                // Without a subnet it stands for every address.
                let (address, mask) = match entry.words("subnet") {
                    [] => (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED),
                    [one] => {
                        let network: ipnet::Ipv4Net = one.parse().ok()?;
                        (network.network(), network.netmask())
                    }
                    [address, mask, ..] => (v4(address)?, v4(mask)?),
                };
                let network = ipnet::Ipv4Net::with_netmask(address, mask).ok()?;
                found.v4.push((
                    number(network.network().into()),
                    number(network.broadcast().into()),
                ));
            }
            _ => return None,
        }
        Some(())
    };
    let mut read = read;
    if read().is_none() {
        found.unknown.push(entry.name().to_owned());
    }
}

fn one_service(entry: &Entry, found: &mut Services) {
    // A service that is bound to addresses says more than ports.
    if !entry.word("iprange").is_empty() && entry.word("iprange") != "0.0.0.0"
        || !entry.word("fqdn").is_empty()
    {
        found.unknown.push(entry.name().to_owned());
        return;
    }
    match entry.word("protocol") {
        "IP" => {
            let protocol = entry.word("protocol-number").parse().unwrap_or(0_u128);
            found.protocols.push(if protocol == 0 {
                (0, 255)
            } else {
                (protocol, protocol)
            });
        }
        "ICMP" => found.protocols.push((1, 1)),
        "ICMP6" => found.protocols.push((58, 58)),
        "" | "TCP/UDP/SCTP" | "TCP/UDP/UDP-Lite/SCTP" => {
            for (key, protocol) in [
                ("tcp-portrange", 6),
                ("udp-portrange", 17),
                ("sctp-portrange", 132),
            ] {
                for word in entry.words(key) {
                    // DESTINATION:SOURCE; a range of source ports is a condition of its own.
                    let (ports, source) = word
                        .split_once(':')
                        .map_or((word.as_str(), None), |(ports, source)| {
                            (ports, Some(source))
                        });
                    let whole = source.is_none_or(|source| {
                        ["0-65535", "1-65535", "1024-65535"].contains(&source)
                    });
                    match PortRange::parse(ports) {
                        Ok(ports) if whole => {
                            found.ports.push((
                                protocol,
                                (u128::from(ports.first()), u128::from(ports.last())),
                            ));
                        }
                        _ => found.unknown.push(entry.name().to_owned()),
                    }
                }
            }
        }
        _ => found.unknown.push(entry.name().to_owned()),
    }
}

/// Services that a FortiGate has from the beginning, in case a backup leaves them out.
fn built_in(name: &str) -> Option<(u128, Option<u128>)> {
    Some(match name {
        "ALL" => (0, None),
        "ALL_TCP" => (6, None),
        "ALL_UDP" => (17, None),
        "ALL_ICMP" | "PING" => (1, None),
        "ALL_ICMP6" => (58, None),
        "ESP" => (50, None),
        "HTTP" => (6, Some(80)),
        "HTTPS" => (6, Some(443)),
        "SSH" => (6, Some(22)),
        "SMTP" => (6, Some(25)),
        "LDAP" => (6, Some(389)),
        "SYSLOG" => (17, Some(514)),
        _ => return None,
    })
}
