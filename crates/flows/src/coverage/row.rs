//! Rows of the vendors' catalogues with Garrison's answer to each.

use serde::Serialize;

use crate::built_in;
use crate::catalogue::Catalogue;
use crate::coverage::{Ledger, State, System, says};
use crate::endpoint::Transport;
use crate::flow::Flow;
use crate::id::FlowId;
use crate::party::PartyId;
use crate::profile::PortProfile;
use crate::text::Text;

/// A row of a vendor's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub catalogue: FlowId,
    pub flow: FlowId,
    pub purpose: Text,
    /// The lines of the documents that it stands in.
    pub cited: Vec<Citation>,
    /// Garrison's flows that do that job.
    pub counterparts: Vec<FlowId>,
    /// What of the counterparts is a process of Garrison that listens.
    pub listeners: Vec<Listener>,
    /// Why there is no counterpart, or how it differs.
    pub reason: Option<Text>,
    pub systems: Vec<FlowId>,
    pub state: State,
    /// Names of test functions.
    pub tests: Vec<String>,
}

/// Lines of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Citation {
    /// Three digits.
    pub document: String,
    /// Counted from 1, such as `3,12-17`.
    pub lines: String,
}

/// A listening process of Garrison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    pub flow: FlowId,
    pub party: PartyId,
    pub transports: Vec<Transport>,
    /// Under the profile `garrison`.
    pub port: u16,
}

/// Every row of every vendor's catalogue, in their order.
#[must_use]
pub fn rows() -> Vec<Row> {
    let ledger = Ledger::built_in();
    built_in::ids()
        .filter(|id| *id != built_in::GARRISON)
        .filter_map(Catalogue::built_in)
        .flat_map(|catalogue| {
            let flows = catalogue.flows.iter();
            flows.map(|flow| row(ledger, catalogue, flow))
        })
        .collect()
}

fn row(ledger: &Ledger, catalogue: &Catalogue, flow: &Flow) -> Row {
    let counterpart = flow.counterpart.as_ref();
    let counterparts = counterpart.map(|one| one.flows.clone()).unwrap_or_default();
    let listeners: Vec<Listener> = counterparts.iter().filter_map(listener).collect();
    let ids = counterpart
        .map(|one| one.systems.clone())
        .unwrap_or_default();
    let systems: Vec<&System> = ids.iter().filter_map(|id| ledger.system(id)).collect();
    let mut tests: Vec<String> = Vec::new();
    let without_flow = counterpart.is_some_and(|one| one.without_flow);
    if without_flow || !counterparts.is_empty() {
        for test in systems.iter().flat_map(|system| &system.tests) {
            if !tests.contains(test) {
                tests.push(test.clone());
            }
        }
    }
    Row {
        catalogue: catalogue.id.clone(),
        flow: flow.id.clone(),
        purpose: flow.purpose.clone(),
        cited: cited(ledger, catalogue, flow),
        state: state(&systems, &listeners, without_flow),
        counterparts,
        listeners,
        reason: counterpart.and_then(|one| one.reason.clone()),
        systems: ids,
        tests,
    }
}

/// A row works when all of its systems do and something listens. It is in part there when a system
/// is, and something listens or no flow is needed.
fn state(systems: &[&System], listeners: &[Listener], without_flow: bool) -> State {
    let mut states = systems.iter().map(|system| system.state);
    let most = states.clone().max();
    match (states.all(|state| state == State::Works), most) {
        _ if listeners.is_empty() && !without_flow => State::NotYet,
        (true, Some(_)) if !listeners.is_empty() => State::Works,
        (_, Some(State::Works | State::Partly)) => State::Partly,
        (_, Some(State::NotYet) | None) => State::NotYet,
    }
}

fn listener(id: &FlowId) -> Option<Listener> {
    let own = Catalogue::garrison();
    let flow = own.flow(id.as_str())?;
    if !own.has_own_listener(flow) {
        return None;
    }
    Some(Listener {
        flow: flow.id.clone(),
        party: flow.to.clone(),
        transports: flow.transports(),
        port: flow.port(PortProfile::Garrison)?,
    })
}

fn cited(ledger: &Ledger, catalogue: &Catalogue, flow: &Flow) -> Vec<Citation> {
    let mut cited: Vec<Citation> = Vec::new();
    for fact in &flow.facts {
        let row = fact.about.is_empty() || fact.about.iter().any(|key| key == "purpose");
        if !row || !says(fact.confidence) {
            continue;
        }
        let Some(number) = ledger.number(catalogue, &fact.source) else {
            continue;
        };
        if !cited.iter().any(|one| one.document == number) {
            cited.push(Citation {
                document: number.to_owned(),
                lines: fact.lines.clone(),
            });
        }
    }
    cited
}
