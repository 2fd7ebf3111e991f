//! What stands around a guard's literal: bytes that tell at once, from the table's entry alone, that
//! a window which a file happens to hold is not the guard's.

use scan::body_layout::{SURROUNDINGS, surroundings_hash};

use super::guard::ChosenLane;
use super::model::{Element, Part};

/// How far from the literal's beginning bytes are looked at, in either direction.
const REACH: usize = 64;

/// Sixteen bytes near a literal, and which of them are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Surroundings {
    /// Where they begin, counted from the literal.
    pub(super) place: i8,
    /// A bit for each byte that is known, the first one's the lowest.
    pub(super) mask: u16,
    pub(super) hash: u16,
}

impl Surroundings {
    /// Nothing is known.
    pub(super) const NONE: Self = Self {
        place: 0,
        mask: 0,
        hash: 0,
    };

    /// Those of the literal that begins with an element of a part: where most is known that its
    /// windows don't tell.
    pub(super) fn of(part: &Part, element: usize, lane: &ChosenLane) -> Self {
        let ChosenLane::Search(lane, _) = lane else {
            return Self::NONE;
        };
        let mut known = [None; 2 * REACH];
        let (before, behind) = part.elements.split_at(element.min(part.elements.len()));
        let mut at = REACH;
        for element in behind {
            let (least, most) = element.length();
            if least != most || at + least > known.len() {
                break;
            }
            note(&mut known, at, element);
            at += least;
        }
        at = REACH;
        for element in before.iter().rev() {
            let (least, most) = element.length();
            if least != most || least > at {
                break;
            }
            at -= least;
            note(&mut known, at, element);
        }
        let weights: Vec<u32> = (0..)
            .zip(&known)
            .map(|(at, byte)| {
                let told = (REACH..REACH + lane.literal()).contains(&at);
                byte.map_or(0, |byte| weight(byte) * if told { 1 } else { 4 })
            })
            .collect();
        let best = weights
            .windows(SURROUNDINGS)
            .enumerate()
            // The nearest of the best ones: its bytes are most likely in the cache.
            .max_by_key(|(at, weights)| {
                (
                    weights.iter().sum::<u32>(),
                    usize::MAX - at.abs_diff(REACH - 4),
                )
            });
        let Some((start, _)) = best else {
            return Self::NONE;
        };
        let bytes = known.iter().skip(start).take(SURROUNDINGS).rev();
        let (value, mask) = bytes.fold((0_u128, 0_u16), |(value, mask), byte| {
            (
                value << 8 | u128::from(byte.unwrap_or(0)),
                mask << 1 | u16::from(byte.is_some()),
            )
        });
        let Ok(place) = i8::try_from(start.cast_signed() - REACH.cast_signed()) else {
            return Self::NONE;
        };
        let [low, high] = [value, value >> 64]
            .map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
        Self {
            place,
            mask,
            hash: surroundings_hash(low, high, mask),
        }
    }
}

fn note(known: &mut [Option<u8>], at: usize, element: &Element) {
    if let Element::Byte(byte) = element
        && byte.is_fixed()
        && let Some(slot) = known.get_mut(at)
    {
        *slot = Some(byte.value);
    }
}

/// How much a byte tells: some stand in clean files again and again.
const fn weight(byte: u8) -> u32 {
    match byte {
        0 => 1,
        0x20 | 0x90 | 0xcc | 0xff => 2,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use scan::body_layout::Lane;

    use super::*;
    use crate::body::model::Masked;

    fn part(text: &str) -> Part {
        let elements = text.bytes().map(|byte| {
            Element::Byte(match byte {
                b'?' => Masked::ANY,
                byte => Masked::byte(byte, true),
            })
        });
        Part {
            elements: elements.collect(),
            ..Part::default()
        }
    }

    fn hash(bytes: &[u8; 16], mask: u16) -> u16 {
        let all = u128::from_le_bytes(*bytes);
        let half = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap();
        surroundings_hash(half(all), half(all >> 64), mask)
    }

    #[test]
    fn what_is_known_near_a_literal_is_compared_in_any_case() {
        let lane = ChosenLane::Search(Lane::Tiny, Vec::new());
        let around = Surroundings::of(&part("ab??xy???cd"), 4, &lane);
        let start = usize::try_from(4 + i32::from(around.place)).ok();
        assert!(start.is_none_or(|start| start < 11), "{around:?}");
        // Whatever stands at the unknown places.
        for filler in [0, b'z', 0xff] {
            let mut file = [filler; 64];
            for (at, byte) in (20..).zip(b"aB??xy???Cd") {
                if *byte != b'?' {
                    file[at] = *byte;
                }
            }
            let at = usize::try_from(24 + i32::from(around.place)).unwrap();
            let bytes = file[at..].first_chunk().unwrap();
            assert_eq!(hash(bytes, around.mask), around.hash);
            let mut other = *bytes;
            other[around.mask.trailing_zeros() as usize] ^= 1;
            assert_ne!(hash(&other, around.mask), around.hash);
        }
        assert_eq!(around.mask.count_ones(), 6, "{around:?}");
    }

    #[test]
    fn nothing_is_compared_beyond_an_element_of_unknown_length() {
        let lane = ChosenLane::Search(Lane::Tiny, Vec::new());
        let mut part = part("abxycd");
        part.elements[2] = Element::Line { negative: false };
        let around = Surroundings::of(&part, 3, &lane);
        assert_eq!(around.mask.count_ones(), 3, "{around:?}");
        let first = i32::from(around.place) + i32::try_from(around.mask.trailing_zeros()).unwrap();
        assert_eq!(first, 0);
    }

    #[test]
    fn only_the_bytes_of_the_mask_count() {
        for bit in 0..16 {
            let mut bytes = [b'a'; 16];
            let known = hash(&bytes, 1 << bit);
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = if at == bit { b'A' } else { b'q' };
            }
            assert_eq!(hash(&bytes, 1 << bit), known);
            bytes[bit] = b'b';
            assert_ne!(hash(&bytes, 1 << bit), known);
        }
    }
}
