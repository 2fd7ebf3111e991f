//! Comparisons of a number that stands some bytes from a match.

use super::cursor::{Cursor, Source};
use super::layout::{comparison, logic};

/// Characters of one number.
const MAX_CHARACTERS: usize = 64;

/// A byte comparison, read from its program.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) subsignature: u8,
    distance: i64,
    options: u8,
    length: usize,
    conditions: Vec<(u8, i64)>,
}

impl Comparison {
    pub(super) fn read<'d>(cursor: &mut Cursor<impl Source<'d>>) -> Option<Self> {
        let subsignature = cursor.u8()?;
        let distance = cursor.i64()?;
        let options = cursor.u8()?;
        let length = cursor.length()?;
        let count = cursor.u8()?;
        let mut conditions = Vec::new();
        for _ in 0..count {
            conditions.push((cursor.u8()?, cursor.i64()?));
        }
        Some(Self {
            subsignature,
            distance,
            options,
            length,
            conditions,
        })
    }

    /// Whether the number near a match that begins at `start` is as demanded.
    pub(super) fn holds(&self, file: &[u8], start: usize) -> bool {
        let place = i64::try_from(start)
            .ok()
            .and_then(|start| start.checked_add(self.distance))
            .filter(|place| *place > 0)
            .and_then(|place| usize::try_from(place).ok());
        let bytes = place.and_then(|at| file.get(at..at.checked_add(self.length)?));
        let Some(value) = bytes.and_then(|bytes| self.value(bytes)) else {
            return false;
        };
        self.conditions
            .iter()
            .all(|(operator, wanted)| match *operator {
                logic::EQUAL => value == *wanted,
                logic::LESS => value < *wanted,
                logic::MORE => value > *wanted,
                _ => false,
            })
    }

    const fn has(&self, option: u8) -> bool {
        self.options & option != 0
    }

    fn value(&self, bytes: &[u8]) -> Option<i64> {
        if self.has(comparison::BINARY) {
            return self.binary(bytes);
        }
        let blank = bytes.iter().take_while(|byte| is_space(**byte)).count();
        let text = bytes.get(blank..)?;
        let mut radix = if self.has(comparison::HEXADECIMAL) {
            16
        } else {
            10
        };
        if self.has(comparison::AUTOMATIC) {
            let prefixed = text.len() >= 3 && (text.starts_with(b"0x") || text.starts_with(b"0X"));
            radix = if prefixed { 16 } else { 10 };
        }
        if self.has(comparison::LITTLE_ENDIAN) {
            if radix != 16 {
                return None;
            }
            return self.number(&pairs_reversed(text)?, radix, blank);
        }
        self.number(text, radix, blank)
    }

    fn number(&self, text: &[u8], radix: u32, blank: usize) -> Option<i64> {
        let (value, used) = number(text, radix)?;
        let exact = self.has(comparison::EXACT);
        if exact && (used != text.len() || blank != 0) {
            return None;
        }
        Some(value)
    }

    fn binary(&self, bytes: &[u8]) -> Option<i64> {
        if !matches!(bytes.len(), 1 | 2 | 4 | 8) {
            return None;
        }
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let value = if self.has(comparison::LITTLE_ENDIAN) {
            bytes.iter().rev().fold(0, add)
        } else {
            bytes.iter().fold(0, add)
        };
        Some(value.cast_signed())
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Pairs of characters in reverse, an odd one is led by a zero.
fn pairs_reversed(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_CHARACTERS {
        return None;
    }
    if text.len() < 2 {
        return Some(text.to_vec());
    }
    let mut even = text.to_vec();
    if !even.len().is_multiple_of(2) {
        even.insert(even.len() - 1, b'0');
    }
    Some(even.chunks(2).rev().flatten().copied().collect())
}

/// A number at the start of a text and how many characters it took; a text without one is 0.
fn number(text: &[u8], radix: u32) -> Option<(i64, usize)> {
    let negative = text.first() == Some(&b'-');
    let mut used = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    if radix == 16
        && matches!(text.get(used..used + 2), Some(b"0x" | b"0X"))
        && text.get(used + 2).is_some_and(u8::is_ascii_hexdigit)
    {
        used += 2;
    }
    let digits_at = used;
    let mut value: i64 = 0;
    while let Some(digit) = text
        .get(used)
        .and_then(|byte| char::from(*byte).to_digit(radix))
    {
        value = value.checked_mul(radix.into())?.checked_add(digit.into())?;
        used += 1;
    }
    if used == digits_at {
        return Some((0, 0));
    }
    Some((if negative { -value } else { value }, used))
}
