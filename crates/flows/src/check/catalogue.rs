//! Checks of everything in a catalogue but its flows.

use std::collections::HashSet;

use crate::catalogue::Catalogue;
use crate::check::flow::no_flow;
use crate::check::{Found, What};
use crate::endpoint::PortRange;
use crate::host::Host;
use crate::id::FlowId;
use crate::nearest::advice;
use crate::origin::{ChangeKind, Source};
use crate::party::{Variable, VariableKind};
use crate::text::Text;

pub(super) fn check(catalogue: &Catalogue, found: &mut Found) {
    if catalogue.version.trim().is_empty() {
        found.add("catalogue", What::Missing("version"));
    }
    if catalogue.flows.is_empty() {
        found.add("catalogue", What::Missing("flow"));
    }
    unique_ids(catalogue, found);
    for variable in &catalogue.variables {
        check_variable(variable, found);
    }
    for source in &catalogue.sources {
        check_source(source, found);
    }
    let texts = catalogue.features.iter().map(|known| &known.name);
    let texts = texts.chain(catalogue.components.iter().map(|known| &known.name));
    for text in texts.chain(catalogue.parties.iter().map(|party| &party.name)) {
        check_text(text, "name", "catalogue", found);
    }
    for party in &catalogue.parties {
        if let Some(name) = &party.variable {
            let place = format!("party {}", party.id);
            check_reference(catalogue, name, VariableKind::Hosts, &place, found);
        }
    }
    check_changes(catalogue, found);
}

fn unique_ids(catalogue: &Catalogue, found: &mut Found) {
    let mut unique = |what: &'static str, ids: &mut dyn Iterator<Item = &str>| {
        let mut seen = HashSet::new();
        for id in ids {
            if !seen.insert(id) {
                let id = id.to_owned();
                found.add("catalogue", What::Twice { what, id });
            }
        }
    };
    let flows = &catalogue.flows;
    let aliases = flows.iter().flat_map(|flow| &flow.aliases);
    unique(
        "flow or alias",
        &mut flows
            .iter()
            .map(|flow| flow.id.as_str())
            .chain(aliases.map(String::as_str)),
    );
    unique(
        "source",
        &mut catalogue.sources.iter().map(|one| one.id.as_str()),
    );
    unique(
        "variable",
        &mut catalogue.variables.iter().map(|one| one.name.as_str()),
    );
    unique(
        "feature",
        &mut catalogue.features.iter().map(|one| one.id.as_str()),
    );
    unique(
        "component",
        &mut catalogue.components.iter().map(|one| one.id.as_str()),
    );
    unique(
        "party",
        &mut catalogue.parties.iter().map(|one| one.id.as_str()),
    );
}

fn check_variable(variable: &Variable, found: &mut Found) {
    let place = format!("variable {}", variable.name);
    if FlowId::parse(&variable.name).is_err() {
        found.add(
            &place,
            What::Expected {
                expected: "a name of lower-case letters, digits and single hyphens",
                got: variable.name.clone(),
            },
        );
    }
    check_text(&variable.description, "description", &place, found);
    for value in &variable.default {
        match variable.kind {
            VariableKind::Hosts => {
                if let Err(error) = Host::parse(value) {
                    let what = "default".to_owned();
                    found.add(&place, What::Host { what, error });
                }
            }
            VariableKind::Port => {
                if PortRange::parse(value)
                    .ok()
                    .and_then(PortRange::only)
                    .is_none()
                {
                    found.add(
                        &place,
                        What::Expected {
                            expected: "one port as default",
                            got: value.clone(),
                        },
                    );
                }
            }
        }
    }
    if variable.kind == VariableKind::Port && variable.default.len() > 1 {
        found.add(
            place,
            What::Contradiction("a port variable has more than one default; leave one"),
        );
    }
}

fn check_source(source: &Source, found: &mut Found) {
    let place = format!("source {}", source.id);
    if source.title.trim().is_empty() {
        found.add(&place, What::Missing("title"));
    }
    let mut expected = |fits: bool, expected: &'static str, got: &str| {
        if !fits {
            let got = got.chars().take(80).collect();
            found.add(&place, What::Expected { expected, got });
        }
    };
    let small_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    expected(
        source.sha256.len() == 64 && source.sha256.bytes().all(small_hex),
        "a SHA-256 in 64 small hexadecimal digits",
        &source.sha256,
    );
    expected(
        is_language(&source.language),
        "a language in two small letters (ISO 639-1)",
        &source.language,
    );
}

fn is_language(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A text has words, and its languages are codes.
pub(super) fn check_text(text: &Text, what: &'static str, place: &str, found: &mut Found) {
    if text.as_str().trim().is_empty() {
        found.add(place, What::Missing(what));
    }
    for code in text.languages().filter(|code| !is_language(code)) {
        found.add(
            place,
            What::Expected {
                expected: "a language in two small letters (ISO 639-1)",
                got: code.to_owned(),
            },
        );
    }
}

/// The variable exists and is of the kind.
pub(super) fn check_reference(
    catalogue: &Catalogue,
    name: &str,
    kind: VariableKind,
    place: &str,
    found: &mut Found,
) {
    let of_kind = || {
        let variables = catalogue.variables.iter();
        variables.filter(|known| known.kind == kind)
    };
    if of_kind().any(|known| known.name == name) {
        return;
    }
    let names: Vec<&str> = of_kind().map(|known| known.name.as_str()).collect();
    found.add(
        place,
        What::NoSuch {
            what: match kind {
                VariableKind::Hosts => "variable of the kind hosts named",
                VariableKind::Port => "variable of the kind port named",
            },
            id: name.to_owned(),
            advice: advice(name, names),
        },
    );
}

fn check_changes(catalogue: &Catalogue, found: &mut Found) {
    for change in &catalogue.changes {
        let place = format!("change of version {}", change.version);
        check_text(&change.impact, "impact", &place, found);
        for id in &change.flows {
            let there = catalogue.flows.iter().any(|flow| {
                flow.id == *id || flow.aliases.iter().any(|alias| alias == id.as_str())
            });
            match change.kind {
                ChangeKind::Added | ChangeKind::Changed if !there => {
                    found.add(&place, no_flow(catalogue, id));
                }
                ChangeKind::Removed
                    if catalogue
                        .flow(id.as_str())
                        .is_some_and(|flow| flow.retired.is_none()) =>
                {
                    found.add(
                        &place,
                        What::Contradiction(
                            "a flow was removed and is still there; remove it, or say \"retired\" in it",
                        ),
                    );
                }
                ChangeKind::Added | ChangeKind::Changed | ChangeKind::Removed => {}
            }
        }
    }
}
