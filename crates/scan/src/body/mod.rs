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
mod sweep;
mod table;

pub(crate) use budget::{Budget, Exhausted};
pub(crate) use state::State;

use self::cursor::Cursor;
use self::layout::{
    ANCHOR_BYTES, BODY_VERSION, GUARD_BYTES, HEADER_BYTES, Lane, PAIR_WORDS, TARGET_BYTES, TARGETS,
    UNKNOWN_DISTANCE, window_hash,
};
use self::part::Part;
use self::place::{Place, Range};
use self::signature::{Signature, Subject};
use self::sweep::{BLOCK, Hits};
use self::table::{Anchor, Guard, Row, Table};
use crate::definitions::DefinitionsError;
use crate::definitions::bytes::{u32_at, u64_at};
use crate::definitions::pages::Section;
use crate::facts::{Context, Facts};

/// The rules whose patterns match a file: what fuzzing and measurements of the pattern sections
/// alone need.
///
/// # Errors
/// When a section's header is malformed.
pub fn match_patterns(
    hot: &[u8],
    programs: &[u8],
    file: &[u8],
) -> Result<Vec<u32>, DefinitionsError> {
    let mut found = Vec::new();
    let (hot, programs) = (Section::plain(hot), Section::plain(programs));
    if let Some(patterns) = Patterns::read(hot, programs)? {
        let facts = Facts::of(file);
        let context = Context::default();
        let mut budget = Budget::for_bytes(file.len());
        // What was found until the budget was used up counts.
        let _ = patterns.scan(
            file,
            &facts,
            context,
            &mut State::default(),
            &mut found,
            &mut budget,
        );
    }
    Ok(found)
}

/// All patterns of a definitions file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patterns<'d> {
    hot: Section<'d>,
    guards: Section<'d>,
    programs: Section<'d>,
}

impl<'d> Patterns<'d> {
    /// Reads the header of both sections; `None` when there are no patterns. What they point to
    /// is checked when it is used.
    pub(crate) fn read(
        hot: Section<'d>,
        programs: Section<'d>,
    ) -> Result<Option<Self>, DefinitionsError> {
        if hot.is_empty() && programs.is_empty() {
            return Ok(None);
        }
        let malformed = |what: &str| DefinitionsError::Malformed { what: what.into() };
        let header = |section: Section<'d>| section.get(0, HEADER_BYTES.min(section.len()));
        let (start, version) = (header(hot)?, u32_at(header(programs)?, 0));
        if u32_at(start, 0) != Some(BODY_VERSION) || version != Some(BODY_VERSION) {
            return Err(malformed("the pattern sections have another version"));
        }
        let rows = hot.piece(HEADER_BYTES, TARGETS * TARGET_BYTES);
        let guards = u32_at(start, 4)
            .zip(u64_at(start, 8))
            .and_then(|(count, at)| {
                let count = usize::try_from(count).ok()?;
                let at = usize::try_from(at).ok()?;
                hot.piece(at, count.checked_mul(GUARD_BYTES)?)
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
        let count = self.programs.get(4, 4).ok();
        count.and_then(|count| u32_at(count, 0)).unwrap_or(0).into()
    }

    /// Adds the rules that match to `found`, and those with an expression that reached a limit to
    /// the state's `limited`.
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
        let mut limited = std::mem::take(&mut state.limited);
        let evaluated = self.evaluate(row, subject, state.armed(), found, &mut limited, budget);
        state.limited = limited;
        evaluated.and(armed)
    }

    /// Evaluates the signatures that are always tried, and those that are armed.
    fn evaluate(
        &self,
        row: Row<'d>,
        subject: Subject<'_>,
        armed: &[u32],
        found: &mut Vec<u32>,
        limited: &mut Vec<u32>,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let always = row.always().chunks_exact(4).filter_map(|at| u32_at(at, 0));
        for at in always.chain(armed.iter().copied()) {
            let signature = usize::try_from(at)
                .ok()
                .and_then(|at| Signature::read(self.programs, at));
            if let Some(signature) = signature
                && signature.applies(subject)
            {
                let mut reached = false;
                let matches = signature.matches(subject, budget, &mut reached);
                if reached {
                    limited.push(signature.rule);
                }
                if matches? {
                    found.push(signature.rule);
                }
            }
        }
        Ok(())
    }

    /// Looks for guards, block by block.
    fn arm(
        &self,
        row: Row<'d>,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let [Some(long), Some(middle), Some(short), Some(tiny)] =
            Lane::ALL.map(|lane| row.lane(lane))
        else {
            return Ok(());
        };
        let file = subject.file;
        let (words, _) = file.as_chunks::<4>();
        let mut hits = std::mem::take(&mut state.hits);
        let mut done = Ok(());
        for start in (0..file.len()).step_by(BLOCK) {
            let block = words.get(start / 4..).unwrap_or_default();
            let with_next = block.get(..=BLOCK / 4).unwrap_or(block);
            let block = block.get(..BLOCK / 4).unwrap_or(block);
            if !long.filter().is_empty() {
                sweep::long(long.filter(), with_next, &mut hits);
                done =
                    done.and(self.look_up(&long, Lane::Long, start, &hits, subject, state, budget));
            }
            if !middle.filter().is_empty() {
                sweep::middle(middle.filter(), block, &mut hits);
                done = done.and(self.look_up(
                    &middle,
                    Lane::Middle,
                    start,
                    &hits,
                    subject,
                    state,
                    budget,
                ));
            }
            if let Some(pairs) = short.filter().first_chunk::<PAIR_WORDS>() {
                let bytes = file.get(start..).unwrap_or_default();
                let bytes = bytes.get(..=BLOCK).unwrap_or(bytes);
                sweep::pairs(pairs, bytes, &mut hits);
                done = done
                    .and(self.look_up(&short, Lane::Short, start, &hits, subject, state, budget))
                    .and_then(|()| {
                        self.look_up(&tiny, Lane::Tiny, start, &hits, subject, state, budget)
                    });
            }
            if done.is_err() {
                break;
            }
        }
        state.hits = hits;
        done.and_then(|()| self.arm_anchored(row, subject, state, budget))
    }

    /// Tries the guards of the windows that passed a filter.
    #[expect(clippy::too_many_arguments, reason = "one scan's surroundings")]
    fn look_up(
        &self,
        table: &Table<'d>,
        lane: Lane,
        block: usize,
        hits: &Hits,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        if table.is_empty() {
            return Ok(());
        }
        for place in hits.places() {
            let position = block + place;
            let Some(window) = subject.file.get(position..position + lane.width()) else {
                continue;
            };
            let window = window
                .iter()
                .rev()
                .fold(0, |window, byte| window << 8 | u64::from(*byte));
            let hash = window_hash(window);
            if !table.may_hold(hash) {
                continue;
            }
            for entry in table.entries(hash) {
                budget.spend(1)?;
                let within = usize::try_from(entry.window).unwrap_or(0);
                if let Some(literal) = position.checked_sub(within) {
                    self.try_guard(entry.guard, literal, subject, state, budget)?;
                }
            }
        }
        Ok(())
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
