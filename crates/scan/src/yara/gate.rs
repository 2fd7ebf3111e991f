//! The gate of a group: for each of its rules it has clauses, each of which asks for so many of some
//! literals, and a rule can match only what fulfils all of them and is no larger than its condition
//! allows. Folding sets bit 5 of every byte, which makes more bytes equal than letters alone, and a
//! mask may leave out bits. The hash of a program's imports counts as a literal, too. A gate may let
//! too much through, never too little.

use std::ops::Range;

pub use super::program::IMPORTS_BYTES;
use super::program::ImportsHash;
use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};

/// Bytes by which literals are looked for.
pub const WINDOW_BYTES: usize = 4;
/// Parts that a group can have.
pub const MAX_PARTS: usize = 256;
/// Bits of the number of bits in the bitmap.
const BITMAP_BITS: u32 = 19;
/// Bits of the number of buckets.
const BUCKET_BITS: u32 = 14;
/// Multiplies a window: 2^32 divided by the golden ratio.
const SPREAD: u32 = 0x9e37_79b1;
/// Bit 5 of the bytes of a window.
const FOLD: u32 = 0x2020_2020;
/// Bytes of the bitmap.
pub const BITMAP_BYTES: usize = 1 << (BITMAP_BITS - 3);
/// Buckets of literals.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bytes of the counts before the bitmap.
pub const GATE_HEADER: usize = 20;
/// Bytes of a literal's row: its place in the pool, its length, the place of the window in it, and
/// whether a mask follows it in the pool.
pub const LITERAL_BYTES: usize = 8;
/// In a literal's row: a mask of the same length follows.
pub const MASKED: u8 = 1;
/// In a literal's row: it is not folded, and all bits count.
pub const EXACT: u8 = 2;
/// Bytes of a clause's row: its rule, and how many of its literals it asks for.
pub const CLAUSE_BYTES: usize = 8;
/// Bytes of a rule's row: its part, how many clauses it has, and the largest file.
pub const RULE_BYTES: usize = 12;

/// Makes small and capital letters equal.
#[must_use]
pub const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// The hash of a folded window.
#[must_use]
pub const fn hash(window: [u8; WINDOW_BYTES]) -> u32 {
    spread(u32::from_le_bytes(window))
}

const fn spread(window: u32) -> u32 {
    window.wrapping_mul(SPREAD)
}

/// The byte and the bit of a hash in the bitmap.
#[must_use]
pub const fn bitmap_place(hash: u32) -> (usize, u8) {
    let place = hash >> (32 - BITMAP_BITS);
    ((place >> 3) as usize, 1 << (place & 7))
}

/// The bucket of a hash.
#[must_use]
pub const fn bucket(hash: u32) -> usize {
    (hash >> (32 - BUCKET_BITS)) as usize
}

/// Parts of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PartSet([u64; MAX_PARTS / 64]);

impl PartSet {
    pub(super) const ALL: Self = Self([u64::MAX; MAX_PARTS / 64]);

    pub(super) fn contains(&self, part: usize) -> bool {
        let word = self.0.get(part / 64);
        word.is_some_and(|word| word >> (part % 64) & 1 != 0)
    }

    fn insert(&mut self, part: usize) {
        if let Some(word) = self.0.get_mut(part / 64) {
            *word |= 1 << (part % 64);
        }
    }
}

/// A gate over its bytes.
pub(super) struct Gate<'s> {
    bitmap: &'s [u8; BITMAP_BYTES],
    /// Where the literals of each bucket begin, and where those of the last end.
    buckets: &'s [u8],
    literals: &'s [[u8; LITERAL_BYTES]],
    /// Ascending.
    imports: &'s [ImportsHash],
    /// Where the clauses of each literal begin, and where those of the last end: first the literals,
    /// then the hashes of imports.
    uses: &'s [u8],
    used_by: &'s [u8],
    clauses: &'s [[u8; CLAUSE_BYTES]],
    rules: &'s [[u8; RULE_BYTES]],
    pool: &'s [u8],
}

impl<'s> Gate<'s> {
    pub(super) fn read(bytes: &'s [u8]) -> Option<Self> {
        let count = |at| u32_at(bytes, at).and_then(|count| usize::try_from(count).ok());
        let (literals, imports, uses) = (count(0)?, count(4)?, count(8)?);
        let (clauses, rules) = (count(12)?, count(16)?);
        let mut rest = bytes.get(GATE_HEADER..)?;
        let mut take = |count: usize, each: usize| {
            let (taken, after) = rest.split_at_checked(count.checked_mul(each)?)?;
            rest = after;
            Some(taken)
        };
        Some(Self {
            bitmap: take(1, BITMAP_BYTES)?.first_chunk::<BITMAP_BYTES>()?,
            buckets: take(BUCKETS + 1, 4)?,
            literals: take(literals, LITERAL_BYTES)?.as_chunks().0,
            imports: take(imports, IMPORTS_BYTES)?.as_chunks().0,
            uses: take(literals.checked_add(imports)?.checked_add(1)?, 4)?,
            used_by: take(uses, 4)?,
            clauses: take(clauses, CLAUSE_BYTES)?.as_chunks().0,
            rules: take(rules, RULE_BYTES)?.as_chunks().0,
            pool: rest,
        })
    }

    /// Whether the hash of a program's imports may open a part.
    pub(super) const fn asks_for_imports(&self) -> bool {
        !self.imports.is_empty()
    }

    /// The parts with a rule all of whose clauses some bytes fulfil, and the hash of their imports.
    pub(super) fn open_for(&self, bytes: &[u8], imports: Option<ImportsHash>) -> PartSet {
        let mut held = vec![false; self.literals.len()];
        let mut found = Vec::new();
        for (at, window) in bytes.windows(WINDOW_BYTES).enumerate() {
            let &[a, b, c, d] = window else {
                continue;
            };
            let hash = spread(u32::from_le_bytes([a, b, c, d]) | FOLD);
            let (byte, bit) = bitmap_place(hash);
            if self.bitmap.get(byte).is_some_and(|have| have & bit != 0) {
                // A row that does not fit stands for nothing: what was signed has none.
                let _ = self.verify(hash, at, bytes, &mut held, &mut found);
            }
        }
        let imports = imports.and_then(|imports| self.imports.binary_search(&imports).ok());
        found.extend(imports.map(|number| self.literals.len() + number));
        let size = bytes.len() as u64;
        self.fulfilled(&found, size).unwrap_or(PartSet::ALL)
    }

    #[cold]
    fn verify(
        &self,
        hash: u32,
        at: usize,
        bytes: &[u8],
        held: &mut [bool],
        found: &mut Vec<usize>,
    ) -> Option<()> {
        for number in range(self.buckets, bucket(hash))? {
            let held = held.get_mut(number)?;
            if !*held && self.stands_at(self.literals.get(number)?, at, bytes)? {
                *held = true;
                found.push(number);
            }
        }
        Some(())
    }

    /// Whether a literal stands where its window does.
    fn stands_at(&self, row: &[u8; LITERAL_BYTES], at: usize, bytes: &[u8]) -> Option<bool> {
        let &[_, _, _, _, length, window, masked, _] = row;
        let length = usize::from(length);
        let start = at.checked_sub(window.into());
        let Some(here) = start.and_then(|start| slice(bytes, start, length)) else {
            return Some(false);
        };
        let from = usize::try_from(u32_at(row, 0)?).ok()?;
        if masked == EXACT {
            return Some(slice(self.pool, from, length)? == here);
        }
        let mut both = slice(self.pool, from, length)?.iter().zip(here);
        if masked == MASKED {
            let mask = slice(self.pool, from.checked_add(length)?, length)?;
            return Some(
                both.zip(mask)
                    .all(|((want, have), mask)| (*want ^ fold(*have)) & mask == 0),
            );
        }
        Some(both.all(|(want, have)| *want == fold(*have)))
    }

    /// The parts that literals open together, in a file of so many bytes.
    fn fulfilled(&self, literals: &[usize], size: u64) -> Option<PartSet> {
        let mut open = PartSet::default();
        let mut held = vec![0_u16; self.clauses.len()];
        let mut fulfilled = vec![0_u16; self.rules.len()];
        for literal in literals {
            for place in range(self.uses, *literal)? {
                let clause = usize::try_from(u32_at(self.used_by, place.checked_mul(4)?)?).ok()?;
                let held = held.get_mut(clause)?;
                *held = held.saturating_add(1);
                let clause = self.clauses.get(clause)?;
                if *held != u16_at(clause, 4)? {
                    continue;
                }
                let rule = usize::try_from(u32_at(clause, 0)?).ok()?;
                let fulfilled = fulfilled.get_mut(rule)?;
                *fulfilled = fulfilled.saturating_add(1);
                let rule = self.rules.get(rule)?;
                if *fulfilled == u16_at(rule, 2)? && size <= u64_at(rule, 4)? {
                    open.insert(u16_at(rule, 0)?.into());
                }
            }
        }
        Some(open)
    }
}

/// What stands between two numbers of a list.
fn range(list: &[u8], number: usize) -> Option<Range<usize>> {
    let at = number.checked_mul(4)?;
    let from = usize::try_from(u32_at(list, at)?).ok()?;
    let to = usize::try_from(u32_at(list, at + 4)?).ok()?;
    Some(from..to)
}
