//! From the endpoints of a selection to tuples that a target can say.

use std::collections::{BTreeMap, BTreeSet};

use super::ports::merged;
use super::said::{Said, together, worst};
use super::way::{Way, ways};
use super::{Asker, Destination, End, Rule, Target, absorb};
use crate::endpoint::{PortRange, Transport};
use crate::flow::{Direction, Flow};
use crate::host::Host;
use crate::party::PartyId;
use crate::render::How;
use crate::render::perimeter::held_back;
use crate::select::{Reason, ResolvedEndpoint, Selected};

/// What one endpoint asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) way: Way,
    pub(super) from: Vec<Host>,
    pub(super) to: Option<Host>,
    pub(super) transport: Transport,
    pub(super) ports: Vec<PortRange>,
    pub(super) source_ports: Vec<PortRange>,
    pub(super) web: bool,
    /// Whether nothing passes by it yet.
    pub(super) hollow: bool,
    pub(super) asked: BTreeSet<Asker>,
}

pub(super) struct Collected<'t> {
    pub(super) target: &'t dyn Target,
    pub(super) tuples: Vec<Tuple>,
    pub(super) fates: BTreeMap<Asker, Vec<Said>>,
}

impl Collected<'_> {
    pub(super) fn flow(&mut self, place: usize, selected: &Selected<'_>, role: Option<&PartyId>) {
        let perimeter = match selected.perimeter() {
            Ok(perimeter) => perimeter,
            Err(reason) => {
                for (number, endpoint) in selected.endpoints.iter().enumerate() {
                    let own = match &reason {
                        Reason::HostUnknown
                        | Reason::HostToBeSet(_)
                        | Reason::TransportUnknown
                        | Reason::PortUnknown
                        | Reason::Unset(_) => endpoint.gap(),
                        _ => None,
                    };
                    let how = held_back(own.as_ref().unwrap_or(&reason));
                    self.fate((place, number), how.into());
                }
                return;
            }
        };
        for (endpoint, reason) in &perimeter.held_back {
            self.fate((place, *endpoint), held_back(reason).into());
        }
        let ways = ways(selected, role);
        for (number, endpoint) in &perimeter.passing {
            if ways.is_empty() {
                let words = "no process of that role takes part".to_owned();
                self.fate((place, *number), How::NotNeeded(words).into());
            }
            for way in &ways {
                self.endpoint((place, *number), selected.flow, endpoint, *way);
            }
        }
    }

    fn endpoint(&mut self, place: Asker, flow: &Flow, endpoint: &ResolvedEndpoint, way: Way) {
        let web = self.target.tells_web_apart() && is_web(flow, endpoint);
        let mut said = vec![self.target.transport(endpoint.transport)];
        let to = (way != Way::In).then(|| endpoint.host.clone());
        if let Some(host) = &to {
            let end = if flow.direction == Direction::Inbound {
                End::ListensInside
            } else {
                End::Listens
            };
            said.push(self.target.host(host, end, web));
        }
        let mut from = Vec::new();
        if way != Way::Out && !endpoint.from.is_empty() {
            let (kept, how) = self.from(&endpoint.from, web);
            from = kept;
            said.push(how);
        }
        let mut source_ports = merged(&flow.source_ports);
        if !source_ports.is_empty() && !self.target.source_ports() {
            source_ports.clear();
            said.push(Said::widened("from any source port"));
        }
        let said = worst(said);
        let hollow = said.hollow;
        let written = hollow || !matches!(said.how, How::NotAtAll(_));
        self.fate(place, said);
        if written {
            self.tuples.push(Tuple {
                way,
                from,
                to,
                transport: endpoint.transport,
                ports: if endpoint.transport.has_ports() {
                    merged(&endpoint.ports)
                } else {
                    Vec::new()
                },
                source_ports,
                web,
                hollow,
                asked: BTreeSet::from([place]),
            });
        }
    }

    /// Those who dial, as far as the target can name them.
    fn from(&self, hosts: &[Host], web: bool) -> (Vec<Host>, Said) {
        let mut kept = Vec::new();
        let mut said = Vec::new();
        for host in hosts {
            let how = self.target.host(host, End::Dials, web);
            if how.hollow || !matches!(how.how, How::NotAtAll(_)) {
                kept.push(host.clone());
            }
            said.push(how);
        }
        absorb::reduce(&mut kept);
        (kept, together(said))
    }

    fn fate(&mut self, place: Asker, said: Said) {
        self.fates.entry(place).or_default().push(said);
    }
}

/// Whether HTTP or TLS is spoken: as the row says, else by the ports that they have.
fn is_web(flow: &Flow, endpoint: &ResolvedEndpoint) -> bool {
    if endpoint.transport != Transport::Tcp {
        return false;
    }
    match endpoint.protocol.as_deref().map(str::to_ascii_lowercase) {
        Some(protocol) => ["http", "tls", "ssl"]
            .iter()
            .any(|word| protocol.contains(word)),
        None => {
            flow.tls.is_some()
                || endpoint
                    .ports
                    .iter()
                    .all(|port| matches!(port.only(), Some(80 | 443)))
        }
    }
}

/// The tuples that differ in the destination alone, together.
pub(super) fn group(tuples: Vec<Tuple>) -> Vec<Rule> {
    let mut rules: Vec<(BTreeSet<usize>, Rule)> = Vec::new();
    for tuple in tuples {
        let flows: BTreeSet<usize> = tuple.asked.iter().map(|place| place.0).collect();
        let same = rules.iter_mut().find(|(known, rule)| {
            *known == flows
                && rule.way == tuple.way
                && rule.from == tuple.from
                && rule.transport == tuple.transport
                && rule.ports == tuple.ports
                && rule.source_ports == tuple.source_ports
                && rule.web == tuple.web
        });
        let to = Destination {
            host: tuple.to,
            asked: tuple.asked,
        };
        match same {
            Some((_, rule)) => rule.to.push(to),
            None => rules.push((
                flows,
                Rule {
                    way: tuple.way,
                    from: tuple.from,
                    to: vec![to],
                    transport: tuple.transport,
                    ports: tuple.ports,
                    source_ports: tuple.source_ports,
                    web: tuple.web,
                },
            )),
        }
    }
    let mut rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
    rules.sort_by_key(|rule| (rule.way, rule.first()));
    rules
}
