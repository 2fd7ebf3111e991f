//! Names of rules, apart from what the agent needs hot: each is a family (text with a mark in it)
//! and the number that stands at the mark.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::quality::RandomState;
use scan::layout::rules::{MARK, MAX_FAMILIES};

use crate::error::BuildError;

/// Digits of a number at most, so that it fits 32 bits.
const MAX_DIGITS: usize = 9;

/// A name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NameId {
    pub(crate) family: u32,
    pub(crate) number: u32,
}

/// The families of all names, each once, in the order in which they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Families {
    numbers: HashMap<Box<[u8]>, u32, RandomState>,
    scratch: Vec<u8>,
}

impl Families {
    /// The identity of a name.
    pub(crate) fn id(&mut self, name: &str) -> Result<NameId, BuildError> {
        let name = name.as_bytes();
        self.scratch.clear();
        let mut number = 0;
        match number_in(name) {
            Some(at) => {
                let (before, rest) = name.split_at_checked(at.start).unwrap_or((name, &[]));
                let (digits, after) = rest.split_at_checked(at.len()).unwrap_or((rest, &[]));
                number = digits
                    .iter()
                    .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
                self.scratch.extend_from_slice(before);
                self.scratch.push(MARK);
                self.scratch.extend_from_slice(after);
            }
            None => self.scratch.extend_from_slice(name),
        }
        let family = match self.numbers.get(self.scratch.as_slice()) {
            Some(family) => *family,
            None => {
                let family = u32::try_from(self.numbers.len())
                    .ok()
                    .filter(|_| self.numbers.len() < MAX_FAMILIES)
                    .ok_or(BuildError::TooLarge {
                        what: "more than 16,777,216 families of names",
                    })?;
                self.numbers.insert(self.scratch.as_slice().into(), family);
                family
            }
        };
        Ok(NameId { family, number })
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The texts, each at its family's number.
    pub(crate) fn into_texts(self) -> Vec<Box<[u8]>> {
        let mut texts: Vec<(u32, Box<[u8]>)> = self
            .numbers
            .into_iter()
            .map(|(text, number)| (number, text))
            .collect();
        texts.sort_unstable();
        texts.into_iter().map(|(_, text)| text).collect()
    }
}

/// Where the longest run of digits stands that a number can be written back to; the last of those.
fn number_in(name: &[u8]) -> Option<Range<usize>> {
    let mut best: Option<Range<usize>> = None;
    let mut at = 0;
    while let Some(begin) = position(name, at, u8::is_ascii_digit) {
        let end = position(name, begin, |byte| !byte.is_ascii_digit()).unwrap_or(name.len());
        let padded = name.get(begin) == Some(&b'0') && end - begin > 1;
        let longest = best.as_ref().map_or(0, Range::len);
        if !padded && end - begin <= MAX_DIGITS && end - begin >= longest {
            best = Some(begin..end);
        }
        at = end;
    }
    best
}

fn position(name: &[u8], from: usize, wanted: impl Fn(&u8) -> bool) -> Option<usize> {
    let rest = name.get(from..)?;
    rest.iter().position(wanted).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_their_number_share_a_family() {
        let mut families = Families::default();
        let mut id = |name: &str| families.id(name).unwrap();
        let first = id("Win.Trojan.Agent-1234567-0");
        let second = id("Win.Trojan.Agent-89-0");
        assert_eq!((first.family, first.number), (0, 1_234_567));
        assert_eq!((second.family, second.number), (0, 89));
        assert_eq!(id("Plain").family, 1);
        // A number that could not be written back stays text.
        assert_eq!(id("A-007").family, 2);
        assert_eq!(id("A-0").family, 3);
        assert_eq!(id("A-12345678901").family, 4);
        let texts = families.into_texts();
        assert_eq!(&*texts[0], b"Win.Trojan.Agent-\0-0");
        assert_eq!(&*texts[2], b"A-007");
        assert_eq!(&*texts[3], b"A-\0");
    }
}
