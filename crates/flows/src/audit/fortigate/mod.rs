//! FortiGate backups (FortiOS 6 and 7): which flows the firewall's policies let through, and of
//! which the TLS would be broken open. Modelled after Fortinet's command reference; no FortiGate
//! judged it.
//!
//! Judged: policies in their order, addresses, groups, names and wildcards of names, services and
//! their groups, negations, schedules other than "always" and interfaces as doubts, SSL profiles
//! with their exemptions. Web filters, application control and the like are reported.

mod lines;
mod objects;
mod parse;
#[cfg(test)]
mod tests;
mod tls;

use std::cell::Cell;
use std::rc::Rc;

use super::packet::walk::{By, End, Leaf, walk};
use super::packet::{Action, Chain, FAMILY_V4, Field, Packets, Ranges, Rule, Test, Then};
use super::question::Question;
use super::verdict::{Cause, Judged, Opened, Part, Verdict};
use super::{AuditError, AuditOptions, Note};
use crate::host::Host;
use objects::Objects;
use parse::Entry;

const SECTIONS: &[&str] = &[
    "firewall policy",
    "firewall address",
    "firewall addrgrp",
    "firewall service",
    "firewall wildcard-fqdn",
    "firewall ssl-ssh-profile",
];
/// Profiles beside TLS that can stop what a policy accepts.
const FILTERS: &[&str] = &[
    "webfilter-profile",
    "application-list",
    "dnsfilter-profile",
    "av-profile",
    "ips-sensor",
    "file-filter-profile",
    "dlp-profile",
];

/// A backup that was read.
#[derive(Debug)]
pub(in crate::audit) struct Backup {
    domains: Vec<Domain>,
    notes: Vec<Note>,
    next_id: Cell<u64>,
}

/// The policies of a virtual domain.
#[derive(Debug)]
struct Domain {
    name: String,
    policies: Vec<Policy>,
}

/// One end of a policy.
#[derive(Debug)]
struct Side {
    v4: Rc<Ranges>,
    v6: Rc<Ranges>,
    names: Vec<String>,
    doubt: Option<Rc<str>>,
    negated: bool,
}

#[derive(Debug)]
struct Policy {
    id: String,
    line: usize,
    text: Rc<str>,
    accepts: bool,
    source: Side,
    destination: Side,
    /// Protocols with ports, and whole protocols.
    services: Vec<Vec<Ranges>>,
    services_negated: bool,
    doubts: Vec<Rc<str>>,
    tls: tls::Profile,
}

impl Backup {
    pub(in crate::audit) fn read(
        bytes: &[u8],
        options: &AuditOptions<'_>,
    ) -> Result<Self, AuditError> {
        let entries = parse::read(&String::from_utf8_lossy(bytes), SECTIONS)?;
        let mut notes = Vec::new();
        let mut domains: Vec<Domain> = Vec::new();
        let mut names: Vec<&str> = entries
            .iter()
            .filter(|entry| entry.path == "firewall policy")
            .map(|entry| entry.vdom.as_str())
            .collect();
        names.dedup();
        names.sort_unstable();
        names.dedup();
        let mut largest = 0_u64;
        for vdom in names {
            let objects = Objects::new(&entries, vdom);
            let mut policies = Vec::new();
            let own = entries
                .iter()
                .filter(|entry| entry.path == "firewall policy" && entry.vdom == vdom);
            for entry in own {
                largest = largest.max(entry.name().parse().unwrap_or(0));
                if entry.word("status") != "disable" {
                    policies.push(policy(entry, &objects, &entries, options, &mut notes));
                }
            }
            domains.push(Domain {
                name: vdom.to_owned(),
                policies,
            });
        }
        if domains.is_empty() {
            return Err(AuditError::Syntax {
                line: 1,
                expected: "a FortiGate backup with the section \"config firewall policy\"",
                got: "a file without it".to_owned(),
            });
        }
        Ok(Self {
            domains,
            notes,
            next_id: Cell::new(largest.saturating_add(1)),
        })
    }

    pub(in crate::audit) fn notes(&self) -> &[Note] {
        &self.notes
    }

    pub(in crate::audit) fn summary(&self) -> String {
        let policies: usize = self
            .domains
            .iter()
            .map(|domain| domain.policies.len())
            .sum();
        format!(
            "{policies} policies in use, {} virtual domains; modelled, no FortiGate judged it",
            self.domains.len()
        )
    }

    pub(in crate::audit) fn judge(&self, question: &Question<'_>) -> Judged {
        let Some(boxes) = question.packets().filter(|boxes| !boxes.is_empty()) else {
            return Judged::unknown(
                "it has more pairs of addresses and ports than are judged, or none",
            );
        };
        let mut all: Vec<Judged> = self
            .domains
            .iter()
            .map(|domain| self.in_domain(domain, &boxes, question))
            .collect();
        let Some(first) = all.first() else {
            return Judged::unknown("the backup has no policies");
        };
        if all.iter().any(|other| other.verdict != first.verdict) {
            let said: Vec<String> = self
                .domains
                .iter()
                .zip(&all)
                .map(|(domain, judged)| format!("{}: {}", domain.name, judged.verdict.as_str()))
                .collect();
            return Judged::unknown(&format!(
                "the virtual domains differ ({}); which one the flow crosses is not known",
                said.join(", ")
            ));
        }
        all.swap_remove(0)
    }

    fn in_domain(&self, domain: &Domain, boxes: &[Packets], question: &Question<'_>) -> Judged {
        let mut parts = Vec::new();
        let mut opened = Opened::No;
        let mut sure = true;
        for packets in boxes {
            let v4 = packets.family == FAMILY_V4;
            let rules = domain
                .policies
                .iter()
                .filter_map(|policy| policy.rule(v4, &question.endpoint.host))
                .collect();
            let leaves = walk(&[Chain { rules }], 0, End::Dropped, packets.clone());
            parts.push(judged(&leaves));
            let accepting = domain.policies.iter().filter(|policy| {
                leaves.iter().any(|leaf| {
                    leaf.end == End::Accepted
                        && matches!(&leaf.by, By::Rule { line, .. } if *line == policy.line)
                })
            });
            for policy in accepting.filter(|_| question.is_tls()) {
                match policy.tls.opens(question) {
                    Opened::No => sure = false,
                    found => opened = found,
                }
            }
            sure &= leaves
                .iter()
                .all(|leaf| leaf.end != End::Accepted || leaf.doubt.is_none());
        }
        let mut judged = Judged::of(parts);
        judged.opened = match opened {
            Opened::Yes(cause) if !sure => Opened::Maybe(cause),
            other => other,
        };
        if matches!(judged.verdict, Verdict::Blocked | Verdict::Partly) {
            let id = self.next_id.replace(self.next_id.get().saturating_add(1));
            let first = domain.policies.first().map(|policy| policy.id.as_str());
            judged.lines = vec![lines::allow(question, id, first).join("\n")];
        }
        if judged.opened != Opened::No {
            let profile = domain
                .policies
                .iter()
                .map(|policy| &policy.tls)
                .find(|tls| tls.opens(question) != Opened::No);
            judged.bypass = profile
                .map(|profile| {
                    lines::exempt(question, profile.name()).join(
                        "
",
                    )
                })
                .into_iter()
                .collect();
        }
        judged
    }
}

fn judged(leaves: &[Leaf]) -> Part {
    let cause = |leaf: &Leaf| match &leaf.by {
        By::Rule { line, text } => Cause::new(*line, text.to_string()),
        By::Policy => Cause::new(0, "no policy accepts it, and what none accepts is denied"),
        By::Limit => Cause::new(0, "too many cases to go through"),
    };
    let dropped = |leaf: &&Leaf| leaf.end != End::Accepted;
    if !leaves.iter().any(|leaf| dropped(&leaf)) {
        return Part::permitted();
    }
    let sure: Vec<Cause> = leaves
        .iter()
        .filter(dropped)
        .filter(|leaf| leaf.doubt.is_none())
        .map(cause)
        .collect();
    if leaves.iter().all(|leaf| dropped(&leaf)) {
        let causes = if sure.is_empty() {
            leaves.iter().map(cause).collect()
        } else {
            sure
        };
        return Part {
            verdict: Verdict::Blocked,
            causes,
        };
    }
    if !sure.is_empty() {
        return Part {
            verdict: Verdict::Partly,
            causes: sure,
        };
    }
    let causes = leaves
        .iter()
        .filter_map(|leaf| leaf.doubt.as_deref())
        .map(|doubt| Cause::new(0, doubt))
        .collect();
    Part {
        verdict: Verdict::Unknown,
        causes,
    }
}

fn policy(
    entry: &Entry,
    objects: &Objects<'_>,
    entries: &[Entry],
    options: &AuditOptions<'_>,
    notes: &mut Vec<Note>,
) -> Policy {
    let mut doubts: Vec<Rc<str>> = Vec::new();
    let mut interfaces = |key: &str, known: Option<&String>| -> bool {
        let words = entry.words(key);
        if words.is_empty() || words.iter().any(|word| word == "any") {
            return true;
        }
        match known {
            Some(known) => words.contains(known),
            None => {
                doubts.push(format!("{key} {}", words.join(" ")).into());
                true
            }
        }
    };
    let reachable = interfaces("srcintf", options.interface_in.as_ref())
        & interfaces("dstintf", options.interface_out.as_ref());
    if !["", "always"].contains(&entry.word("schedule")) {
        doubts.push(format!("the schedule {}", entry.word("schedule")).into());
    }
    for key in ["groups", "users", "fsso-groups"] {
        if !entry.words(key).is_empty() {
            doubts.push("who is signed in".into());
        }
    }
    for (key, what) in [
        ("internet-service", "an internet service"),
        ("internet-service-src", "an internet service"),
    ] {
        if entry.is_on(key) {
            doubts.push(what.into());
        }
    }
    let accepts = entry.word("action") == "accept";
    let filters: Vec<&str> = FILTERS
        .iter()
        .copied()
        .filter(|key| !entry.words(key).is_empty())
        .collect();
    if accepts && !filters.is_empty() {
        let text = format!(
            "policy {}: {} can stop what it accepts, and is not judged",
            entry.name(),
            filters.join(", ")
        );
        notes.push(Note {
            line: entry.line,
            text,
        });
    }
    let services = objects.services(entry.words("service"));
    if !services.unknown.is_empty() {
        doubts.push(format!("the service {}", services.unknown.join(", ")).into());
    }
    let every_port = || Ranges::new(vec![(0, u128::from(u16::MAX))]);
    let mut tuples: Vec<Vec<Ranges>> = services
        .ports
        .iter()
        .map(|(protocol, ports)| {
            vec![
                Ranges::new(vec![(*protocol, *protocol)]),
                Ranges::new(vec![*ports]),
            ]
        })
        .collect();
    tuples.extend(
        services
            .protocols
            .iter()
            .map(|range| vec![Ranges::new(vec![*range]), every_port()]),
    );
    if !services.unknown.is_empty() {
        tuples.push(vec![Ranges::new(vec![(0, 255)]), every_port()]);
    }
    if !reachable {
        // Its interfaces are others than the flow's.
        tuples.clear();
    }
    let side = |key: &str, key6: &str| {
        let mut names = entry.words(key).to_vec();
        names.extend(entry.words(key6).iter().cloned());
        let found = objects.addresses(&names);
        let by_service = entry.is_on("internet-service") && key == "dstaddr";
        let unknown = !found.unknown.is_empty();
        let every = |largest: u128| vec![(0, largest)];
        Side {
            v4: Rc::new(Ranges::new(if unknown || by_service {
                every(u128::from(u32::MAX))
            } else {
                found.v4
            })),
            v6: Rc::new(Ranges::new(if unknown || by_service {
                every(u128::MAX)
            } else {
                found.v6
            })),
            names: found.names,
            doubt: unknown.then(|| format!("the address {}", found.unknown.join(", ")).into()),
            negated: entry.is_on(&format!("{key}-negate")),
        }
    };
    let action = if accepts { "accept" } else { "deny" };
    Policy {
        id: entry.name().to_owned(),
        line: entry.line,
        text: format!(
            "policy {} {:?} ({action})",
            entry.name(),
            entry.word("name")
        )
        .into(),
        accepts,
        source: side("srcaddr", "srcaddr6"),
        destination: side("dstaddr", "dstaddr6"),
        services: tuples,
        services_negated: entry.is_on("service-negate") && reachable,
        doubts,
        tls: tls::Profile::new(
            entry.word("ssl-ssh-profile"),
            entry.line,
            entries,
            &entry.vdom,
            objects,
        ),
    }
}

impl Policy {
    /// The policy for packets to a host; `None` where it can't meet them.
    fn rule(&self, v4: bool, host: &Host) -> Option<Rule> {
        let mut tests = Vec::with_capacity(6);
        if self.services.is_empty() && !self.services_negated {
            return None;
        }
        tests.push(Test::Tuple {
            fields: vec![Field::Protocol, Field::DestinationPort],
            elements: self.services.clone(),
            negated: self.services_negated,
        });
        let (source, destination) = if v4 {
            (Field::SourceV4, Field::DestinationV4)
        } else {
            (Field::SourceV6, Field::DestinationV6)
        };
        tests.extend(self.source.test(source, None)?);
        tests.extend(self.destination.test(destination, Some(host))?);
        tests.extend(
            self.doubts
                .iter()
                .map(|doubt| Test::Maybe(Rc::clone(doubt))),
        );
        let action = if self.accepts {
            Action::Accept
        } else {
            Action::Drop
        };
        Some(Rule {
            line: self.line,
            text: Rc::clone(&self.text),
            tests,
            then: Then::Do(action),
        })
    }
}

impl Side {
    fn test(&self, field: Field, host: Option<&Host>) -> Option<Vec<Test>> {
        let ranges = match field {
            Field::SourceV6 | Field::DestinationV6 => &self.v6,
            _ => &self.v4,
        };
        let named = named(&self.names, host);
        let mut tests: Vec<Test> = self
            .doubt
            .iter()
            .map(|doubt| Test::Maybe(Rc::clone(doubt)))
            .collect();
        match (named, self.negated) {
            (Named::Yes, false) => {}
            (Named::Yes, true) => return None,
            (Named::Some, _) => tests.push(Test::Maybe("which of the names is meant".into())),
            (Named::No, false) if ranges.is_empty() => return None,
            (Named::No, false) => tests.push(Test::In(field, Rc::clone(ranges))),
            (Named::No, true) => {
                tests.push(Test::In(field, Rc::new(ranges.complement(field.largest()))))
            }
        }
        Some(tests)
    }
}

/// How names of a policy lie to a flow's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    Some,
    No,
}

/// A FortiGate learns `*.d` from the answers of name servers: names below `d`, not `d` itself.
fn named(names: &[String], host: Option<&Host>) -> Named {
    let Some(host) = host else {
        return if names.is_empty() {
            Named::No
        } else {
            Named::Some
        };
    };
    let mut found = Named::No;
    for name in names {
        let kind = match name.strip_prefix("*.") {
            Some(_) => crate::endpoint::MatchKind::AnyDepth,
            None => crate::endpoint::MatchKind::Exact,
        };
        let Ok(pattern) = Host::of(kind, name.trim_start_matches("*.")) else {
            found = Named::Some;
            continue;
        };
        if pattern.includes(host) {
            return Named::Yes;
        }
        let overlaps =
            host.includes(&pattern) || pattern.name().is_some_and(|own| host.covers_name(own));
        if overlaps || host.name().is_some_and(|own| pattern.covers_name(own)) {
            found = Named::Some;
        }
    }
    found
}
