//! Byte patterns: ClamAV's body-based and logical signatures, matched without copying them.
//!
//! A file is read once through the filters of its target ([`table`]). They say where a *guard* may
//! stand: a literal without which its signature can't match, chosen by the compiler so that clean
//! files hardly hold any. A guard that stands where it must arms its signature, and only armed
//! signatures are evaluated ([`signature`]): their other subsignatures are looked for in the file
//! ([`pattern`]) until the logical expression is certain. The work depends on the file and on what
//! it holds, not on how many signatures there are, and has a [`Budget`].

mod budget;
mod comparison;
mod cursor;
pub(crate) mod expression;
pub mod layout;
mod logic;
mod part;
mod pattern;
mod place;
mod signature;
mod state;
mod table;

pub(crate) use budget::{Budget, Exhausted};
pub(crate) use state::State;

use self::cursor::Cursor;
use self::layout::{
    ANCHOR_BYTES, BODY_VERSION, GUARD_BYTES, HEADER_BYTES, Lane, TARGET_BYTES, TARGETS,
    UNKNOWN_DISTANCE,
};
use self::part::Part;
use self::place::{Place, Range};
use self::signature::{Signature, Subject};
use self::table::{Anchor, Guard, Row};
use crate::definitions::DefinitionsError;
use crate::definitions::bytes::{slice, u32_at, u64_at};
use crate::facts::{Context, Facts};

/// All patterns of a definitions file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patterns<'d> {
    hot: &'d [u8],
    guards: &'d [u8],
    programs: &'d [u8],
}

impl<'d> Patterns<'d> {
    /// Reads the header of both sections; `None` when there are no patterns. What they point to
    /// is checked when it is used.
    pub(crate) fn read(
        hot: &'d [u8],
        programs: &'d [u8],
    ) -> Result<Option<Self>, DefinitionsError> {
        if hot.is_empty() && programs.is_empty() {
            return Ok(None);
        }
        let malformed = |what: &str| DefinitionsError::Malformed { what: what.into() };
        let version = |section| u32_at(section, 0) == Some(BODY_VERSION);
        if !version(hot) || !version(programs) {
            return Err(malformed("the pattern sections have another version"));
        }
        let rows = slice(hot, HEADER_BYTES, TARGETS * TARGET_BYTES);
        let guards = u32_at(hot, 4).zip(u64_at(hot, 8)).and_then(|(count, at)| {
            let count = usize::try_from(count).ok()?;
            let at = usize::try_from(at).ok()?;
            slice(hot, at, count.checked_mul(GUARD_BYTES)?)
        });
        let (Some(_), Some(guards)) = (rows, guards) else {
            return Err(malformed(
                "the pattern section is shorter than its header says",
            ));
        };
        Ok(Some(Self {
            hot,
            guards,
            programs,
        }))
    }

    /// How many signatures there are.
    pub(crate) fn len(&self) -> u64 {
        u32_at(self.programs, 4).unwrap_or(0).into()
    }

    /// Adds the rules that match to `found`.
    ///
    /// # Errors
    /// When the work that the file causes exceeds the budget; what was found until then is in
    /// `found`.
    pub(crate) fn scan(
        &self,
        file: &[u8],
        facts: &Facts,
        context: Context<'_>,
        state: &mut State,
        found: &mut Vec<u32>,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let subject = Subject {
            file,
            facts,
            context,
        };
        state.clear();
        let at = HEADER_BYTES + TARGET_BYTES * usize::from(facts.target.number());
        let Some(row) = Row::read(self.hot, at) else {
            return Ok(());
        };
        let armed = self.arm(row, subject, state, budget);
        let always = row.always().chunks_exact(4).filter_map(|at| u32_at(at, 0));
        for at in always.chain(state.armed().iter().copied()) {
            let signature = usize::try_from(at)
                .ok()
                .and_then(|at| Signature::read(self.programs, at));
            if let Some(signature) = signature
                && signature.applies(subject)
                && signature.matches(subject, budget)?
            {
                found.push(signature.rule);
            }
        }
        armed
    }

    /// Looks for guards.
    fn arm(
        &self,
        row: Row<'d>,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        for lane in Lane::ALL {
            let Some(table) = row.lane(lane).filter(|table| !table.is_empty()) else {
                continue;
            };
            // The long lane is told of a window by its second half.
            let back = lane.width().saturating_sub(4).min(4);
            table.windows(lane, subject.file, &mut |position, hash| {
                for entry in table.entries(hash) {
                    budget.spend(1)?;
                    let literal = (position.saturating_sub(back))
                        .checked_sub(usize::try_from(entry.window).unwrap_or(0));
                    if let Some(literal) = literal {
                        self.try_guard(entry.guard, literal, subject, state, budget)?;
                    }
                }
                Ok(())
            })?;
        }
        self.arm_anchored(row, subject, state, budget)
    }

    fn arm_anchored(
        &self,
        row: Row<'d>,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        for anchor in row.anchors().chunks_exact(ANCHOR_BYTES) {
            let Some(anchor) = Anchor::read(anchor, row.anchor_entries()) else {
                continue;
            };
            let length = subject.file.len();
            let Some(Range::Between(first, last)) = anchor.place.range(subject.facts, length)
            else {
                continue;
            };
            for start in first..=last {
                budget.spend(1)?;
                let at = start.saturating_add(anchor.distance);
                let window = subject.file.get(at..).and_then(<[u8]>::first_chunk::<4>);
                for guard in anchor.guards(window.copied()) {
                    self.try_guard(guard, at, subject, state, budget)?;
                }
            }
        }
        Ok(())
    }

    /// Arms the guard's signature if its part matches where its literal seems to stand.
    fn try_guard(
        &self,
        guard: u32,
        literal: usize,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let Some(guard) = Guard::read(self.guards, guard) else {
            return Ok(());
        };
        if state.is_armed(guard.signature) {
            return Ok(());
        }
        budget.spend(2)?;
        if guard.distance != UNKNOWN_DISTANCE {
            let start = usize::try_from(guard.distance)
                .ok()
                .and_then(|distance| literal.checked_sub(distance));
            let part = Part::read(&mut Cursor::new(self.programs, guard.part));
            let (Some(start), Some(part)) = (start, part) else {
                return Ok(());
            };
            if part.matches(subject.file, start, budget)?.is_none() {
                return Ok(());
            }
            if guard.pattern != 0 {
                let place = Place::read(&mut Cursor::new(self.programs, guard.pattern));
                let allowed = |place: Place| place.allows(subject.facts, subject.file.len(), start);
                if !place.is_some_and(allowed) {
                    return Ok(());
                }
            }
        }
        state.arm(guard.signature);
        Ok(())
    }
}
