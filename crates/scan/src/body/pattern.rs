//! All matches of one pattern in a file. Used once a guard has said that a signature may match,
//! so that it may look through the whole file.

use memchr::memmem;

use super::budget::{Budget, Exhausted};
use super::cursor::Cursor;
use super::layout::MAX_PARTS;
use super::part::{Hint, Part};
use super::place::{Place, Range, version_info};
use super::quads::Quads;
use crate::definitions::pages::Section;
use crate::facts::Facts;

/// Ends of one part that are kept while the next is looked for.
const MAX_ENDS: usize = 1 << 16;

/// What looking near one more end costs, in bytes that are searched meanwhile.
const NEAR_COST: usize = 256;
/// Shorter runs of bytes are in most files.
const LEAST_PRESENT: usize = 3;

/// How often a pattern matches, and where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) count: u64,
    /// Where the last match begins.
    pub(super) last: usize,
    /// A part matches at more places than are kept: there may be more matches.
    pub(super) cut_short: bool,
}

/// A pattern, read from its program.
#[derive(Debug, Clone)]
pub(super) struct Pattern<'d> {
    pub(super) place: Place,
    parts: Vec<Part<'d>>,
}

impl<'d> Pattern<'d> {
    pub(super) fn read(programs: Section<'d>, at: usize) -> Option<Self> {
        let mut cursor = Cursor::new(programs, at);
        let place = Place::read(&mut cursor)?;
        let count = cursor.length().filter(|count| *count <= MAX_PARTS)?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(Part::read(&mut cursor)?);
        }
        (!parts.is_empty()).then_some(Self { place, parts })
    }

    /// Counts matches, up to `most`.
    pub(super) fn find(
        &self,
        file: &[u8],
        facts: &Facts,
        most: u64,
        quads: &mut Quads,
        budget: &mut Budget,
    ) -> Result<Found, Exhausted> {
        let Some(range) = self.place.range(facts, file.len()) else {
            return Ok(Found::default());
        };
        let Some((first, rest)) = self.parts.split_first() else {
            return Ok(Found::default());
        };
        if range.is_wide() || !rest.is_empty() {
            quads.searching(file);
        }
        for part in &self.parts {
            if let Hint::Bytes(bytes, _) = part.hint
                && !quads.may_hold(bytes)
            {
                budget.spend(1)?;
                return Ok(Found::default());
            }
        }
        for part in rest {
            if !present(part, file, budget)? {
                return Ok(Found::default());
            }
        }
        let mut found = Found::default();
        if rest.is_empty() {
            each(first, file, facts, range, budget, &mut |start, _| {
                found.count += 1;
                found.last = start;
                found.count < most
            })?;
            return Ok(found);
        }
        self.chain(first, rest, file, facts, range, most, budget)
    }

    /// Matches of the parts in order, each within its distance of the one before. A match is
    /// counted for each place of the last part.
    #[expect(clippy::too_many_arguments, reason = "one scan's surroundings")]
    fn chain(
        &self,
        first: &Part<'d>,
        rest: &[Part<'d>],
        file: &[u8],
        facts: &Facts,
        range: Range,
        most: u64,
        budget: &mut Budget,
    ) -> Result<Found, Exhausted> {
        // Ends of the part before, with where the chain began.
        let mut ends: Vec<(usize, usize)> = Vec::new();
        let mut found = Found::default();
        let one = rest.first().is_some_and(|next| next.most_gap.is_none());
        each(first, file, facts, range, budget, &mut |start, end| {
            if ends.len() >= MAX_ENDS {
                found.cut_short = true;
                return false;
            }
            ends.push((end, start));
            !one
        })?;
        for (index, part) in rest.iter().enumerate() {
            ends.sort_unstable();
            let (Some((low, _)), Some((high, _))) = (ends.first(), ends.last()) else {
                return Ok(found);
            };
            let from = low.saturating_add(part.least_gap);
            let to = part
                .most_gap
                .map_or(file.len(), |gap| high.saturating_add(gap).min(file.len()));
            let after = rest.get(index + 1);
            let one = after.is_some_and(|next| next.most_gap.is_none());
            let mut next: Vec<(usize, usize)> = Vec::new();
            let before = &ends;
            near(
                part,
                file,
                facts,
                before,
                (from, to),
                budget,
                &mut |start, end| {
                    let Some(latest) = start.checked_sub(part.least_gap) else {
                        return true;
                    };
                    let place = before.partition_point(|(end, _)| *end <= latest);
                    let Some((previous, began)) =
                        place.checked_sub(1).and_then(|at| before.get(at))
                    else {
                        return true;
                    };
                    if part.most_gap.is_some_and(|gap| start - previous > gap) {
                        return true;
                    }
                    if after.is_none() {
                        found.count += 1;
                        found.last = *began;
                        return found.count < most;
                    }
                    if next.len() >= MAX_ENDS {
                        found.cut_short = true;
                        return false;
                    }
                    next.push((end, *began));
                    !one
                },
            )?;
            ends = next;
        }
        Ok(found)
    }
}

/// Calls `each` with the matches of a part that may follow one of some ends, and perhaps with others
/// from a place to another. A few ends are gone round one by one.
fn near(
    part: &Part<'_>,
    file: &[u8],
    facts: &Facts,
    ends: &[(usize, usize)],
    (from, to): (usize, usize),
    budget: &mut Budget,
    each_match: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<(), Exhausted> {
    let width = part.most_gap.map(|gap| gap.saturating_sub(part.least_gap));
    let few = width.filter(|width| {
        let around = width.saturating_add(NEAR_COST).saturating_mul(ends.len());
        around < to.saturating_sub(from)
    });
    let Some(width) = few else {
        return each(
            part,
            file,
            facts,
            Range::Between(from, to),
            budget,
            each_match,
        );
    };
    let mut next = from;
    let mut more = true;
    for (end, _) in ends {
        let first = end.saturating_add(part.least_gap);
        let last = first.saturating_add(width).min(to);
        let range = Range::Between(first.max(next), last);
        each(part, file, facts, range, budget, &mut |start, end| {
            more = each_match(start, end);
            more
        })?;
        if !more {
            break;
        }
        next = next.max(last.saturating_add(1));
    }
    Ok(())
}

/// Whether what a part is looked for by is in the file at all.
fn present(part: &Part<'_>, file: &[u8], budget: &mut Budget) -> Result<bool, Exhausted> {
    let Hint::Bytes(bytes, _) = part.hint else {
        return Ok(true);
    };
    if bytes.len() < LEAST_PRESENT {
        return Ok(true);
    }
    let place = memmem::find(file, bytes);
    budget.search(place.unwrap_or(file.len()))?;
    Ok(place.is_some())
}

/// Calls `each` with start and end of each match that begins in a range, until it says false.
pub(super) fn each(
    part: &Part<'_>,
    file: &[u8],
    facts: &Facts,
    range: Range,
    budget: &mut Budget,
    each: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<(), Exhausted> {
    let (first, last) = match range {
        Range::Between(first, last) => (first, last),
        Range::VersionInfo => {
            for start in version_info(facts) {
                if let Some(end) = part.matches(file, start, budget)?
                    && !each(start, end)
                {
                    break;
                }
            }
            return Ok(());
        }
    };
    let last = last.min(file.len().saturating_sub(part.least));
    let mut candidates = Candidates::new(part, file, first, last);
    while let Some(start) = candidates.next(budget)? {
        if let Some(end) = part.matches(file, start, budget)?
            && !each(start, end)
        {
            break;
        }
    }
    Ok(())
}

/// Places at which a part may begin.
struct Candidates<'f, 'd> {
    file: &'f [u8],
    finder: Option<memmem::Finder<'d>>,
    hint: Hint<'d>,
    next: usize,
    last: usize,
}

impl<'f, 'd> Candidates<'f, 'd> {
    fn new(part: &Part<'d>, file: &'f [u8], first: usize, last: usize) -> Self {
        // A few places are tried faster than looked for.
        let few = last.saturating_sub(first) < 16;
        let hint = if few { Hint::None } else { part.hint };
        let finder = match hint {
            Hint::Bytes(bytes, _) => Some(memmem::Finder::new(bytes)),
            Hint::None | Hint::Letter(..) => None,
        };
        Self {
            file,
            finder,
            hint,
            next: first,
            last,
        }
    }

    fn next(&mut self, budget: &mut Budget) -> Result<Option<usize>, Exhausted> {
        if self.next > self.last {
            return Ok(None);
        }
        let (distance, length) = match self.hint {
            Hint::None => (0, 0),
            Hint::Bytes(bytes, distance) => (distance, bytes.len()),
            Hint::Letter(_, _, distance) => (distance, 1),
        };
        let from = self.next.saturating_add(distance);
        let to = self
            .last
            .saturating_add(distance + length)
            .min(self.file.len());
        let Some(bytes) = self.file.get(from..to) else {
            return Ok(None);
        };
        let place = match (self.hint, &self.finder) {
            (Hint::None, _) | (Hint::Bytes(..), None) => Some(0),
            (Hint::Bytes(..), Some(finder)) => finder.find(bytes),
            (Hint::Letter(lower, upper, _), _) => memchr::memchr2(lower, upper, bytes),
        };
        budget.search(place.unwrap_or(bytes.len()))?;
        let start = place.map(|place| self.next + place);
        self.next = start.map_or(usize::MAX, |start| start + 1);
        Ok(start)
    }
}
