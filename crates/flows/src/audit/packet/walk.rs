//! Sending a set of packets through chains of rules.

use std::collections::HashSet;
use std::rc::Rc;

use super::index::Index;
use super::{Action, Chain, Field, Lies, Packets, Ranges, Rule, Test, Then};

/// Jumps inside each other; Linux allows as many (`NFT_JUMP_STACK_SIZE`).
const MAX_DEPTH: usize = 16;
/// Rules that one walk looks at, those of jumped-to chains counted each time.
const MAX_STEPS: usize = 500_000;
/// Parts that a set of packets is cut into.
const MAX_PARTS: usize = 256;

/// What becomes of a part of the packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) struct Leaf {
    pub(in crate::audit) end: End,
    pub(in crate::audit) by: By,
    /// Why it is not sure that packets come to this end.
    pub(in crate::audit) doubt: Option<Rc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::audit) enum End {
    Accepted,
    Dropped,
    Rewritten,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) enum By {
    Rule {
        line: usize,
        text: Rc<str>,
    },
    Policy,
    /// The walk hit a limit.
    Limit,
}

/// Sends packets through a chain; what falls off its end meets the policy.
pub(in crate::audit) fn walk(
    chains: &[Chain],
    start: usize,
    policy: End,
    packets: Packets,
) -> Vec<Leaf> {
    go(chains, None, start, policy, packets)
}

/// The same by an index of these chains. Of several ends that are in doubt for the same reason it
/// tells no more than it takes to know that there are several.
pub(in crate::audit) fn walk_indexed(
    chains: &[Chain],
    index: &Index,
    start: usize,
    policy: End,
    packets: Packets,
) -> Vec<Leaf> {
    go(chains, Some(index), start, policy, packets)
}

fn go(
    chains: &[Chain],
    index: Option<&Index>,
    start: usize,
    policy: End,
    packets: Packets,
) -> Vec<Leaf> {
    let mut walk = Walk {
        chains,
        index,
        steps: 0,
        leaves: Vec::new(),
        known: HashSet::new(),
        accepts: false,
        drops: false,
        doubts: HashSet::new(),
        limit: false,
    };
    let rest = walk.chain(start, vec![packets], 0);
    for packets in rest {
        walk.leaf(policy, By::Policy, packets.doubt);
    }
    if walk.limit {
        let reason: Rc<str> = "there are too many cases to go through".into();
        walk.leaf(End::Accepted, By::Limit, Some(Rc::clone(&reason)));
        walk.leaf(End::Dropped, By::Limit, Some(reason));
    }
    walk.leaves
}

/// An end, the line and the place of the rule's text, the place of the doubt's.
type LeafKey = (End, Option<(usize, *const u8)>, Option<*const u8>);

struct Walk<'r> {
    chains: &'r [Chain],
    index: Option<&'r Index>,
    steps: usize,
    leaves: Vec<Leaf>,
    /// The leaves by what tells them apart.
    known: HashSet<LeafKey>,
    accepts: bool,
    drops: bool,
    /// The doubts that leaves have, by their place.
    doubts: HashSet<*const u8>,
    limit: bool,
}

/// What a rule makes of packets.
#[derive(Default)]
struct Parted {
    on: Vec<Packets>,
    returned: Vec<Packets>,
}

impl Walk<'_> {
    fn leaf(&mut self, end: End, by: By, doubt: Option<Rc<str>>) {
        let place = match &by {
            By::Rule { line, text } => Some((*line, text.as_ptr())),
            By::Policy | By::Limit => None,
        };
        let told = doubt.as_ref().map(|doubt| doubt.as_ptr());
        if self.known.insert((end, place, told)) {
            self.doubts.extend(told);
            match end {
                End::Accepted => self.accepts = true,
                End::Dropped => self.drops = true,
                End::Rewritten => {}
            }
            // The leaf keeps its doubt's text where it is.
            self.leaves.push(Leaf { end, by, doubt });
        }
    }

    /// Leaves out packets of which it is known already that it depends on their doubt what becomes
    /// of them.
    fn forget_doubted(&self, packets: &mut Vec<Packets>) {
        let rewrites = self.index.is_none_or(|index| index.rewrites);
        if !rewrites && self.accepts && self.drops && !self.doubts.is_empty() {
            packets.retain(|packets| {
                let doubt = packets.doubt.as_ref();
                doubt.is_none_or(|doubt| !self.doubts.contains(&doubt.as_ptr()))
            });
        }
    }

    /// The packets that come back from the chain without a verdict.
    fn chain(&mut self, number: usize, mut packets: Vec<Packets>, depth: usize) -> Vec<Packets> {
        let Some(chain) = self.chains.get(number) else {
            return packets;
        };
        if depth > MAX_DEPTH {
            self.limit = true;
            return Vec::new();
        }
        let mut returned = Vec::new();
        let candidates = self
            .index
            .and_then(|index| index.candidates(number, chain, &packets));
        let all = candidates.is_none().then_some(0..chain.rules.len());
        for at in all
            .into_iter()
            .flatten()
            .chain(candidates.into_iter().flatten())
        {
            let Some(rule) = chain.rules.get(at) else {
                break;
            };
            self.steps += 1;
            if self.steps > MAX_STEPS || packets.len() + returned.len() > MAX_PARTS {
                self.limit = true;
                return Vec::new();
            }
            if packets.iter().all(|packets| misses(rule, packets)) {
                continue;
            }
            let mut on = Parts::default();
            let mut parted = Parted::default();
            for packets in packets {
                if misses(rule, &packets) {
                    on.untouched(packets);
                    continue;
                }
                self.rule(rule, packets, depth, &mut parted);
                on.changed.append(&mut parted.on);
            }
            packets = on.merged();
            returned.extend(parted.returned);
            self.forget_doubted(&mut packets);
            if packets.is_empty() {
                break;
            }
        }
        returned.extend(packets);
        Parts::from_changed(returned).merged()
    }

    fn rule(&mut self, rule: &Rule, packets: Packets, depth: usize, parted: &mut Parted) {
        let mut meeting = vec![packets];
        for test in &rule.tests {
            let mut next = Vec::new();
            for packets in meeting {
                let (inside, outside) = apply(test, &packets, rule);
                next.extend(inside);
                parted.on.extend(outside);
            }
            meeting = next;
        }
        match &rule.then {
            Then::Do(action) => {
                for packets in meeting {
                    self.act(action, rule, packets, depth, parted);
                }
            }
            Then::Map { fields, elements } => {
                for (ranges, action) in elements {
                    let mut rest = Vec::new();
                    for packets in meeting {
                        let (inside, outside) = cut_all(
                            fields,
                            ranges,
                            &packets,
                            &doubt(rule, "a value that is not known"),
                        );
                        rest.extend(outside);
                        for packets in inside {
                            self.act(action, rule, packets, depth, parted);
                        }
                    }
                    meeting = rest;
                }
                parted.on.extend(meeting);
            }
        }
    }

    fn act(
        &mut self,
        action: &Action,
        rule: &Rule,
        packets: Packets,
        depth: usize,
        parted: &mut Parted,
    ) {
        let by = || By::Rule {
            line: rule.line,
            text: Rc::clone(&rule.text),
        };
        match action {
            Action::Accept => self.leaf(End::Accepted, by(), packets.doubt),
            Action::Drop => self.leaf(End::Dropped, by(), packets.doubt),
            Action::Rewrite => self.leaf(End::Rewritten, by(), packets.doubt),
            Action::Continue => parted.on.push(packets),
            Action::Return => parted.returned.push(packets),
            Action::Jump(chain) => {
                let back = self.chain(*chain, vec![packets], depth + 1);
                parted.on.extend(back);
            }
            Action::Goto(chain) => {
                let back = self.chain(*chain, vec![packets], depth + 1);
                parted.returned.extend(back);
            }
            Action::Anything(reason) => {
                let packets = packets.doubted(reason);
                self.leaf(End::Accepted, by(), packets.doubt.clone());
                self.leaf(End::Dropped, by(), packets.doubt.clone());
                parted.on.push(packets);
            }
        }
    }
}

/// Sets of packets of which none has to be in another.
#[derive(Default)]
struct Parts {
    /// None of these is in another of them.
    kept: Vec<Packets>,
    changed: Vec<Packets>,
}

impl Parts {
    fn from_changed(changed: Vec<Packets>) -> Self {
        Self {
            kept: Vec::new(),
            changed,
        }
    }

    fn untouched(&mut self, packets: Packets) {
        self.kept.push(packets);
    }

    /// Each set of packets once, and none that another covers: which doubt was the first makes no
    /// difference.
    fn merged(self) -> Vec<Packets> {
        let mut kept = self.kept;
        for packets in self.changed {
            if kept.iter().any(|other| other.covers(&packets)) {
                continue;
            }
            kept.retain(|other| !packets.covers(other));
            kept.push(packets);
        }
        kept
    }
}

/// Whether no packet meets the rule, quickly.
fn misses(rule: &Rule, packets: &Packets) -> bool {
    rule.tests.iter().any(|test| match test {
        Test::In(field, ranges) => packets.lies(*field, ranges) == Lies::Outside,
        Test::Flags {
            mask,
            values,
            negated,
        } => packets
            .tcp_flags
            .is_none_or(|flags| values.contains(&(flags & mask)) == *negated),
        Test::Tuple { .. } | Test::Maybe(_) => false,
    })
}

fn doubt(rule: &Rule, what: &str) -> Rc<str> {
    format!("line {} depends on {what}: {}", rule.line, rule.text).into()
}

/// What a doubt about a field is about.
const fn unknown(field: Field) -> &'static str {
    match field {
        Field::SourceV4 | Field::SourceV6 => "the addresses that the connection comes from",
        Field::DestinationV4 | Field::DestinationV6 => "the addresses behind the name",
        Field::SourcePort => "the port that the connection comes from",
        Field::DestinationPort => "the port",
        Field::In => "the interface that packets come in by",
        Field::Out => "the interface that packets go out by",
        Field::IcmpType => "the kind of ICMP message",
        Field::Family | Field::Protocol | Field::State => "a value that is not known",
    }
}

fn apply(test: &Test, packets: &Packets, rule: &Rule) -> (Vec<Packets>, Vec<Packets>) {
    match test {
        Test::In(field, ranges) => match packets.lies(*field, ranges) {
            Lies::Inside => (vec![packets.clone()], Vec::new()),
            Lies::Outside => (Vec::new(), vec![packets.clone()]),
            Lies::Across => packets.cut(*field, ranges, &doubt(rule, unknown(*field))),
        },
        Test::Tuple {
            fields,
            elements,
            negated,
        } => {
            let mut inside = Vec::new();
            let mut rest = vec![packets.clone()];
            for ranges in elements {
                let mut next = Vec::new();
                for packets in rest {
                    let misses = fields
                        .iter()
                        .zip(ranges)
                        .any(|(field, ranges)| packets.lies(*field, ranges) == Lies::Outside);
                    if misses {
                        next.push(packets);
                        continue;
                    }
                    let what = fields
                        .iter()
                        .zip(ranges)
                        .find(|(field, ranges)| packets.lies(**field, ranges) == Lies::Across)
                        .map_or("a value that is not known", |(field, _)| unknown(*field));
                    let (hit, missed) = cut_all(fields, ranges, &packets, &doubt(rule, what));
                    inside.extend(hit);
                    next.extend(missed);
                }
                rest = next;
                if inside.len() + rest.len() > MAX_PARTS {
                    let reason = doubt(rule, "too many cases to go through");
                    return (
                        vec![packets.doubted(&reason)],
                        vec![packets.doubted(&reason)],
                    );
                }
            }
            if *negated {
                (rest, inside)
            } else {
                (inside, rest)
            }
        }
        Test::Flags { .. } => {
            if misses(rule, packets) {
                (Vec::new(), vec![packets.clone()])
            } else {
                (vec![packets.clone()], Vec::new())
            }
        }
        Test::Maybe(reason) => {
            let reason = doubt(rule, reason);
            (
                vec![packets.doubted(&reason)],
                vec![packets.doubted(&reason)],
            )
        }
    }
}

/// Packets of which every field is in its ranges, and the others.
fn cut_all(
    fields: &[Field],
    ranges: &[Ranges],
    packets: &Packets,
    reason: &Rc<str>,
) -> (Vec<Packets>, Vec<Packets>) {
    let mut inside = vec![packets.clone()];
    let mut outside = Vec::new();
    for (field, ranges) in fields.iter().zip(ranges) {
        let mut next = Vec::new();
        for packets in inside {
            let (hit, missed) = packets.cut(*field, ranges, reason);
            next.extend(hit);
            outside.extend(missed);
        }
        inside = next;
    }
    (inside, outside)
}
