//! One part of a pattern: its program, and whether it matches at a position.

use super::budget::{Budget, Exhausted};
use super::cursor::{Cursor, Source};
use super::layout::{hint, marker, step};

/// Alternatives of different lengths inside each other's tails.
const MAX_BRANCHES: u32 = 256;

/// A character some bytes away from a part.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    value: u8,
    mask: u8,
    least: usize,
    most: usize,
}

impl Neighbour {
    fn read<'d>(cursor: &mut Cursor<impl Source<'d>>) -> Option<Self> {
        Some(Self {
            value: cursor.u8()?,
            mask: cursor.u8()?,
            least: cursor.u8()?.into(),
            most: cursor.u8()?.into(),
        })
    }

    fn is(self, byte: u8) -> bool {
        byte & self.mask == self.value
    }
}

/// How to look for the part.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hint<'d> {
    /// Nowhere in particular: try everywhere.
    None,
    /// These bytes stand so far behind the part's beginning.
    Bytes(&'d [u8], usize),
    /// One of these two bytes does.
    Letter(u8, u8, usize),
}

/// A part, read from its program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'d> {
    /// Bytes between the end of the part before and the beginning of this one; `None` for any
    /// number.
    pub(super) least_gap: usize,
    pub(super) most_gap: Option<usize>,
    pub(super) least: usize,
    pub(super) hint: Hint<'d>,
    markers: u16,
    left: Option<Neighbour>,
    right: Option<Neighbour>,
    program: &'d [u8],
}

impl<'d> Part<'d> {
    pub(super) fn read(cursor: &mut Cursor<impl Source<'d>>) -> Option<Self> {
        let least_gap = cursor.place()?;
        let most_gap = Some(cursor.place()?).filter(|gap| *gap != 0);
        let least = cursor.place()?;
        let markers = cursor.u16()?;
        let mut neighbour = |flag| {
            if markers & flag == 0 {
                Some(None)
            } else {
                Neighbour::read(cursor).map(Some)
            }
        };
        let left = neighbour(marker::CHARACTER_LEFT)?;
        let right = neighbour(marker::CHARACTER_RIGHT)?;
        let hint = match cursor.u8()? {
            hint::NONE => Hint::None,
            hint::BYTES => {
                let distance = cursor.place()?;
                let length = cursor.u8()?;
                Hint::Bytes(cursor.take(length.into())?, distance)
            }
            hint::LETTER => {
                let distance = cursor.place()?;
                let letter = cursor.u8()?;
                Hint::Letter(letter, letter.to_ascii_uppercase(), distance)
            }
            _ => return None,
        };
        let length = cursor.place()?;
        Some(Self {
            least_gap,
            most_gap,
            least,
            hint,
            markers,
            left,
            right,
            program: cursor.take(length)?,
        })
    }

    /// How many bytes it takes, if that is the same in every match.
    pub(super) fn length(&self) -> Option<usize> {
        let mut cursor = Cursor::new(self.program, 0);
        let mut length = 0_usize;
        while let Some(kind) = cursor.u8() {
            let own = match kind {
                step::BYTES | step::LETTERS | step::SKIP | step::MASKED => cursor.length()?,
                step::BOUNDARY | step::WORD => 1,
                _ => return None,
            };
            let behind = match kind {
                step::BYTES | step::LETTERS => own,
                step::MASKED => own * 2,
                step::SKIP => 0,
                _ => 1,
            };
            cursor.take(behind)?;
            length = length.checked_add(own)?;
        }
        Some(length)
    }

    /// Where the part ends if it matches at `start`.
    pub(super) fn matches(
        &self,
        file: &[u8],
        start: usize,
        budget: &mut Budget,
    ) -> Result<Option<usize>, Exhausted> {
        if !self.left_holds(file, start) {
            budget.spend(1)?;
            return Ok(None);
        }
        let mut branches = MAX_BRANCHES;
        self.run(file, start, 0, &mut branches, budget)
    }

    /// Runs the program from `at`. Recurses once for each step with alternatives of different
    /// lengths, `branches` bounds how often in all.
    fn run(
        &self,
        file: &[u8],
        start: usize,
        at: usize,
        branches: &mut u32,
        budget: &mut Budget,
    ) -> Result<Option<usize>, Exhausted> {
        let mut cursor = Cursor::new(self.program, at);
        let mut position = start;
        while let Some(kind) = cursor.u8() {
            budget.spend(1)?;
            let outcome = match kind {
                step::ALTERNATIVES => {
                    return self.alternatives(file, position, cursor, branches, budget);
                }
                other => simple(other, &mut cursor, file, position),
            };
            match outcome {
                Some(length) => position = position.saturating_add(length),
                None => return Ok(None),
            }
        }
        budget.spend((position - start) / 8)?;
        Ok(self.right_holds(file, position).then_some(position))
    }

    fn alternatives(
        &self,
        file: &[u8],
        position: usize,
        mut cursor: Cursor<&'d [u8]>,
        branches: &mut u32,
        budget: &mut Budget,
    ) -> Result<Option<usize>, Exhausted> {
        let Some((count, end)) = cursor.length().zip(cursor.place()) else {
            return Ok(None);
        };
        let mut tried: Option<usize> = None;
        for _ in 0..count {
            let Some(choice) = Choice::read(&mut cursor) else {
                return Ok(None);
            };
            budget.spend(1)?;
            if !choice.matches(file, position) || tried == Some(choice.length()) {
                continue;
            }
            tried = Some(choice.length());
            let Some(left) = branches.checked_sub(1) else {
                return Ok(None);
            };
            *branches = left;
            let behind = position.saturating_add(choice.length());
            if let Some(found) = self.run(file, behind, end, branches, budget)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn left_holds(&self, file: &[u8], start: usize) -> bool {
        let before = start.checked_sub(1).and_then(|at| file.get(at).copied());
        if self.markers & marker::BOUNDARY_LEFT != 0
            && before.is_some_and(|byte| !matches!(boundary(byte), 1 | 3))
        {
            return false;
        }
        if self.markers & marker::LINE_LEFT != 0 && before.is_some_and(|byte| byte != b'\n') {
            return false;
        }
        if self.markers & marker::WORD_LEFT != 0
            && let Some(byte) = before
        {
            let in_word = if self.markers & marker::WIDE == 0 {
                byte.is_ascii_alphanumeric()
            } else {
                byte == 0
                    && start
                        .checked_sub(2)
                        .and_then(|at| file.get(at))
                        .is_some_and(u8::is_ascii_alphanumeric)
            };
            if in_word {
                return false;
            }
        }
        let Some(left) = self.left else {
            return true;
        };
        (left.least..=left.most)
            .map_while(|gap| start.checked_sub(gap + 1).and_then(|at| file.get(at)))
            .any(|byte| left.is(*byte))
    }

    fn right_holds(&self, file: &[u8], end: usize) -> bool {
        let has = |flag| self.markers & flag != 0;
        let here = file.get(end).copied();
        let next = file.get(end.saturating_add(1)).copied();
        if has(marker::BOUNDARY_RIGHT)
            && here.is_none_or(|byte| boundary(byte) >= 2) == has(marker::BOUNDARY_RIGHT_NOT)
        {
            return false;
        }
        let line = here.is_none_or(|byte| byte == b'\n' || (byte == b'\r' && next == Some(b'\n')));
        if has(marker::LINE_RIGHT) && line == has(marker::LINE_RIGHT_NOT) {
            return false;
        }
        let in_word = match (here, next) {
            (None, _) => false,
            (Some(byte), Some(next)) if has(marker::WIDE) => {
                byte.is_ascii_alphanumeric() && next == 0
            }
            (Some(byte), _) => byte.is_ascii_alphanumeric(),
        };
        if has(marker::WORD_RIGHT) && in_word != has(marker::WORD_RIGHT_NOT) {
            return false;
        }
        let Some(right) = self.right else {
            return true;
        };
        (right.least..=right.most)
            .map_while(|gap| file.get(end.saturating_add(gap)))
            .any(|byte| right.is(*byte))
    }
}

/// One of some strings.
struct Choice<'d> {
    values: &'d [u8],
    masks: &'d [u8],
}

impl<'d> Choice<'d> {
    fn read(cursor: &mut Cursor<&'d [u8]>) -> Option<Self> {
        let length = cursor.length()?;
        Some(Self {
            values: cursor.take(length)?,
            masks: cursor.take(length)?,
        })
    }

    const fn length(&self) -> usize {
        self.values.len()
    }

    fn matches(&self, file: &[u8], position: usize) -> bool {
        masked(file, position, self.values, self.masks)
    }
}

fn masked(file: &[u8], position: usize, values: &[u8], masks: &[u8]) -> bool {
    position
        .checked_add(values.len())
        .and_then(|end| file.get(position..end))
        .is_some_and(|bytes| {
            bytes
                .iter()
                .zip(values.iter().zip(masks))
                .all(|(byte, (value, mask))| byte & mask == *value)
        })
}

/// A step that has one length: the bytes that it takes, `None` when it fails.
fn simple(kind: u8, cursor: &mut Cursor<&[u8]>, file: &[u8], position: usize) -> Option<usize> {
    let here = |length: usize| file.get(position..position.checked_add(length)?);
    match kind {
        step::BYTES => {
            let length = cursor.length()?;
            let wanted = cursor.take(length)?;
            (here(length)? == wanted).then_some(length)
        }
        step::LETTERS => {
            let length = cursor.length()?;
            let wanted = cursor.take(length)?;
            here(length)?.eq_ignore_ascii_case(wanted).then_some(length)
        }
        step::SKIP => {
            let length = cursor.length()?;
            here(length).map(<[u8]>::len)
        }
        step::MASKED => {
            let length = cursor.length()?;
            let values = cursor.take(length)?;
            let masks = cursor.take(length)?;
            masked(file, position, values, masks).then_some(length)
        }
        step::NONE_OF => {
            let count = cursor.length()?;
            let _end = cursor.place()?;
            let mut length = 1;
            for _ in 0..count {
                let choice = Choice::read(cursor)?;
                length = choice.length();
                if choice.matches(file, position) {
                    return None;
                }
            }
            here(length).map(<[u8]>::len)
        }
        step::BOUNDARY => class(cursor, *file.get(position)?, |byte| boundary(byte) != 0),
        step::WORD => class(cursor, *file.get(position)?, |byte| {
            !byte.is_ascii_alphanumeric()
        }),
        step::LINE => {
            let negative = cursor.u8()? != 0;
            let length = match (file.get(position)?, file.get(position + 1)) {
                (b'\n', _) => 1,
                (b'\r', Some(b'\n')) => 2,
                _ => return negative.then_some(1),
            };
            (!negative).then_some(length)
        }
        _ => None,
    }
}

fn class(cursor: &mut Cursor<&[u8]>, byte: u8, belongs: impl Fn(u8) -> bool) -> Option<usize> {
    let negative = cursor.u8()? != 0;
    (belongs(byte) != negative).then_some(1)
}

/// Which sides of a word a character can bound: 1 the left, 2 the right, 3 both.
const fn boundary(byte: u8) -> u8 {
    match byte {
        b' ' | b'-' | b'/' | b'_' => 3,
        b'\n' | b'\r' | b'"' | b'\'' | b'=' | b'>' => 2,
        b'.' | b'<' | b'@' => 1,
        _ => 0,
    }
}
