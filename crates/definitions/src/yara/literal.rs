//! Bytes that a gate looks for.

use scan::yara::gate::{IMPORTS_BYTES, WINDOW_BYTES, fold};

use super::common;
use crate::body::Frequencies;

/// Bytes of a literal that tell something: fewer stand in too many files.
const LEAST_TELLING: usize = 5;
/// What clean files hold more often in a mebibyte is not looked for.
const COMMON: f64 = 64.0;
/// What follows is cut off: enough to be rare.
const MOST_BYTES: usize = 240;
/// The same where there are hundreds of literals for one pattern.
const MOST_EXACT_BYTES: usize = 24;
/// How often clean programs have the imports of one that is not, in a mebibyte.
const IMPORTS_CHANCE: f64 = 0.001;

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Literal {
    /// Folded: letters count in either case.
    Plain(Vec<u8>),
    /// Folded, with the bits of each byte that count.
    Masked(Vec<u8>, Vec<u8>),
    /// Not folded: every bit counts.
    Exact(Vec<u8>),
    /// The hash of a program's imports.
    Imports([u8; IMPORTS_BYTES]),
}

impl Literal {
    /// A literal in plain, and how often clean files hold it in a mebibyte, as a guess. `None` when
    /// that is too often.
    pub(super) fn plain(bytes: &[u8]) -> Option<(Self, f64)> {
        let bytes = bytes.get(..MOST_BYTES).unwrap_or(bytes);
        let chance = chance(bytes)?;
        let literal = Self::Plain(bytes.iter().copied().map(fold).collect());
        (chance <= COMMON && !common::is_common(bytes) && !common::is_code(bytes))
            .then_some((literal, chance))
    }

    /// Bytes of which not all bits count.
    pub(super) fn masked(bytes: &[(u8, u8)]) -> Option<(Self, f64)> {
        let rarest = masked_windows(bytes)
            .min_by(|(_, left), (_, right)| often(left).total_cmp(&often(right)));
        let (place, window) = rarest?;
        let from = place.saturating_sub(MOST_BYTES / 2);
        let bytes = bytes.get(from..)?;
        let bytes = bytes.get(..MOST_BYTES).unwrap_or(bytes);
        let whole: Vec<u8> = bytes
            .iter()
            .filter(|(_, mask)| *mask == 0xff)
            .map(|(byte, _)| *byte)
            .collect();
        let more = telling(&whole).checked_sub(LEAST_TELLING)?;
        let chance = often(&window) * by_length(more);
        let (bytes, mask): (Vec<u8>, Vec<u8>) = bytes
            .iter()
            .map(|(byte, mask)| (fold(*byte), *mask))
            .unzip();
        (chance <= COMMON && !common::is_code(&bytes))
            .then_some((Self::Masked(bytes, mask), chance))
    }

    /// A literal of which the case of letters counts; of a long one, the beginning.
    pub(super) fn exact(bytes: &[u8]) -> Option<(Self, f64)> {
        let bytes = bytes.get(..MOST_EXACT_BYTES).unwrap_or(bytes);
        let chance = chance(bytes)?;
        (chance <= COMMON).then(|| (Self::Exact(bytes.to_vec()), chance))
    }

    /// The hash of a program's imports, written in hexadecimal digits.
    pub(super) fn imports(digits: &[u8]) -> Option<(Self, f64)> {
        let mut hash = [0; IMPORTS_BYTES];
        hex::decode_to_slice(digits, &mut hash).ok()?;
        Some((Self::Imports(hash), IMPORTS_CHANCE))
    }
}

/// The windows all of whose bits count, and where they are.
pub(super) fn masked_windows(
    bytes: &[(u8, u8)],
) -> impl Iterator<Item = (usize, [u8; WINDOW_BYTES])> {
    let windows = bytes.windows(WINDOW_BYTES).enumerate();
    windows.filter_map(|(place, window)| {
        let whole = window.iter().all(|(_, mask)| *mask == 0xff);
        let mut bytes = [0; WINDOW_BYTES];
        for (byte, (value, _)) in bytes.iter_mut().zip(window) {
            *byte = *value;
        }
        whole.then_some((place, bytes))
    })
}

fn often(window: &[u8; WINDOW_BYTES]) -> f64 {
    Frequencies::shipped().quad(*window)
}

/// How often clean files hold bytes in a mebibyte, in whichever case.
fn chance(bytes: &[u8]) -> Option<f64> {
    let more = telling(bytes).checked_sub(LEAST_TELLING)?;
    let rarest = Frequencies::shipped()
        .windows(bytes, WINDOW_BYTES)
        .reduce(f64::min)?;
    Some(rarest * by_length(more))
}

/// Bytes that tell something. Wide text counts by its letters.
fn telling(bytes: &[u8]) -> usize {
    let telling = bytes.iter().filter(|byte| !matches!(byte, 0 | 0xff | b' '));
    telling.count()
}

/// Each further byte rules out half of what stood there by chance, carefully said.
fn by_length(more: usize) -> f64 {
    0.5_f64.powi(i32::try_from(more).unwrap_or(i32::MAX))
}
