//! What is asked of a rule set: one endpoint of a flow, with all that is known about its ends.

use std::net::IpAddr;

use ipnet::IpNet;

use super::AuditOptions;
use super::packet::{FAMILY_V4, FAMILY_V6, Packets, Value, number, state};
use crate::endpoint::Transport;
use crate::flow::Flow;
use crate::host::Host;
use crate::render::rules::Way;
use crate::select::ResolvedEndpoint;

/// Pairs of addresses, times ports, that are judged for one endpoint.
const MAX_BOXES: usize = 4_096;

/// One endpoint of a flow.
#[derive(Debug)]
pub(super) struct Question<'s> {
    pub(super) flow: &'s Flow,
    /// The endpoint's place among its flow's.
    pub(super) number: usize,
    pub(super) endpoint: &'s ResolvedEndpoint,
    /// The networks behind the host; empty: not known.
    pub(super) addresses: Vec<IpNet>,
    /// The networks that the connection comes from; empty: not known.
    pub(super) sources: Vec<IpNet>,
    /// The sides on which a host in the asked role takes part; empty where no role is asked about.
    pub(super) ways: Vec<Way>,
}

impl<'s> Question<'s> {
    pub(super) fn new(
        flow: &'s Flow,
        number: usize,
        endpoint: &'s ResolvedEndpoint,
        options: &AuditOptions<'_>,
    ) -> Self {
        let sources: Option<Vec<Vec<IpNet>>> = endpoint
            .from
            .iter()
            .map(|host| networks(host, options))
            .collect();
        Self {
            flow,
            number,
            endpoint,
            addresses: networks(&endpoint.host, options).unwrap_or_default(),
            sources: sources.unwrap_or_default().concat(),
            ways: Vec::new(),
        }
    }

    /// `tcp 443 to update.example.com`, for people.
    pub(super) fn shown(&self) -> String {
        let ports: Vec<String> = self
            .endpoint
            .ports
            .iter()
            .map(ToString::to_string)
            .collect();
        let transport = self.endpoint.transport.as_str();
        let host = host_text(&self.endpoint.host);
        if ports.is_empty() {
            format!("{transport} to {host}")
        } else {
            format!("{transport} {} to {host}", ports.join(", "))
        }
    }

    /// Whether its TLS could be broken open.
    pub(super) fn is_tls(&self) -> bool {
        self.flow.tls.is_some()
            || self.endpoint.protocol.as_deref().is_some_and(|protocol| {
                let protocol = protocol.to_ascii_lowercase();
                protocol.contains("tls") || protocol.contains("https") || protocol.contains("wss")
            })
    }

    /// The first packets of its connections; `None` where there are too many kinds to judge.
    pub(super) fn packets(&self) -> Option<Vec<Packets>> {
        let mut boxes = Vec::new();
        for family in self.families() {
            let v4 = family == FAMILY_V4;
            let sources = values(&self.sources, v4);
            let destinations = values(&self.addresses, v4);
            let ports: Vec<Value> = match self.endpoint.transport.has_ports() {
                true => self
                    .endpoint
                    .ports
                    .iter()
                    .map(|ports| Value::Each(u128::from(ports.first()), u128::from(ports.last())))
                    .collect(),
                false => vec![Value::Absent],
            };
            if boxes.len()
                + sources
                    .len()
                    .saturating_mul(destinations.len())
                    .saturating_mul(ports.len())
                > MAX_BOXES
            {
                return None;
            }
            for source in &sources {
                for destination in &destinations {
                    boxes.extend(
                        ports
                            .iter()
                            .map(|port| self.first(family, *source, *destination, *port)),
                    );
                }
            }
        }
        Some(boxes)
    }

    /// IPv4 alone where neither end is known.
    fn families(&self) -> Vec<u128> {
        let has = |networks: &[IpNet], v4: bool| {
            networks.is_empty() || networks.iter().any(|net| net.addr().is_ipv4() == v4)
        };
        let both_unknown = self.sources.is_empty() && self.addresses.is_empty();
        [true, false]
            .into_iter()
            .filter(|v4| {
                has(&self.sources, *v4) && has(&self.addresses, *v4) && (*v4 || !both_unknown)
            })
            .map(|v4| if v4 { FAMILY_V4 } else { FAMILY_V6 })
            .collect()
    }

    fn first(&self, family: u128, source: Value, destination: Value, port: Value) -> Packets {
        let transport = self.endpoint.transport;
        Packets {
            family,
            source,
            destination,
            protocol: match transport {
                Transport::Tcp => 6,
                Transport::Udp => 17,
                Transport::Esp => 50,
                Transport::Icmp if family == FAMILY_V4 => 1,
                Transport::Icmp => 58,
                Transport::Unknown => 255,
            },
            source_port: match (transport.has_ports(), self.flow.source_ports.as_slice()) {
                (false, _) => Value::Absent,
                (true, [one]) => Value::Each(u128::from(one.first()), u128::from(one.last())),
                // RFC 6056, section 3.2: what a host takes for itself.
                (true, _) => Value::Some(1024, 65_535),
            },
            destination_port: port,
            state: state::NEW,
            icmp_type: match transport {
                Transport::Icmp => Value::Some(0, 255),
                Transport::Tcp | Transport::Udp | Transport::Esp | Transport::Unknown => {
                    Value::Absent
                }
            },
            interface_in: Value::Absent,
            interface_out: Value::Absent,
            tcp_flags: (transport == Transport::Tcp).then_some(SYN),
            doubt: None,
        }
    }
}

pub(super) const SYN: u8 = 2;
pub(super) const ACK: u8 = 16;

/// The host as readers write it.
pub(super) fn host_text(host: &Host) -> String {
    match host {
        Host::OneLabel(name) => format!("*.{name} (one label)"),
        Host::AnyDepth(name) => format!("*.{name}"),
        Host::ApexAndSubdomains(name) => format!("{name} and *.{name}"),
        Host::Unset(variable) => format!("the unset variable {variable}"),
        Host::Unknown => "an unknown host".to_owned(),
        Host::Exact(_) | Host::Ip(_) | Host::Cidr(_) => host.value(),
    }
}

/// The networks behind a host; `None` where nobody said.
fn networks(host: &Host, options: &AuditOptions<'_>) -> Option<Vec<IpNet>> {
    let given = |keys: &[String]| {
        let found: Vec<IpNet> = keys
            .iter()
            .filter_map(|key| options.addresses.get(key))
            .flatten()
            .copied()
            .collect();
        (!found.is_empty()).then_some(found)
    };
    match host {
        Host::Ip(address) => Some(vec![IpNet::from(*address)]),
        Host::Cidr(network) => Some(vec![*network]),
        Host::Exact(name) => given(&[name.to_string()]),
        Host::OneLabel(name) | Host::AnyDepth(name) => given(&[format!("*.{name}")]),
        Host::ApexAndSubdomains(name) => {
            given(&[name.to_string(), format!("*.{name}"), format!(".{name}")])
        }
        Host::Unset(_) | Host::Unknown => None,
    }
}

fn values(networks: &[IpNet], v4: bool) -> Vec<Value> {
    if networks.is_empty() {
        let last = if v4 { u128::from(u32::MAX) } else { u128::MAX };
        return vec![Value::Some(0, last)];
    }
    networks
        .iter()
        .filter(|network| network.addr().is_ipv4() == v4)
        .map(|network| {
            let last: IpAddr = network.broadcast();
            Value::Each(number(network.network()), number(last))
        })
        .collect()
}
