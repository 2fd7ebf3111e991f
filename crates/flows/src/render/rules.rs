//! What a selection asks of a packet filter: a normalised set of rules.
//!
//! Each endpoint asks for a tuple of who dials, whom, over what, to which ports. The same tuple
//! occurs once, and what a broader rule permits is asked for by no narrower one; each rule keeps
//! every flow that asked for it. Only rows that pass [`Selected::perimeter`] take part, and only
//! what the target can say is absorbed into what it can say.

use std::collections::{BTreeMap, BTreeSet};

use super::{Expressed, Format, How, Options, RenderError};
use crate::catalogue::Catalogue;
use crate::endpoint::{PortRange, Transport};
use crate::flow::{Direction, Flow};
use crate::host::Host;
use crate::party::{PartyId, Place};
use crate::select::{Reason, ResolvedEndpoint, Selected, Selection};
use crate::tls::Inspection;

mod absorb;
pub(crate) mod addresses;
mod ports;

pub(crate) use ports::merged;

/// More endpoints are refused: rules are compared pair by pair.
const MAX_ENDPOINTS: usize = 10_000;

/// An endpoint of the selection: the flow's place, then the endpoint's.
pub(crate) type Asker = (usize, usize);

/// What a rule judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From one host to another.
    Between,
    /// Into the host that the rules are for; its own addresses are left out.
    In,
    /// Out of the host that the rules are for; its own addresses are left out.
    Out,
}

/// What a target can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) how: How,
    pub(crate) note: Option<String>,
    /// Whether a rule is written though nothing passes by it yet: its addresses come later.
    pub(crate) hollow: bool,
}

impl Said {
    pub(crate) const EXACT: Self = Self {
        how: How::Exact,
        note: None,
        hollow: false,
    };

    pub(crate) fn not_at_all(words: &str) -> Self {
        How::NotAtAll(words.to_owned()).into()
    }

    pub(crate) fn exact(note: &str) -> Self {
        Self {
            note: Some(note.to_owned()),
            ..Self::EXACT
        }
    }

    /// A rule that is written, but by which nothing passes yet.
    pub(crate) fn hollow(words: &str) -> Self {
        Self {
            how: How::NotAtAll(words.to_owned()),
            note: None,
            hollow: true,
        }
    }

    pub(crate) fn widened(words: &str) -> Self {
        How::Widened(words.to_owned()).into()
    }

    /// A name, by the addresses that the user gave for it.
    pub(crate) fn by_given_addresses() -> Self {
        Self::widened(
            "by the addresses that were given for the name: whatever else answers there is permitted too, and addresses that the name gets later are not",
        )
    }
}

impl From<How> for Said {
    fn from(how: How) -> Self {
        Self {
            how,
            note: None,
            hollow: false,
        }
    }
}

/// A kind of packet filter, as far as rules are concerned.
pub(crate) trait Target {
    /// How it matches hosts at that end of connections of that kind.
    fn host(&self, host: &Host, end: End, web: bool) -> Said;

    fn transport(&self, transport: Transport) -> Said;

    /// Whether a rule can name the ports of the side that dials.
    fn source_ports(&self) -> bool {
        true
    }

    /// Whether HTTP and TLS are matched by other means than the rest.
    fn tells_web_apart(&self) -> bool {
        false
    }
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Dials,
    Listens,
    /// Listens on the site, for connections that are opened outside of it.
    ListensInside,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) way: Way,
    /// Empty: anyone.
    pub(crate) from: Vec<Host>,
    /// Who listens, and which endpoints asked for it. One without a host where the rule is for
    /// the host itself.
    pub(crate) to: Vec<Destination>,
    pub(crate) transport: Transport,
    /// Ascending, apart from each other; empty where the transport has none.
    pub(crate) ports: Vec<PortRange>,
    /// Of the side that dials; empty: any.
    pub(crate) source_ports: Vec<PortRange>,
    /// Whether HTTP or TLS is spoken; always false for targets that don't tell it apart.
    pub(crate) web: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) host: Option<Host>,
    pub(crate) asked: BTreeSet<Asker>,
}

impl Rule {
    /// The hosts that listen; none where that is the host itself.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.to.iter().filter_map(|to| to.host.as_ref())
    }

    /// The flows that asked for it, in the selection's order.
    pub(crate) fn flows<'c>(&self, selection: &Selection<'c>) -> Vec<&'c Flow> {
        let places: BTreeSet<usize> = self
            .to
            .iter()
            .flat_map(|to| to.asked.iter().map(|place| place.0))
            .collect();
        places
            .into_iter()
            .filter_map(|place| selection.flows.get(place).map(|selected| selected.flow))
            .collect()
    }

    fn first(&self) -> Option<Asker> {
        self.to
            .iter()
            .filter_map(|to| to.asked.first().copied())
            .min()
    }
}

/// The rules of a selection for a target, and how each endpoint fares.
#[derive(Debug)]
pub(crate) struct RuleSet {
    pub(crate) rules: Vec<Rule>,
    pub(crate) report: Vec<Expressed>,
}

impl RuleSet {
    /// Normalises what a selection asks for.
    ///
    /// # Errors
    /// When there are too many endpoints, or the role is none of the catalogue's parties.
    pub(crate) fn of(
        selection: &Selection<'_>,
        options: &Options,
        format: Format,
        target: &dyn Target,
    ) -> Result<Self, RenderError> {
        let count: usize = selection
            .flows
            .iter()
            .map(|flow| flow.endpoints.len())
            .sum();
        if count > MAX_ENDPOINTS {
            return Err(RenderError::TooMany {
                format,
                count,
                most: MAX_ENDPOINTS,
            });
        }
        check_role(selection.catalogue, options)?;
        let mut collected = Collected {
            target,
            tuples: Vec::new(),
            fates: BTreeMap::new(),
        };
        for (place, selected) in selection.flows.iter().enumerate() {
            collected.flow(place, selected, options.role.as_ref());
        }
        let rules = group(absorb::absorb(collected.tuples));
        Ok(Self {
            rules,
            report: report(selection, collected.fates),
        })
    }
}

fn check_role(catalogue: &Catalogue, options: &Options) -> Result<(), RenderError> {
    let Some(role) = &options.role else {
        return Ok(());
    };
    if catalogue.party(role).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = catalogue
        .parties
        .iter()
        .map(|party| party.id.as_str())
        .collect();
    Err(RenderError::UnknownRole {
        role: role.clone(),
        known: known.join(", "),
    })
}

/// Whether a host in that role takes the part of that party.
fn plays(catalogue: &Catalogue, role: &PartyId, party: &PartyId) -> bool {
    let anyone = || {
        catalogue.party(party).is_some_and(|party| {
            party.place == Place::Anywhere && party.variable.is_none() && !party.product
        })
    };
    role == party || anyone()
}

/// The hosts whose TLS nobody may open, each once.
pub(crate) fn kept_closed(selection: &Selection<'_>) -> Vec<Host> {
    let mut closed = Vec::new();
    for selected in &selection.flows {
        let forbidden = selected
            .flow
            .tls
            .is_some_and(|tls| tls.inspection == Inspection::Forbidden);
        if let (true, Ok(perimeter)) = (forbidden, selected.perimeter()) {
            let tcp = |endpoint: &&ResolvedEndpoint| endpoint.transport == Transport::Tcp;
            let endpoints = perimeter.passing.into_iter().map(|(_, endpoint)| endpoint);
            closed.extend(endpoints.filter(tcp).map(|endpoint| endpoint.host.clone()));
        }
    }
    absorb::reduce(&mut closed);
    closed
}

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

struct Collected<'t> {
    target: &'t dyn Target,
    tuples: Vec<Tuple>,
    fates: BTreeMap<Asker, Vec<Said>>,
}

impl Collected<'_> {
    fn flow(&mut self, place: usize, selected: &Selected<'_>, role: Option<&PartyId>) {
        let perimeter = match selected.perimeter() {
            Ok(perimeter) => perimeter,
            Err(reason) => {
                for (number, endpoint) in selected.endpoints.iter().enumerate() {
                    let own = match &reason {
                        Reason::HostUnknown
                        | Reason::TransportUnknown
                        | Reason::PortUnknown
                        | Reason::Unset(_) => endpoint.gap(),
                        _ => None,
                    };
                    let how = how_of(own.as_ref().unwrap_or(&reason));
                    self.fate((place, number), how.into());
                }
                return;
            }
        };
        for (endpoint, reason) in &perimeter.held_back {
            self.fate((place, *endpoint), how_of(reason).into());
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

/// How a row fares that no rule may be made of.
fn how_of(reason: &Reason) -> How {
    let words = reason.to_string();
    match reason {
        Reason::Retired(_) | Reason::RetiredSince(_) | Reason::Loopback => How::NotNeeded(words),
        Reason::Version { .. }
        | Reason::Region { .. }
        | Reason::Deployment { .. }
        | Reason::FeatureOff(_)
        | Reason::NotYet(_)
        | Reason::DirectionUnknown
        | Reason::HostUnknown
        | Reason::TransportUnknown
        | Reason::PortUnknown
        | Reason::Unset(_) => How::NotAtAll(words),
    }
}

fn ways(selected: &Selected<'_>, role: Option<&PartyId>) -> Vec<Way> {
    let Some(role) = role else {
        return vec![Way::Between];
    };
    let catalogue = selected.catalogue;
    let mut ways = Vec::new();
    if plays(catalogue, role, &selected.flow.to) {
        ways.push(Way::In);
    }
    if selected
        .flow
        .from
        .iter()
        .any(|party| plays(catalogue, role, party))
    {
        ways.push(Way::Out);
    }
    ways
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

fn rank(how: &How) -> u8 {
    match how {
        How::NotNeeded(_) => 0,
        How::Exact => 1,
        How::Widened(_) => 2,
        How::Narrowed(_) => 3,
        How::NotAtAll(_) => 4,
    }
}

/// The worst of what is said of the parts of one rule.
fn worst(said: Vec<Said>) -> Said {
    let mut said = said.into_iter();
    let Some(mut worst) = said.next() else {
        return Said::EXACT;
    };
    let mut notes: Vec<String> = worst.note.take().into_iter().collect();
    for part in said {
        if let Some(note) = part.note.filter(|note| !notes.contains(note)) {
            notes.push(note);
        }
        if rank(&part.how) > rank(&worst.how) {
            worst.how = part.how;
            worst.hollow = part.hollow;
        } else if rank(&part.how) == rank(&worst.how) {
            // What can't be written at all outweighs what waits for addresses.
            worst.hollow &= part.hollow;
        }
    }
    worst.note = (!notes.is_empty()).then(|| notes.join("; "));
    worst
}

/// The tuples that differ in the destination alone, together.
fn group(tuples: Vec<Tuple>) -> Vec<Rule> {
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

fn report(selection: &Selection<'_>, fates: BTreeMap<Asker, Vec<Said>>) -> Vec<Expressed> {
    let mut report = Vec::new();
    for ((place, endpoint), said) in fates {
        let Some(selected) = selection.flows.get(place) else {
            continue;
        };
        let said = together(said);
        report.push(Expressed {
            flow: selected.flow.id.clone(),
            endpoint,
            how: said.how,
            note: said.note,
        });
    }
    report
}

/// What is said of parts that each permit something of their own.
fn together(said: Vec<Said>) -> Said {
    let all = said.len();
    let lost = said
        .iter()
        .filter(|part| matches!(part.how, How::NotAtAll(_)))
        .count();
    let mut worst = worst(said);
    if lost < all
        && let How::NotAtAll(words) = &worst.how
    {
        worst.how = How::Narrowed(words.clone());
        worst.hollow = false;
    }
    worst
}

#[cfg(test)]
mod tests;
