//! What a selection asks of a packet filter: a normalised set of rules.
//!
//! Each endpoint asks for a tuple of who dials, whom, over what, to which ports. The same tuple
//! occurs once, and what a broader rule permits is asked for by no narrower one; each rule keeps
//! every flow that asked for it. Only rows that pass [`Selected::perimeter`] take part, and only
//! what the target can say is absorbed into what it can say.

use std::collections::{BTreeMap, BTreeSet};

use super::{Expressed, Format, Options, RenderError};
use crate::endpoint::{PortRange, Transport};
use crate::flow::Flow;
use crate::host::Host;
use crate::select::{ResolvedEndpoint, Selection};
use crate::tls::Inspection;

mod absorb;
pub(crate) mod addresses;
mod collect;
mod ports;
mod said;
mod way;

use collect::{Collected, group};
use said::together;
use way::check_role;

pub(crate) use said::Said;
pub(crate) use way::{Way, ways};

/// More endpoints are refused: rules are compared pair by pair.
const MAX_ENDPOINTS: usize = 10_000;

/// An endpoint of the selection: the flow's place, then the endpoint's.
pub(crate) type Asker = (usize, usize);

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

#[cfg(test)]
mod tests;
