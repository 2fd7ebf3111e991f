//! What a proxy sees of a selection: rules of hosts, ports and methods, each once.

use std::collections::BTreeSet;

use super::How;
use super::comment::whole_line;
use super::perimeter::Crossing;
use crate::endpoint::{PortRange, Transport};
use crate::flow::Direction;
use crate::host::Host;
use crate::select::Selected;

/// Hosts that the same clients may reach on the same ports in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) clients: Vec<Host>,
    pub(super) method: Method,
    pub(super) ports: Vec<PortRange>,
    pub(super) hosts: Vec<Asked>,
}

/// A host, and who asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) host: Host,
    /// `flow: purpose`, each once.
    pub(super) reasons: Vec<String>,
}

/// How a client asks the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    /// A tunnel, for TLS and for all that is not HTTP.
    Connect,
    /// A request that the proxy reads, for plain HTTP.
    Request,
    Any,
}

impl Method {
    fn of(protocol: Option<&str>) -> Self {
        match protocol.map(str::to_ascii_lowercase).as_deref() {
            Some("http") => Self::Request,
            Some(_) => Self::Connect,
            None => Self::Any,
        }
    }

    fn includes(self, other: Self) -> bool {
        self == other || self == Self::Any
    }
}

/// One host on one range of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tuple {
    clients: Vec<Host>,
    method: Method,
    host: Host,
    ports: PortRange,
    reasons: Vec<String>,
}

impl Tuple {
    fn includes(&self, other: &Self) -> bool {
        self.clients == other.clients
            && self.method.includes(other.method)
            && self.host.includes(&other.host)
            && self.ports.first() <= other.ports.first()
            && self.ports.last() >= other.ports.last()
    }
}

/// Rules for a proxy, as they are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    tuples: Vec<Tuple>,
}

/// Why a flow is none of a web proxy's affairs, whatever is known of it.
pub(super) fn beside_the_proxy(selected: &Selected<'_>) -> Option<How> {
    match selected.flow.direction {
        Direction::Outbound | Direction::Unknown => None,
        Direction::Internal | Direction::Loopback => {
            Some(How::NotNeeded("it stays inside the site".to_owned()))
        }
        Direction::Inbound => Some(How::NotNeeded(
            "it comes in from outside, which is not a proxy's way".to_owned(),
        )),
    }
}

/// Why a destination is none for a proxy; `None` when it is one.
pub(super) fn not_for_a_proxy(crossing: Crossing<'_>) -> Option<How> {
    match crossing.endpoint.transport {
        Transport::Tcp => None,
        Transport::Udp | Transport::Esp | Transport::Icmp | Transport::Unknown => Some(
            How::NotAtAll("a web proxy carries TCP alone; permit it at the firewall".to_owned()),
        ),
    }
}

impl Gathered {
    pub(super) fn add(&mut self, crossing: Crossing<'_>, method: Method, purpose: &str) {
        let reason = whole_line(&format!("{}: {purpose}", crossing.selected.flow.id));
        let clients: BTreeSet<Host> = crossing.endpoint.from.iter().cloned().collect();
        for ports in &crossing.endpoint.ports {
            let tuple = Tuple {
                clients: clients.iter().cloned().collect(),
                method,
                host: crossing.endpoint.host.clone(),
                ports: *ports,
                reasons: vec![reason.clone()],
            };
            self.take(tuple);
        }
    }

    /// The method that an endpoint's protocol asks for.
    pub(super) fn method(crossing: Crossing<'_>) -> Method {
        Method::of(crossing.endpoint.protocol.as_deref())
    }

    fn take(&mut self, tuple: Tuple) {
        if let Some(broader) = self.tuples.iter_mut().find(|known| known.includes(&tuple)) {
            add_reasons(&mut broader.reasons, tuple.reasons);
            return;
        }
        let mut tuple = tuple;
        self.tuples.retain(|known| {
            let absorbed = tuple.includes(known);
            if absorbed {
                add_reasons(&mut tuple.reasons, known.reasons.clone());
            }
            !absorbed
        });
        self.tuples.push(tuple);
    }

    /// The rules, hosts with the same ports together.
    pub(super) fn groups(&self) -> Vec<Group> {
        // A host's ports first, so that hosts with the same ones meet.
        let mut of_hosts: Vec<Group> = Vec::new();
        for tuple in &self.tuples {
            let known = of_hosts.iter_mut().find(|group| {
                group.clients == tuple.clients
                    && group.method == tuple.method
                    && group.hosts.iter().all(|asked| asked.host == tuple.host)
            });
            match known {
                Some(group) => {
                    group.ports.push(tuple.ports);
                    group.ports.sort_unstable();
                    for asked in &mut group.hosts {
                        add_reasons(&mut asked.reasons, tuple.reasons.clone());
                    }
                }
                None => of_hosts.push(Group {
                    clients: tuple.clients.clone(),
                    method: tuple.method,
                    ports: vec![tuple.ports],
                    hosts: vec![Asked {
                        host: tuple.host.clone(),
                        reasons: tuple.reasons.clone(),
                    }],
                }),
            }
        }
        let mut groups: Vec<Group> = Vec::new();
        for one in of_hosts {
            let known = groups.iter_mut().find(|group| {
                group.clients == one.clients
                    && group.method == one.method
                    && group.ports == one.ports
            });
            match known {
                Some(group) => group.hosts.extend(one.hosts),
                None => groups.push(one),
            }
        }
        groups
    }
}

fn add_reasons(reasons: &mut Vec<String>, more: Vec<String>) {
    for reason in more {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
}
