//! One signature: its conditions, its subsignatures, and whether a file satisfies it.

use super::budget::{Budget, Exhausted};
use super::comparison::Comparison;
use super::cursor::Cursor;
use super::expression::Expression;
use super::layout::{MAX_SUBSIGNATURES, condition, subsignature};
use super::logic::{Counts, outcome};
use super::pattern::{Found, Pattern};
use super::state::Memory;
use crate::definitions::pages::Section;
use crate::facts::{Context, Facts};
use crate::file_type::FileType;

/// Patterns of one subsignature: as it stands, and with characters of two bytes.
const MAX_PATTERNS: u8 = 4;

/// What a signature is matched against.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) file: &'a [u8],
    pub(super) facts: &'a Facts,
    pub(super) context: Context<'a>,
}

/// A signature, read from its program.
#[derive(Debug)]
pub(super) struct Signature<'d> {
    pub(super) rule: u32,
    programs: Section<'d>,
    conditions: u8,
    file_size: (u32, u32),
    entry_point: (u32, u32),
    sections: (u32, u32),
    container: u8,
    intermediates: &'d [u8],
    most: u64,
    /// The order in which subsignatures are tried, and the place of each one's program.
    order: &'d [u8],
    places: &'d [u8],
    logic: &'d [u8],
}

impl<'d> Signature<'d> {
    pub(super) fn read(programs: Section<'d>, at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(programs, at);
        let rule = cursor.u32()?;
        let conditions = cursor.u8()?;
        let mut range = |flag| {
            if conditions & flag == 0 {
                Some((0, u32::MAX))
            } else {
                Some((cursor.u32()?, cursor.u32()?))
            }
        };
        let file_size = range(condition::FILE_SIZE)?;
        let entry_point = range(condition::ENTRY_POINT)?;
        let sections = range(condition::SECTIONS)?;
        let container = if conditions & condition::CONTAINER == 0 {
            0
        } else {
            cursor.u8()?
        };
        let intermediates = if conditions & condition::INTERMEDIATES == 0 {
            &[]
        } else {
            let count = cursor.u8()?;
            cursor.take(count.into())?
        };
        let most = match cursor.u32()? {
            0 => u64::MAX,
            most => most.into(),
        };
        let count = usize::from(cursor.u8()?);
        if count > MAX_SUBSIGNATURES {
            return None;
        }
        let order = cursor.take(count)?;
        let places = cursor.take(count * 4)?;
        let length = cursor.length()?;
        Some(Self {
            rule,
            programs,
            conditions,
            file_size,
            entry_point,
            sections,
            container,
            intermediates,
            most,
            order,
            places,
            logic: cursor.take(length)?,
        })
    }

    const fn has(&self, condition: u8) -> bool {
        self.conditions & condition != 0
    }

    /// Whether the file is one that the signature is for.
    pub(super) fn applies(&self, subject: Subject<'_>) -> bool {
        let within = |(least, most): (u32, u32), value: u64| {
            (u64::from(least)..=u64::from(most)).contains(&value)
        };
        if !within(self.file_size, subject.file.len() as u64) {
            return false;
        }
        if self.has(condition::ENTRY_POINT) || self.has(condition::SECTIONS) {
            let Some(executable) = &subject.facts.executable else {
                return false;
            };
            let entry = executable.entry_point.unwrap_or(0);
            if !within(self.entry_point, entry)
                || !within(self.sections, executable.sections.len() as u64)
            {
                return false;
            }
        }
        if self.has(condition::CONTAINER) && subject.context.container().number() != self.container
        {
            return false;
        }
        self.has_intermediates(subject.context)
    }

    /// The containers, the nearest last. Any container takes no place in the row, as in ClamAV.
    fn has_intermediates(&self, context: Context<'_>) -> bool {
        if context.containers.len() < self.intermediates.len() {
            return false;
        }
        self.intermediates
            .iter()
            .rev()
            .filter(|wanted| **wanted != FileType::Any.number())
            .zip(context.containers.iter().rev())
            .all(|(wanted, have)| *wanted == have.number())
    }

    /// Whether the file satisfies the expression. Subsignatures are tried until that is certain.
    /// The memory's `limited` becomes true when a regular expression reached a limit, which counts
    /// as no match, or a part of a pattern matches at more places than are kept.
    pub(super) fn matches(
        &self,
        subject: Subject<'_>,
        memory: &mut Memory,
        budget: &mut Budget,
    ) -> Result<bool, Exhausted> {
        let mut counts = Counts::new();
        let mut lasts = [0; MAX_SUBSIGNATURES];
        for id in self.order {
            budget.spend(8 + self.logic.len())?;
            let now = outcome(self.logic, &counts);
            if now.must || !now.may {
                return Ok(now.must);
            }
            let known = (&counts, &lasts);
            let found = self.count(*id, subject, known, memory, budget)?;
            counts.set(*id, found.count);
            memory.limited |= found.cut_short;
            if let Some(last) = lasts.get_mut(usize::from(*id)) {
                *last = found.last;
            }
        }
        Ok(outcome(self.logic, &counts).must)
    }

    fn count(
        &self,
        id: u8,
        subject: Subject<'_>,
        (counts, lasts): (&Counts, &[usize; MAX_SUBSIGNATURES]),
        memory: &mut Memory,
        budget: &mut Budget,
    ) -> Result<Found, Exhausted> {
        let none = Found::default();
        let at = Cursor::new(self.places, usize::from(id) * 4).place();
        let Some(mut cursor) = at.map(|at| Cursor::new(self.programs, at)) else {
            return Ok(none);
        };
        match cursor.u8() {
            Some(subsignature::PATTERNS) => self.patterns(&mut cursor, subject, memory, budget),
            Some(subsignature::EXPRESSION) => {
                let Some(expression) = Expression::read(&mut cursor) else {
                    return Ok(none);
                };
                if !outcome(expression.trigger, counts).must {
                    return Ok(none);
                }
                expression.find(subject.file, subject.facts, budget, &mut memory.limited)
            }
            Some(subsignature::COMPARISON) => {
                let Some(comparison) = Comparison::read(&mut cursor) else {
                    return Ok(none);
                };
                let near = comparison.subsignature;
                let start = lasts.get(usize::from(near)).copied().unwrap_or(0);
                let holds = counts.known(near).is_some_and(|count| count > 0)
                    && comparison.holds(subject.file, start);
                Ok(Found {
                    count: u64::from(holds),
                    last: 0,
                    cut_short: false,
                })
            }
            _ => Ok(none),
        }
    }

    fn patterns(
        &self,
        cursor: &mut Cursor<Section<'d>>,
        subject: Subject<'_>,
        memory: &mut Memory,
        budget: &mut Budget,
    ) -> Result<Found, Exhausted> {
        let mut all = Found::default();
        let count = cursor.u8().unwrap_or(0).min(MAX_PATTERNS);
        for _ in 0..count {
            let Some(at) = cursor.u32() else {
                break;
            };
            let found = match memory.of(at, self.most) {
                Some(found) => found,
                None => {
                    let program = usize::try_from(at).ok();
                    let Some(pattern) = program.and_then(|at| Pattern::read(self.programs, at))
                    else {
                        break;
                    };
                    let found = pattern.find(
                        subject.file,
                        subject.facts,
                        self.most,
                        &mut memory.quads,
                        budget,
                    )?;
                    memory.keep(at, self.most, found);
                    found
                }
            };
            all.count = all.count.saturating_add(found.count);
            all.last = all.last.max(found.last);
            all.cut_short |= found.cut_short;
        }
        Ok(all)
    }
}
