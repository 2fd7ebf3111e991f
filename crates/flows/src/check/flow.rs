//! Checks of one flow.

use std::collections::HashSet;

use crate::catalogue::Catalogue;
use crate::check::catalogue::check_text;
use crate::check::{Found, What, endpoint};
use crate::endpoint::Transport;
use crate::flow::{Counterpart, Direction, Flow, ProfilePorts};
use crate::garrison::GarrisonFlow;
use crate::id::FlowId;
use crate::nearest::advice;
use crate::origin::Fact;
use crate::version::VersionRange;

/// The keys of a flow, which a fact may be about.
pub(crate) const KEYS: [&str; 33] = [
    "aliases",
    "breaks",
    "caveats",
    "component",
    "configurable",
    "consent",
    "counterpart",
    "data_classes",
    "default_on",
    "deployments",
    "direction",
    "effective",
    "endpoints",
    "facts",
    "features",
    "from",
    "id",
    "initiators",
    "listeners",
    "need",
    "notes",
    "probe",
    "profiles",
    "proxies",
    "purpose",
    "regions",
    "retired",
    "rotation",
    "shared_tenancy",
    "source_ports",
    "tls",
    "to",
    "versions",
];

pub(super) fn check(catalogue: &Catalogue, flow: &Flow, found: &mut Found) {
    let place = format!("flow {}", flow.id);
    check_text(&flow.purpose, "purpose", &place, found);
    if flow.from.is_empty() {
        found.add(&place, What::Missing("party that dials (from)"));
    }
    if flow.endpoints.is_empty() {
        found.add(&place, What::Missing("endpoint"));
    }
    check_references(catalogue, flow, &place, found);
    let mut seen = HashSet::new();
    for one in &flow.endpoints {
        endpoint::check(catalogue, flow, one, found);
        if !seen.insert(one.identity()) {
            found.add(
                &place,
                What::Twice {
                    what: "endpoint",
                    id: format!("{} {}", one.kind.as_str(), one.value),
                },
            );
        }
    }
    endpoint::check_ports(&flow.source_ports, &place, found);
    check_life(flow, &place, found);
    check_words(flow, &place, found);
    for fact in &flow.facts {
        check_fact(catalogue, fact, &place, found);
    }
    if flow.facts.is_empty() && !catalogue.sources.is_empty() {
        found.add(
            &place,
            What::Missing("fact (which source says it, on which lines)"),
        );
    }
    if flow.profiles != ProfilePorts::default() && !catalogue.is_own() {
        found.add(
            &place,
            What::Contradiction("port profiles are for Garrison's own catalogue; remove them"),
        );
    }
    if let Some(counterpart) = &flow.counterpart {
        check_counterpart(catalogue, counterpart, &place, found);
    }
}

fn check_references(catalogue: &Catalogue, flow: &Flow, place: &str, found: &mut Found) {
    let mut known = |what: &'static str, id: &str, ids: Vec<&str>| {
        if !ids.contains(&id) {
            found.add(
                place,
                What::NoSuch {
                    what,
                    id: id.to_owned(),
                    advice: advice(id, ids),
                },
            );
        }
    };
    for party in flow.from.iter().chain([&flow.to]) {
        let parties = catalogue.parties.iter();
        known(
            "party",
            party.as_str(),
            parties.map(|one| one.id.as_str()).collect(),
        );
    }
    for feature in &flow.features {
        let features = catalogue.features.iter();
        known(
            "feature",
            feature.as_str(),
            features.map(|one| one.id.as_str()).collect(),
        );
    }
    if let Some(component) = &flow.component {
        let components = catalogue.components.iter();
        known(
            "component",
            component.as_str(),
            components.map(|one| one.id.as_str()).collect(),
        );
    }
}

/// Direction, versions, dates: what contradicts itself.
fn check_life(flow: &Flow, place: &str, found: &mut Found) {
    if flow.direction == Direction::Unknown && flow.caveats.is_empty() {
        found.add(place, What::NoCaveat("the direction"));
    }
    let processes = flow.initiators.iter().chain(&flow.listeners);
    let ranges = processes.map(|process| &process.versions);
    for range in ranges.chain([&flow.versions]) {
        check_range(range, place, found);
    }
    if let (Some(effective), Some(since)) = (
        &flow.effective,
        flow.retired
            .as_ref()
            .and_then(|retired| retired.since.as_ref()),
    ) && since < effective
    {
        found.add(
            place,
            What::Contradiction("it is retired before it is effective; correct one of the dates"),
        );
    }
    if !flow.proxies.is_empty() && !flow.transports().contains(&Transport::Tcp) {
        found.add(
            place,
            What::Contradiction(
                "it crosses proxies, and no endpoint is TCP; remove \"proxies\" or correct the transport",
            ),
        );
    }
}

pub(super) fn check_range(range: &VersionRange, place: &str, found: &mut Found) {
    let both = range.through.is_some() && range.before.is_some();
    let empty = range
        .from
        .as_ref()
        .is_some_and(|from| !range.contains(from));
    if both || empty {
        found.add(place, What::EmptyRange(Box::new(range.clone())));
    }
}

fn check_words(flow: &Flow, place: &str, found: &mut Found) {
    for one in &flow.breaks {
        check_text(&one.feature, "feature that breaks", place, found);
        check_text(&one.symptom, "symptom", place, found);
    }
    for caveat in &flow.caveats {
        check_text(caveat, "caveat's text", place, found);
    }
    if let Some(probe) = &flow.probe {
        let path = probe.path.as_deref().unwrap_or("/");
        if !path.starts_with('/') {
            found.add(
                place,
                What::Expected {
                    expected: "a probe's path that begins with /",
                    got: path.to_owned(),
                },
            );
        }
        for status in probe
            .status
            .iter()
            .filter(|status| !(100..600).contains(*status))
        {
            found.add(
                place,
                What::Expected {
                    expected: "an HTTP status from 100 to 599",
                    got: status.to_string(),
                },
            );
        }
    }
}

fn check_fact(catalogue: &Catalogue, fact: &Fact, place: &str, found: &mut Found) {
    if !catalogue
        .sources
        .iter()
        .any(|source| source.id == fact.source)
    {
        let sources: Vec<&str> = catalogue
            .sources
            .iter()
            .map(|one| one.id.as_str())
            .collect();
        found.add(
            place,
            What::NoSuch {
                what: "source",
                id: fact.source.to_string(),
                advice: advice(fact.source.as_str(), sources),
            },
        );
    }
    for key in fact
        .about
        .iter()
        .filter(|key| !KEYS.contains(&key.as_str()))
    {
        found.add(
            place,
            What::NoSuch {
                what: "key of a flow named",
                id: key.clone(),
                advice: advice(key, KEYS),
            },
        );
    }
    if fact.line_ranges().is_none() {
        found.add(
            place,
            What::Expected {
                expected: "lines such as 12 or 12-17, several with commas, in rising order",
                got: fact.lines.chars().take(80).collect(),
            },
        );
    }
}

fn check_counterpart(
    catalogue: &Catalogue,
    counterpart: &Counterpart,
    place: &str,
    found: &mut Found,
) {
    if catalogue.is_own() {
        found.add(
            place,
            What::Contradiction("Garrison's own flow has a counterpart; remove it"),
        );
    }
    if counterpart.flows.is_empty() && counterpart.reason.is_none() {
        found.add(
            place,
            What::Missing("counterpart's flow, or the reason why there is none"),
        );
    }
    let own = GarrisonFlow::ALL.map(GarrisonFlow::id);
    for id in counterpart.flows.iter().filter(|id| !own.contains(id)) {
        found.add(
            place,
            What::NoSuch {
                what: "flow of Garrison named",
                id: id.to_string(),
                advice: advice(id.as_str(), own.iter().map(FlowId::as_str)),
            },
        );
    }
}

pub(super) fn no_flow(catalogue: &Catalogue, id: &FlowId) -> What {
    let ids: Vec<&str> = catalogue
        .flows
        .iter()
        .map(|flow| flow.id.as_str())
        .collect();
    What::NoSuch {
        what: "flow",
        id: id.to_string(),
        advice: advice(id.as_str(), ids),
    }
}
