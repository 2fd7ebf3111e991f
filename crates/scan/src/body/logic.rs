//! Logical expressions over how often each subsignature matches. What is not known yet is taken
//! as anything, so that an expression that can't become true is given up early.

use super::cursor::Cursor;
use super::layout::{MAX_LOGIC_DEPTH, MAX_SUBSIGNATURES, logic};

/// How often each subsignature matches, as far as that is known.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    counts: [u32; MAX_SUBSIGNATURES],
    known: u64,
}

impl Counts {
    pub(super) const fn new() -> Self {
        Self {
            counts: [0; MAX_SUBSIGNATURES],
            known: 0,
        }
    }

    pub(super) fn set(&mut self, subsignature: u8, count: u64) {
        if let Some(slot) = self.counts.get_mut(usize::from(subsignature)) {
            *slot = u32::try_from(count).unwrap_or(u32::MAX);
            self.known |= 1 << subsignature;
        }
    }

    pub(super) fn known(&self, subsignature: u8) -> Option<u32> {
        let known = subsignature < 64 && self.known & (1 << subsignature) != 0;
        known
            .then(|| self.counts.get(usize::from(subsignature)).copied())
            .flatten()
    }
}

/// What is known of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// It can still be true.
    pub(super) may: bool,
    /// It is true whatever else turns out.
    pub(super) must: bool,
    /// Matches that it counts, at least and at most.
    least: u64,
    most: u64,
    /// Subsignatures that match for certain, and perhaps.
    certain: u64,
    perhaps: u64,
}

impl Outcome {
    const NEVER: Self = Self {
        may: false,
        must: false,
        least: 0,
        most: 0,
        certain: 0,
        perhaps: 0,
    };

    /// Nothing is counted for what is false.
    const fn settled(self) -> Self {
        Self {
            least: if self.must { self.least } else { 0 },
            certain: if self.must { self.certain } else { 0 },
            most: if self.may { self.most } else { 0 },
            perhaps: if self.may { self.perhaps } else { 0 },
            ..self
        }
    }

    /// With a condition on the count, and perhaps one on the number of subsignatures.
    fn counted(self, operator: u8, number: u64, subsignatures: u32) -> Option<Self> {
        let (may, must) = match operator {
            logic::EQUAL => (
                self.least <= number && number <= self.most,
                self.least == number && number == self.most,
            ),
            logic::LESS => (self.least < number, self.most < number),
            logic::MORE => (self.most > number, self.least > number),
            _ => return None,
        };
        let enough = |ids: u64| subsignatures == 0 || ids.count_ones() >= subsignatures;
        Some(Self {
            may: may && enough(self.perhaps),
            must: must && enough(self.certain),
            ..self
        })
    }
}

/// Evaluates the expression at the cursor; `None` when it is malformed.
pub(super) fn evaluate(
    cursor: &mut Cursor<&[u8]>,
    counts: &Counts,
    depth: usize,
) -> Option<Outcome> {
    if depth > MAX_LOGIC_DEPTH {
        return None;
    }
    let node = cursor.u8()?;
    match node {
        logic::LEAF | logic::LEAF_COUNT => {
            let id = cursor
                .u8()
                .filter(|id| usize::from(*id) < MAX_SUBSIGNATURES)?;
            let known = counts.known(id).map(u64::from);
            let (least, most) = known.map_or((0, u64::from(u32::MAX)), |count| (count, count));
            let bare = Outcome {
                may: most > 0,
                must: least > 0,
                least,
                most,
                certain: 1 << id,
                perhaps: 1 << id,
            };
            if node == logic::LEAF {
                return Some(bare.settled());
            }
            let operator = cursor.u8()?;
            let number = cursor.u32()?;
            Some(bare.counted(operator, number.into(), 0)?.settled())
        }
        logic::AND | logic::OR | logic::AND_COUNT | logic::OR_COUNT => {
            let condition = if matches!(node, logic::AND_COUNT | logic::OR_COUNT) {
                Some((cursor.u8()?, cursor.u32()?, cursor.u32()?))
            } else {
                None
            };
            let left = evaluate(cursor, counts, depth + 1)?;
            let right = evaluate(cursor, counts, depth + 1)?;
            let all = matches!(node, logic::AND | logic::AND_COUNT);
            let both = Outcome {
                may: if all {
                    left.may && right.may
                } else {
                    left.may || right.may
                },
                must: if all {
                    left.must && right.must
                } else {
                    left.must || right.must
                },
                least: left.least.saturating_add(right.least),
                most: left.most.saturating_add(right.most),
                certain: left.certain | right.certain,
                perhaps: left.perhaps | right.perhaps,
            }
            .settled();
            let Some((operator, number, subsignatures)) = condition else {
                return Some(both);
            };
            let outcome = both.counted(operator, number.into(), subsignatures)?;
            Some(Outcome {
                certain: 0,
                perhaps: 0,
                ..outcome.settled()
            })
        }
        _ => None,
    }
}

/// The same, where a malformed expression is one that never holds.
pub(super) fn outcome(bytes: &[u8], counts: &Counts) -> Outcome {
    evaluate(&mut Cursor::new(bytes, 0), counts, 0).unwrap_or(Outcome::NEVER)
}
