//! What must stand near a guard's part: the parts of its pattern whose distances have bounds. Most
//! guards that clean files hold are told from those of a match by that, without a search of the file.

use super::budget::{Budget, Exhausted};
use super::cursor::Cursor;
use super::layout::MAX_PARTS;
use super::part::Part;
use super::pattern::each;
use super::place::{Place, Range};
use super::signature::Subject;
use super::table::Guard;
use crate::definitions::pages::Section;

/// Wider distances are left to the search of the whole file.
const MOST_DISTANCE: usize = 1 << 10;
/// Ends of one part that are followed; with more, the guard counts as surrounded.
const MOST_ENDS: usize = 8;

/// Places where a part ends, in ascending order.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    places: [usize; MOST_ENDS],
    count: usize,
}

impl Ends {
    /// False when there is no room.
    fn add(&mut self, end: usize) -> bool {
        let Some(slot) = self.places.get_mut(self.count) else {
            return false;
        };
        *slot = end;
        self.count += 1;
        true
    }

    fn all(&self) -> &[usize] {
        self.places.get(..self.count).unwrap_or_default()
    }
}

/// Whether a guard's part from a place to another can belong to a match of its pattern.
pub(super) fn surrounded(
    programs: Section<'_>,
    guard: Guard,
    (start, end): (usize, usize),
    subject: Subject<'_>,
    budget: &mut Budget,
) -> Result<bool, Exhausted> {
    let mut cursor = Cursor::new(programs, guard.pattern);
    let Some(place) = Place::read(&mut cursor) else {
        return Ok(false);
    };
    let Some(count) = cursor.length().filter(|count| *count <= MAX_PARTS) else {
        return Ok(false);
    };
    let mut before: Option<Part<'_>> = None;
    for index in 0..count {
        budget.spend(4)?;
        let at = cursor.at();
        let Some(part) = Part::read(&mut cursor) else {
            return Ok(false);
        };
        if at != guard.part {
            before = Some(part);
            continue;
        }
        let first = match before {
            None => place.allows(subject.facts, subject.file.len(), start),
            Some(before) => follows(before, part, start, subject, budget)?,
        };
        return Ok(first && followed(&mut cursor, count - index - 1, end, subject, budget)?);
    }
    Ok(false)
}

/// Whether a part at a place has the one before it where that must be.
fn follows(
    before: Part<'_>,
    part: Part<'_>,
    start: usize,
    subject: Subject<'_>,
    budget: &mut Budget,
) -> Result<bool, Exhausted> {
    let bounded = part.most_gap.filter(|gap| *gap <= MOST_DISTANCE);
    let (Some(most), Some(length)) = (bounded, before.length()) else {
        return Ok(true);
    };
    let at_most = most.saturating_add(length);
    let Some(last) = start.checked_sub(part.least_gap.saturating_add(length)) else {
        return Ok(false);
    };
    let range = Range::Between(start.saturating_sub(at_most), last);
    let mut found = false;
    each(
        &before,
        subject.file,
        subject.facts,
        range,
        budget,
        &mut |_, _| {
            found = true;
            false
        },
    )?;
    Ok(found)
}

/// Whether a part that ends at a place has those behind it where they must be.
fn followed(
    cursor: &mut Cursor<Section<'_>>,
    parts: usize,
    end: usize,
    subject: Subject<'_>,
    budget: &mut Budget,
) -> Result<bool, Exhausted> {
    let mut ends = Ends::default();
    ends.add(end);
    for _ in 0..parts {
        budget.spend(4)?;
        let Some(part) = Part::read(cursor) else {
            return Ok(false);
        };
        let bounded = part.most_gap.filter(|gap| *gap <= MOST_DISTANCE);
        let (Some(most), [low, ..]) = (bounded, ends.all()) else {
            return Ok(true);
        };
        let high = ends.all().last().unwrap_or(low);
        let range = Range::Between(
            low.saturating_add(part.least_gap),
            high.saturating_add(most),
        );
        let mut next = Ends::default();
        let mut room = true;
        each(
            &part,
            subject.file,
            subject.facts,
            range,
            budget,
            &mut |start, end| {
                let near = ends.all().iter().any(|before| {
                    let gap = start.checked_sub(*before);
                    gap.is_some_and(|gap| (part.least_gap..=most).contains(&gap))
                });
                room = !near || next.add(end);
                room
            },
        )?;
        if !room {
            return Ok(true);
        }
        if next.count == 0 {
            return Ok(false);
        }
        next.places
            .get_mut(..next.count)
            .unwrap_or_default()
            .sort_unstable();
        ends = next;
    }
    Ok(true)
}
