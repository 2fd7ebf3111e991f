//! Which rules are compiled together.
//!
//! A rule that needs a literal which clean files seldom hold goes behind the gate, into a part of
//! rules of the same files and of about the same chance: few files open any. The others are run on
//! every file that they can match, and are compiled twice: for Windows programs, for which many are,
//! and for all others, so that a file is read by them once.

use std::collections::{BTreeMap, BTreeSet};

use scan::yara::gate::MAX_PARTS;
use scan::yara::{GroupHeader, Start, Starts};

use super::condition::Scope;
use super::entries::Entries;
use super::needed::Needed;

/// Rules: namespace, and place in it.
pub(super) type Members = BTreeSet<(usize, usize)>;

/// Rules for the gate by the files that they can match.
type Gated<'n> = BTreeMap<Starts, Vec<(&'n Needed, (usize, usize))>>;

/// Rules whose literals clean files hold more often than this in a mebibyte are run on every file: a
/// part with them would nearly always be open.
const MOST_CHANCE: f64 = 0.1;
/// Rules of a part, unless there were too many parts then.
const PART_RULES: usize = 512;

/// A group of rules.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) header: GroupHeader,
    /// Whether its parts are run only on what holds their literals.
    pub(super) gated: bool,
    pub(super) parts: Vec<Part>,
}

/// Rules that are compiled together.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) starts: Starts,
    pub(super) members: Members,
    /// What the rules need that it was made for; none for a part that is run on every file.
    pub(super) needed: Vec<Needed>,
}

/// Classes of files that are told apart; together they are all.
fn classes() -> [Starts; 5] {
    let only = |start| Starts::only(start);
    let documents = only(Start::Ole2)
        .or(only(Start::Zip))
        .or(only(Start::Rtf))
        .or(only(Start::Pdf));
    [
        only(Start::Pe),
        only(Start::Elf),
        only(Start::MachO),
        documents,
        only(Start::Other),
    ]
}

/// Divides rules into groups. What a rule needs goes with it, so a rule may stand in several parts.
pub(super) fn divide(entries: &[Entries]) -> Vec<Group> {
    let mut always: BTreeMap<Starts, Members> = BTreeMap::new();
    let mut gated = Gated::new();
    for (namespace, entries) in entries.iter().enumerate() {
        for (place, rule) in entries.rules.iter().enumerate() {
            let starts = classes_of(rule.scope);
            let seldom = rule
                .needed
                .as_ref()
                .filter(|needed| needed.chance() <= MOST_CHANCE);
            if let Some(needed) = seldom {
                let rules = gated.entry(starts).or_default();
                rules.push((needed, (namespace, place)));
                continue;
            }
            let programs = Starts::only(Start::Pe);
            for class in [programs, programs.complement()] {
                if starts.and(class) != Starts::NONE {
                    add(always.entry(class).or_default(), namespace, place, entries);
                }
            }
        }
    }
    let mut groups: Vec<Group> = always
        .into_iter()
        .map(|(starts, members)| Group {
            header: header(starts),
            gated: false,
            parts: vec![Part {
                starts,
                members,
                needed: Vec::new(),
            }],
        })
        .collect();
    let parts = parts(gated, entries);
    if !parts.is_empty() {
        groups.push(Group {
            header: header(Starts::ALL),
            gated: true,
            parts,
        });
    }
    groups
}

const fn header(starts: Starts) -> GroupHeader {
    GroupHeader {
        starts,
        most_bytes: u64::MAX,
    }
}

/// The class that has all the files that a rule can match; all files when it is more than one. A rule
/// that can match nothing is somebody's mistake, and is looked for everywhere.
fn classes_of(scope: Scope) -> Starts {
    let covers = |class: &Starts| scope.starts.and(*class) == scope.starts;
    classes()
        .into_iter()
        .find(|class| scope.starts != Starts::NONE && covers(class))
        .unwrap_or(Starts::ALL)
}

fn parts(gated: Gated<'_>, entries: &[Entries]) -> Vec<Part> {
    let rules: usize = gated.values().map(Vec::len).sum();
    // One that is not full for each kind of starts comes on top.
    let most = (MAX_PARTS - gated.len().min(MAX_PARTS / 2)).max(1);
    let size = PART_RULES.max(rules.div_ceil(most));
    let mut parts = Vec::new();
    for (starts, mut rules) in gated {
        rules.sort_by(|(left, left_place), (right, right_place)| {
            let chance = right.chance().total_cmp(&left.chance());
            chance.then_with(|| left_place.cmp(right_place))
        });
        for rules in rules.chunks(size) {
            let mut part = Part {
                starts,
                members: Members::new(),
                needed: Vec::new(),
            };
            for (needed, (namespace, place)) in rules {
                if let Some(entries) = entries.get(*namespace) {
                    add(&mut part.members, *namespace, *place, entries);
                }
                part.needed.push((*needed).clone());
            }
            parts.push(part);
        }
    }
    parts
}

/// Adds a rule, the rules that it names, and the global ones of its namespace.
fn add(members: &mut Members, namespace: usize, place: usize, entries: &Entries) {
    let globals = entries.rules.iter().enumerate();
    let mut wanted: Vec<usize> = globals
        .filter(|(_, rule)| rule.global)
        .map(|(place, _)| place)
        .collect();
    wanted.push(place);
    while let Some(place) = wanted.pop() {
        if members.insert((namespace, place))
            && let Some(rule) = entries.rules.get(place)
        {
            wanted.extend(&rule.needs);
        }
    }
}
