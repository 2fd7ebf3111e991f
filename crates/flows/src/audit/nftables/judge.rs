//! What a ruleset does with a flow.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::Source;
use super::compile::{Base, Compiled, compile};
use super::lines;
use super::part;
use crate::audit::packet::index::Index;
use crate::audit::packet::walk::{By, End, Leaf, walk, walk_indexed};
use crate::audit::packet::{FAMILY_V4, NO_INTERFACE, Packets, Value, state};
use crate::audit::question::{ACK, Question, SYN};
use crate::audit::verdict::{Cause, Judged, Part, Verdict};
use crate::audit::{AuditError, AuditOptions, Position};

/// A ruleset that was read.
#[derive(Debug)]
pub(in crate::audit) struct Ruleset {
    pub(super) compiled: Compiled,
    /// The chains that a chain is taken to jump to, where no chain of the file has a hook.
    pub(super) part_of: Vec<String>,
    /// Absent: every rule is looked at for every flow, as tests compare.
    pub(super) index: Option<Index>,
    /// What became of packets already: flows to hosts that only have names send the same ones.
    sent: RefCell<HashMap<Sent, Rc<[Leaf]>>>,
}

/// Whether by the index, the chain, its policy, and the packets.
type Sent = (bool, usize, End, Packets);

/// Ends that are remembered; what comes after them is worked out each time.
const MOST_SENT: usize = 10_000;

/// One of the packets that a connection needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    First,
    Answer,
    Following,
}

impl Ruleset {
    pub(in crate::audit) fn read(
        bytes: &[u8],
        options: &AuditOptions<'_>,
    ) -> Result<Self, AuditError> {
        let source = Source::read(bytes)?;
        let mut compiled = compile(&source, options)?;
        let part_of = if compiled.bases.is_empty() {
            part::lend(&mut compiled)
        } else {
            Vec::new()
        };
        if compiled.bases.is_empty() && compiled.notes.is_empty() {
            return Err(AuditError::Syntax {
                line: 1,
                expected: "a ruleset of nftables with at least one chain",
                got: "a file without one".to_owned(),
            });
        }
        let index = Some(Index::new(&compiled.chains));
        Ok(Self {
            compiled,
            part_of,
            index,
            sent: RefCell::default(),
        })
    }

    pub(in crate::audit) fn judge(&self, question: &Question<'_>, position: Position) -> Judged {
        let Some(boxes) = question.packets() else {
            return Judged::unknown("it has more pairs of addresses and ports than are judged");
        };
        if boxes.is_empty() {
            return Judged::unknown("its two ends have no family of addresses in common");
        }
        let positions = self.positions(question, position);
        let mut parts = Vec::new();
        let mut closed: Vec<(usize, Stage)> = Vec::new();
        for packets in &boxes {
            let mut part = Part::permitted();
            for (position, stage) in positions.iter().copied().flat_map(|position| {
                [Stage::First, Stage::Answer, Stage::Following].map(|stage| (position, stage))
            }) {
                for (at, base) in self.bases(position, stage, packets) {
                    let leaves = self.send(base, position, stage, packets);
                    let found = judged(base, stage, &leaves);
                    if matches!(found.verdict, Verdict::Blocked | Verdict::Partly)
                        && !closed.contains(&(at, stage))
                    {
                        closed.push((at, stage));
                    }
                    part.and(found);
                }
            }
            parts.push(part);
        }
        let mut judged = Judged::of(parts);
        judged.lines = closed
            .iter()
            .filter_map(|(at, stage)| self.compiled.bases.get(*at).map(|base| (base, *stage)))
            .filter(|(base, _)| base.hook.kind != "nat")
            .flat_map(|(base, stage)| match stage {
                Stage::First => lines::first(&base.name, base.v4, base.v6, question),
                Stage::Answer | Stage::Following => vec![lines::established(&base.name)],
            })
            .collect();
        judged
    }

    /// The chains that a packet crosses.
    fn bases(
        &self,
        position: Position,
        stage: Stage,
        packets: &Packets,
    ) -> impl Iterator<Item = (usize, &Base)> {
        let answer = stage == Stage::Answer;
        let hooks: &[&str] = match (position, answer) {
            (Position::Forward, _) => &["prerouting", "forward", "postrouting"],
            (Position::Output | Position::Host | Position::Auto, false)
            | (Position::Input, true) => &["output", "postrouting"],
            (Position::Output | Position::Host | Position::Auto, true)
            | (Position::Input, false) => &["prerouting", "input"],
        };
        let v4 = packets.family == FAMILY_V4;
        self.compiled.bases.iter().enumerate().filter(move |(_, base)| {
            (base.hook.hook == part::HOOK || hooks.contains(&base.hook.hook.as_str()))
                && (if v4 { base.v4 } else { base.v6 })
                // Only the first packet of a connection meets chains of addresses' translation.
                && (base.hook.kind != "nat" || (stage == Stage::First && base.hook.hook != "postrouting" && base.hook.hook != "input"))
        })
    }

    fn send(&self, base: &Base, position: Position, stage: Stage, packets: &Packets) -> Rc<[Leaf]> {
        let mut packets = packets.clone();
        match stage {
            Stage::First => {}
            Stage::Answer => {
                std::mem::swap(&mut packets.source, &mut packets.destination);
                std::mem::swap(&mut packets.source_port, &mut packets.destination_port);
                packets.state = state::ESTABLISHED;
                packets.tcp_flags = packets.tcp_flags.map(|_| SYN | ACK);
            }
            Stage::Following => {
                packets.state = state::ESTABLISHED;
                packets.tcp_flags = packets.tcp_flags.map(|_| ACK);
            }
        }
        let (mut one, mut other) = (self.compiled.interface_in, self.compiled.interface_out);
        if stage == Stage::Answer {
            std::mem::swap(&mut one, &mut other);
        }
        let interface = |known: Option<u128>| {
            known.map_or(Value::Some(1, NO_INTERFACE - 1), |id| Value::Each(id, id))
        };
        let none = Value::Each(NO_INTERFACE, NO_INTERFACE);
        (packets.interface_in, packets.interface_out) = match base.hook.hook.as_str() {
            "prerouting" | "input" => (interface(one), none),
            "output" => (none, interface(other)),
            "postrouting" if position != Position::Forward => (none, interface(other)),
            _ => (interface(one), interface(other)),
        };
        let policy = if base.hook.drops {
            End::Dropped
        } else {
            End::Accepted
        };
        let sent = (self.index.is_some(), base.chain, policy, packets);
        if let Some(known) = self.sent.borrow().get(&sent) {
            return Rc::clone(known);
        }
        let (_, chain, policy, packets) = sent.clone();
        let chains = &self.compiled.chains;
        let leaves: Rc<[Leaf]> = match &self.index {
            Some(index) => walk_indexed(chains, index, chain, policy, packets),
            None => walk(chains, chain, policy, packets),
        }
        .into();
        let mut known = self.sent.borrow_mut();
        if known.len() < MOST_SENT {
            known.insert(sent, Rc::clone(&leaves));
        }
        leaves
    }
}

/// What the ends of the walk through one chain mean for the whole set of packets.
fn judged(base: &Base, stage: Stage, leaves: &[Leaf]) -> Part {
    let who = match stage {
        Stage::First => "",
        Stage::Answer => "answers: ",
        Stage::Following => "packets after the first: ",
    };
    let by = |leaf: &Leaf| match &leaf.by {
        By::Rule { line, text } => Cause {
            line: *line,
            text: format!("{who}chain {}: {text}", base.name),
        },
        By::Policy if base.hook.hook == part::HOOK => Cause {
            line: 0,
            text: format!("{who}chain {}: no rule accepts", base.name),
        },
        By::Policy => Cause {
            line: 0,
            text: format!(
                "{who}chain {}: its policy is drop, and no rule accepts",
                base.name
            ),
        },
        By::Limit => Cause {
            line: 0,
            text: format!("{who}chain {}: too many cases to go through", base.name),
        },
    };
    let is = |end: End| move |leaf: &&Leaf| leaf.end == end;
    let dropped = leaves.iter().filter(is(End::Dropped)).count();
    let rewritten = leaves.iter().find(is(End::Rewritten));
    if let Some(leaf) = rewritten {
        let mut cause = by(leaf);
        cause
            .text
            .push_str(": what it is rewritten to is not judged");
        return Part {
            verdict: Verdict::Unknown,
            causes: vec![cause],
        };
    }
    if dropped == 0 {
        return Part::permitted();
    }
    let sure: Vec<Cause> = leaves
        .iter()
        .filter(is(End::Dropped))
        .filter(|leaf| leaf.doubt.is_none())
        .map(by)
        .collect();
    if dropped == leaves.len() {
        let causes = if sure.is_empty() {
            leaves.iter().map(by).collect()
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
    let mut doubts: Vec<&str> = leaves
        .iter()
        .filter_map(|leaf| leaf.doubt.as_deref())
        .collect();
    doubts.dedup_by_key(|doubt| doubt.as_ptr());
    let causes = doubts
        .into_iter()
        .map(|doubt| Cause {
            line: 0,
            text: format!("{who}chain {}: {doubt}", base.name),
        })
        .collect();
    Part {
        verdict: Verdict::Unknown,
        causes,
    }
}
