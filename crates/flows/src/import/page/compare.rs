//! A page against the rows that a catalogue took from an earlier state of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::endpoint::{MatchKind, PortRange, Transport};
use crate::flow::Flow;
use crate::host::Host;
use crate::id::FlowId;
use crate::import::page::Page;
use crate::nearest::advice;
use crate::origin::Source;

/// What a page says now, and the catalogue doesn't, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageDiff {
    pub catalogue: FlowId,
    /// The source that the page is a newer state of.
    pub source: FlowId,
    /// On the page alone.
    pub new: Vec<Row>,
    /// In the catalogue alone.
    pub gone: Vec<Row>,
    pub changed: Vec<Change>,
    /// Hosts, and ports without a host, that both have alike.
    pub same: usize,
}

/// A host with its ports, or ports without a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub host: Option<String>,
    /// Such as `tcp 443`; the transport is left out where it is unknown.
    pub ports: Vec<String>,
    /// Of the page, counted from 1.
    pub lines: Vec<usize>,
    /// The catalogue's flows that have it.
    pub flows: Vec<FlowId>,
}

/// A host that both have, with other ports or on another number of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub host: String,
    /// Of the page, counted from 1.
    pub lines: Vec<usize>,
    pub flows: Vec<FlowId>,
    pub ports_before: Vec<String>,
    pub ports_now: Vec<String>,
    pub rows_before: usize,
    pub rows_now: usize,
}

impl PageDiff {
    /// Whether page and catalogue say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

/// A page that can't be held against the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("catalogue {0} names no source that a page could be a newer state of")]
    NoSources(FlowId),
    #[error("catalogue {catalogue} has no source {got:?}; {advice}")]
    NoSuchSource {
        catalogue: FlowId,
        got: String,
        advice: String,
    },
    #[error(
        "the page has no host and no port of catalogue {0}; is it the page, and saved as text or HTML?"
    )]
    Stranger(FlowId),
}

type Ports = BTreeSet<(Transport, PortRange)>;

/// What is known of one host.
#[derive(Debug, Default)]
struct Known {
    ports: Ports,
    flows: BTreeSet<FlowId>,
    /// Flows and paths: how many rows of a page name it.
    rows: BTreeSet<(FlowId, Option<String>)>,
}

/// What a source's rows say.
#[derive(Debug, Default)]
struct Expected {
    hosts: BTreeMap<String, Known>,
    /// Ports whose host the site sets, or is unknown.
    hostless: BTreeMap<(Transport, PortRange), BTreeSet<FlowId>>,
}

/// Holds a page against a catalogue: against the rows from `source`, or from the source that the
/// page has most in common with.
///
/// # Errors
/// When the catalogue has no such source, or nothing in common with the page.
pub fn compare(
    page: &Page,
    catalogue: &Catalogue,
    source: Option<&str>,
) -> Result<PageDiff, CompareError> {
    let now = Now::of(page);
    let source = match source {
        Some(id) => named(catalogue, id)?,
        None => nearest(&now, catalogue)?,
    };
    let expected = Expected::of(catalogue, |flow| tells_endpoints(flow, source));
    let all = Expected::of(catalogue, |_| true);
    let mut diff = PageDiff {
        catalogue: catalogue.id.clone(),
        source: source.id.clone(),
        new: Vec::new(),
        gone: Vec::new(),
        changed: Vec::new(),
        same: 0,
    };
    hosts(&now, &expected, &all, &mut diff);
    hostless(page, &now, &expected, &all, &mut diff);
    Ok(diff)
}

fn named<'c>(catalogue: &'c Catalogue, id: &str) -> Result<&'c Source, CompareError> {
    let sources = &catalogue.sources;
    sources
        .iter()
        .find(|source| source.id.as_str() == id)
        .ok_or_else(|| CompareError::NoSuchSource {
            catalogue: catalogue.id.clone(),
            got: id.chars().take(80).collect(),
            advice: advice(id, sources.iter().map(|source| source.id.as_str())),
        })
}

fn nearest<'c>(now: &Now, catalogue: &'c Catalogue) -> Result<&'c Source, CompareError> {
    let shared = |source: &&Source| {
        let expected = Expected::of(catalogue, |flow| tells_endpoints(flow, source));
        let hosts = expected.hosts.keys();
        let ports = expected.hostless.keys();
        hosts.filter(|host| now.hosts.contains_key(*host)).count()
            + ports
                .filter(|(transport, port)| now.has(*transport, *port))
                .count()
    };
    if catalogue.sources.is_empty() {
        return Err(CompareError::NoSources(catalogue.id.clone()));
    }
    let best = catalogue.sources.iter().max_by_key(shared);
    best.filter(|source| shared(source) > 0)
        .ok_or_else(|| CompareError::Stranger(catalogue.id.clone()))
}

/// Whether the source is one for where the flow goes.
fn tells_endpoints(flow: &Flow, source: &Source) -> bool {
    flow.facts.iter().any(|fact| {
        fact.source == source.id
            && (fact.about.is_empty() || fact.about.iter().any(|key| key == "endpoints"))
    })
}

impl Expected {
    fn of(catalogue: &Catalogue, wanted: impl Fn(&Flow) -> bool) -> Self {
        let mut expected = Self::default();
        for flow in catalogue.flows.iter().filter(|flow| wanted(flow)) {
            for endpoint in &flow.endpoints {
                let ports = endpoint
                    .ports
                    .iter()
                    .map(|port| (endpoint.transport, *port));
                let host = match endpoint.kind {
                    MatchKind::Variable | MatchKind::Unknown => None,
                    MatchKind::Exact
                    | MatchKind::OneLabel
                    | MatchKind::AnyDepth
                    | MatchKind::ApexAndSubdomains
                    | MatchKind::Ip
                    | MatchKind::Cidr => Host::of(endpoint.kind, &endpoint.value).ok(),
                };
                let Some(host) = host else {
                    for port in ports {
                        let flows = expected.hostless.entry(port).or_default();
                        flows.insert(flow.id.clone());
                    }
                    continue;
                };
                let known = expected.hosts.entry(host.value()).or_default();
                known.ports.extend(ports);
                known.flows.insert(flow.id.clone());
                known.rows.insert((flow.id.clone(), endpoint.path.clone()));
            }
        }
        expected
    }

    fn has_port(&self, transport: Transport, port: PortRange) -> bool {
        let own = self.hosts.values().flat_map(|known| &known.ports);
        own.chain(self.hostless.keys())
            .any(|other| alike(*other, (transport, port)))
    }
}

/// What a page says of each host.
struct Now {
    hosts: BTreeMap<String, (Vec<usize>, Ports)>,
    ports: Ports,
}

impl Now {
    fn of(page: &Page) -> Self {
        let mut hosts: BTreeMap<String, (Vec<usize>, Ports)> = BTreeMap::new();
        for mention in &page.hosts {
            let (lines, _) = hosts.entry(mention.host.value()).or_default();
            lines.push(mention.line);
        }
        for pair in &page.pairs {
            let (_, ports) = hosts.entry(pair.host.value()).or_default();
            ports.insert((pair.transport, pair.ports));
        }
        let ports = page.ports.iter().map(|port| (port.transport, port.ports));
        Self {
            hosts,
            ports: ports.collect(),
        }
    }

    fn has(&self, transport: Transport, port: PortRange) -> bool {
        self.ports
            .iter()
            .any(|other| alike(*other, (transport, port)))
    }
}

/// The same port, over the same transport as far as both say it.
fn alike(one: (Transport, PortRange), other: (Transport, PortRange)) -> bool {
    let transports =
        one.0 == other.0 || one.0 == Transport::Unknown || other.0 == Transport::Unknown;
    transports && one.1 == other.1
}

fn each_in(some: &Ports, others: &Ports) -> bool {
    some.iter()
        .all(|one| others.iter().any(|other| alike(*one, *other)))
}

fn words(ports: &Ports) -> Vec<String> {
    let word = |(transport, port): &(Transport, PortRange)| match transport {
        Transport::Unknown => port.to_string(),
        Transport::Tcp | Transport::Udp | Transport::Esp | Transport::Icmp => {
            format!("{} {port}", transport.as_str())
        }
    };
    ports.iter().map(word).collect()
}

fn hosts(now: &Now, expected: &Expected, all: &Expected, diff: &mut PageDiff) {
    for (host, (lines, ports)) in &now.hosts {
        let (known, from_here) = match (expected.hosts.get(host), all.hosts.get(host)) {
            (Some(known), _) => (known, true),
            (None, Some(known)) => (known, false),
            (None, None) => {
                diff.new.push(Row {
                    host: Some(host.clone()),
                    ports: words(ports),
                    lines: lines.clone(),
                    flows: Vec::new(),
                });
                continue;
            }
        };
        // A host that is known from another source alone is not asked to be complete.
        let complete = each_in(&known.ports, ports) && known.rows.len() == lines.len();
        if each_in(ports, &known.ports) && (complete || !from_here) {
            diff.same += 1;
            continue;
        }
        diff.changed.push(Change {
            host: host.clone(),
            lines: lines.clone(),
            flows: known.flows.iter().cloned().collect(),
            ports_before: words(&known.ports),
            ports_now: words(ports),
            rows_before: known.rows.len(),
            rows_now: lines.len(),
        });
    }
    for (host, known) in &expected.hosts {
        if !now.hosts.contains_key(host) {
            diff.gone.push(Row {
                host: Some(host.clone()),
                ports: words(&known.ports),
                lines: Vec::new(),
                flows: known.flows.iter().cloned().collect(),
            });
        }
    }
}

fn hostless(page: &Page, now: &Now, expected: &Expected, all: &Expected, diff: &mut PageDiff) {
    for (transport, port) in &now.ports {
        let of_host = page.pairs.iter().any(|pair| pair.ports == *port);
        if of_host || expected.has_port(*transport, *port) || all.has_port(*transport, *port) {
            continue;
        }
        let lines = page
            .ports
            .iter()
            .filter(|mention| (mention.transport, mention.ports) == (*transport, *port));
        diff.new.push(Row {
            host: None,
            ports: words(&Ports::from([(*transport, *port)])),
            lines: lines.map(|mention| mention.line).collect(),
            flows: Vec::new(),
        });
    }
    for ((transport, port), flows) in &expected.hostless {
        if now.has(*transport, *port) {
            diff.same += 1;
            continue;
        }
        diff.gone.push(Row {
            host: None,
            ports: words(&Ports::from([(*transport, *port)])),
            lines: Vec::new(),
            flows: flows.iter().cloned().collect(),
        });
    }
}
