//! Which rules are compiled together.
//!
//! A rule that needs a literal which clean files seldom hold goes behind the gate, into a part of
//! rules of the same files and of about the same chance: few files open any. The others are run on
//! every file that they can match, and are compiled several times, for programs of either kind and
//! for all else, for small files and for large ones, so that a file is read by them once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use scan::yara::gate::MAX_PARTS;
use scan::yara::{GroupHeader, Start, Starts};

use super::condition::Scope;
use super::entries::Entries;
use super::needed::Needed;

/// Rules: namespace, and place in it.
pub(super) type Members = BTreeSet<(usize, usize)>;

/// Rules for the gate by the files that they can match.
type Gated<'e> = BTreeMap<Starts, Vec<Behind<'e>>>;

/// Rules whose literals clean files hold more often than this, in a mebibyte or in the largest file
/// for the rule, are run on every file: a part with them would nearly always be open.
const MOST_CHANCE: f64 = 4.0;
/// Many rules about scripts allow no larger file.
const SMALL_BYTES: u64 = 1 << 20;
/// Rules of the part that is opened the most often.
const FEWEST_RULES: usize = 512;
/// Rules of the following parts, unless there were too many parts then. Reading a file for many
/// rules costs hardly more than for few, so that there are few parts.
const PART_RULES: usize = 4096;

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
    /// Bytes of the files that it is for.
    pub(super) sizes: RangeInclusive<u64>,
    pub(super) members: Members,
    /// The rules that it was made for, and what each needs; none for a part that is run on every
    /// file.
    pub(super) gated: Vec<(Needed, u64)>,
}

/// A rule behind a gate.
#[derive(Clone, Copy)]
struct Behind<'e> {
    needed: &'e Needed,
    /// Bytes of the largest file.
    most_bytes: u64,
    /// How often a clean file opens its part, as a guess.
    chance: f64,
    place: (usize, usize),
}

/// When a part that waits behind no gate is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Run {
    Small,
    Large,
}

impl Run {
    const fn sizes(self) -> RangeInclusive<u64> {
        match self {
            Self::Small => 0..=SMALL_BYTES,
            Self::Large => SMALL_BYTES + 1..=u64::MAX,
        }
    }
}

/// Classes of files that the rules without a gate are compiled for; together they are all.
const fn run_apart() -> [Starts; 3] {
    let programs = Starts::only(Start::Pe).or(Starts::only(Start::Elf));
    [
        Starts::only(Start::Pe),
        Starts::only(Start::Elf),
        programs.complement(),
    ]
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
    let mut always: BTreeMap<(Starts, Run), Members> = BTreeMap::new();
    let mut gated = Gated::new();
    for (namespace, entries) in entries.iter().enumerate() {
        for (place, rule) in entries.rules.iter().enumerate() {
            let starts = classes_of(rule.scope);
            let most_bytes = rule.scope.most_bytes(Starts::ALL);
            let behind = rule.needed.as_ref().map(|needed| Behind {
                needed,
                most_bytes,
                chance: needed.chance() * mebibytes(most_bytes),
                place: (namespace, place),
            });
            if let Some(behind) = behind.filter(|behind| behind.chance <= MOST_CHANCE) {
                gated.entry(starts).or_default().push(behind);
                continue;
            }
            let mut add = |class, run| {
                let members = always.entry((class, run)).or_default();
                add(members, namespace, place, entries);
            };
            for class in run_apart() {
                if starts.and(class) == Starts::NONE {
                    continue;
                }
                add(class, Run::Small);
                if starts == Starts::NONE || rule.scope.most_bytes(class) > SMALL_BYTES {
                    add(class, Run::Large);
                }
            }
        }
    }
    let parts_of_all: Vec<Part> = always
        .into_iter()
        .map(|((starts, run), members)| Part {
            starts,
            sizes: run.sizes(),
            members,
            gated: Vec::new(),
        })
        .collect();
    let mut groups = Vec::new();
    if !parts_of_all.is_empty() {
        groups.push(Group {
            header: header(Starts::ALL),
            gated: false,
            parts: parts_of_all,
        });
    }
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
    let starts = scope.starts();
    let covers = |class: &Starts| starts.and(*class) == starts;
    classes()
        .into_iter()
        .find(|class| starts != Starts::NONE && covers(class))
        .unwrap_or(Starts::ALL)
}

/// Mebibytes of the largest file, and no more than one.
fn mebibytes(most_bytes: u64) -> f64 {
    let most = u32::try_from(most_bytes).unwrap_or(u32::MAX);
    (f64::from(most) / f64::from(1 << 20)).min(1.0)
}

fn parts(gated: Gated<'_>, entries: &[Entries]) -> Vec<Part> {
    let rules: usize = gated.values().map(Vec::len).sum();
    // One that is not full for each kind of starts comes on top.
    let most = (MAX_PARTS - gated.len().min(MAX_PARTS / 2)).max(1);
    let size = PART_RULES.max(rules.div_ceil(most));
    let mut parts = Vec::new();
    for (starts, mut rules) in gated {
        rules.sort_by(|left, right| {
            let chance = right.chance.total_cmp(&left.chance);
            chance.then_with(|| left.place.cmp(&right.place))
        });
        let mut rest = rules.as_slice();
        let mut next = FEWEST_RULES;
        while !rest.is_empty() {
            let (rules, after) = rest.split_at(next.min(rest.len()));
            rest = after;
            next = size;
            let mut part = Part {
                starts,
                sizes: 0..=u64::MAX,
                members: Members::new(),
                gated: Vec::new(),
            };
            for rule in rules {
                let (namespace, place) = rule.place;
                if let Some(entries) = entries.get(namespace) {
                    add(&mut part.members, namespace, place, entries);
                }
                part.gated.push((rule.needed.clone(), rule.most_bytes));
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
