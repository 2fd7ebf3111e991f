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
mod near;
mod part;
mod pattern;
mod place;
mod quads;
mod signature;
mod state;
mod sweep;
mod table;

pub(crate) use budget::{Budget, Exhausted};
pub(crate) use state::State;

use self::cursor::Cursor;
use self::layout::{
    BODY_VERSION, GUARD_BYTES, HEADER_BYTES, Lane, TARGET_BYTES, TARGETS, UNKNOWN_DISTANCE,
};
use self::part::Part;
use self::place::Range;
use self::signature::{Signature, Subject};
use self::state::{Memory, Room};
use self::sweep::BLOCK;
use self::table::{Anchor, Around, Candidate, Guard, Row, Table};
use crate::definitions::DefinitionsError;
use crate::definitions::bytes::{u32_at, u64_at};
use crate::definitions::pages::Section;
use crate::facts::{Context, Facts, Target};

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
            facts.target,
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

    /// Adds the rules for a target and for any file that match to `found`, and those with an
    /// expression that reached a limit to the state's `limited`.
    ///
    /// # Errors
    /// When the work that the file causes exceeds the budget; what was found until then is in
    /// `found`.
    #[expect(clippy::too_many_arguments, reason = "one scan's surroundings")]
    pub(crate) fn scan(
        &self,
        target: Target,
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
        let at = HEADER_BYTES + TARGET_BYTES * usize::from(target.number());
        let Some(row) = Row::read(self.hot, at) else {
            return Ok(());
        };
        let mut room = state.room.take().unwrap_or_default();
        let armed = self.arm(row, &mut room, subject, state, budget);
        state.room = Some(room);
        let mut limited = std::mem::take(&mut state.limited);
        let (signatures, memory) = state.armed();
        let always = row.always().chunks_exact(4).filter_map(|at| u32_at(at, 0));
        let tried = always.chain(signatures.iter().copied());
        let evaluated = self.evaluate(tried, subject, memory, found, &mut limited, budget);
        state.limited = limited;
        evaluated.and(armed)
    }

    /// Evaluates the signatures at these places.
    fn evaluate(
        &self,
        tried: impl Iterator<Item = u32>,
        subject: Subject<'_>,
        memory: &mut Memory,
        found: &mut Vec<u32>,
        limited: &mut Vec<u32>,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        for at in tried {
            let signature = usize::try_from(at)
                .ok()
                .and_then(|at| Signature::read(self.programs, at));
            if let Some(signature) = signature
                && signature.applies(subject)
            {
                memory.limited = false;
                let matches = signature.matches(subject, memory, budget);
                if memory.limited && matches != Ok(true) {
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
        room: &mut Room,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let [Some(long), Some(middle), Some(short), Some(tiny)] =
            Lane::ALL.map(|lane| row.lane(lane))
        else {
            return Ok(());
        };
        let Some(triples) = row.triples() else {
            return Ok(());
        };
        let file = subject.file;
        let (words, _) = file.as_chunks::<4>();
        let mut done = Ok(());
        for start in (0..file.len()).step_by(BLOCK) {
            let block = words.get(start / 4..).unwrap_or_default();
            let with_next = block.get(..=BLOCK / 4).unwrap_or(block);
            let block = block.get(..BLOCK / 4).unwrap_or(block);
            if !long.filter().is_empty() {
                let bytes = file.get(start..).unwrap_or_default();
                sweep::sampled(bytes, &mut room.places);
                sweep::long(long.filter(), bytes, &room.places, &mut room.windows);
                done = done.and_then(|()| self.look_up(&long, start, room, subject, state, budget));
            }
            if !middle.filter().is_empty() {
                sweep::middle(middle.filter(), block, &mut room.windows);
                done =
                    done.and_then(|()| self.look_up(&middle, start, room, subject, state, budget));
            }
            if !triples.is_empty() {
                sweep::triples(triples, with_next, &mut room.places);
                done = done.and_then(|()| {
                    self.around_triples([&short, &tiny], start, room, subject, state, budget)
                });
            }
            if done.is_err() {
                break;
            }
        }
        if !triples.is_empty() && done.is_ok() {
            let start = words.len().saturating_sub(1) * 4;
            let last = file.get(start..).unwrap_or_default();
            sweep::last_triples(triples, last, &mut room.places);
            done = self.around_triples([&short, &tiny], start, room, subject, state, budget);
        }
        done.and_then(|()| self.arm_anchored(row, subject, state, budget))
    }

    /// Looks at the windows that begin around triples.
    fn around_triples(
        &self,
        [short, tiny]: [&Table<'d>; 2],
        block: usize,
        room: &mut Room,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let bytes_from = |at: usize| subject.file.get(at..).unwrap_or_default();
        if !short.is_empty() {
            let lead = block.min(1);
            let bytes = bytes_from(block - lead);
            sweep::short(short.filter(), bytes, lead, &room.places, &mut room.windows);
            self.look_up(short, block - lead, room, subject, state, budget)?;
        }
        if !tiny.is_empty() {
            let bytes = bytes_from(block);
            sweep::tiny(tiny.filter(), bytes, &room.places, &mut room.windows);
            self.look_up(tiny, block, room, subject, state, budget)?;
        }
        Ok(())
    }

    /// Tries the guards of the windows that passed a filter, in places counted from `base`.
    fn look_up(
        &self,
        table: &Table<'d>,
        base: usize,
        room: &mut Room,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        if table.is_empty() {
            return Ok(());
        }
        let candidates = table.candidates(&room.windows, base, &mut room.candidates);
        candidates
            .iter()
            .try_for_each(|candidate| self.try_candidate(table, candidate, subject, state, budget))
    }

    /// Tries the guards of a window.
    #[inline]
    fn try_candidate(
        &self,
        table: &Table<'d>,
        candidate: &Candidate,
        subject: Subject<'_>,
        state: &mut State,
        budget: &mut Budget,
    ) -> Result<(), Exhausted> {
        let mut around = Around::default();
        for entry in table.entries(candidate) {
            budget.spend(1)?;
            let within = usize::try_from(entry.window).unwrap_or(0);
            if let Some(literal) = candidate.position.checked_sub(within)
                && around.allows(&entry, subject.file, literal)
            {
                self.try_guard(entry.guard, literal, subject, state, budget)?;
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
        let entries = row.anchor_entries();
        for anchor in row.anchors() {
            let Some(anchor) = Anchor::read(anchor, entries) else {
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
                for guard in anchor.guards(subject.file, at) {
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
        budget.spend(2)?;
        if state.is_armed(guard.signature) {
            return Ok(());
        }
        if guard.distance != UNKNOWN_DISTANCE {
            let start = usize::try_from(guard.distance)
                .ok()
                .and_then(|distance| literal.checked_sub(distance));
            let Some(start) = start else {
                return Ok(());
            };
            // Many signatures begin with the same part at the same place.
            if state.failed == Some((guard.part, start)) {
                return Ok(());
            }
            if !self.stands(guard, start, subject, budget)? {
                state.failed = Some((guard.part, start));
                return Ok(());
            }
        }
        state.arm(guard.signature);
        Ok(())
    }

    /// Whether a guard's part matches at a place, and what must stand near it does.
    fn stands(
        &self,
        guard: Guard,
        start: usize,
        subject: Subject<'_>,
        budget: &mut Budget,
    ) -> Result<bool, Exhausted> {
        let Some(part) = Part::read(&mut Cursor::new(self.programs, guard.part)) else {
            return Ok(false);
        };
        let Some(end) = part.matches(subject.file, start, budget)? else {
            return Ok(false);
        };
        near::surrounded(self.programs, guard, (start, end), subject, budget)
    }
}
