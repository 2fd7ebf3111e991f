//! The gate of a group: for each of its rules it has clauses, each of which asks for so many of some
//! literals, and a rule can match only what fulfils all of them. Folding sets bit 5 of every byte,
//! which makes more bytes equal than letters alone: a gate may let too much through, never too
//! little.

use std::ops::Range;

use crate::definitions::bytes::{slice, u16_at, u32_at};

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
/// Bytes of the bitmap.
pub const BITMAP_BYTES: usize = 1 << (BITMAP_BITS - 3);
/// Buckets of literals.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bytes of the counts before the bitmap.
pub const GATE_HEADER: usize = 16;
/// Bytes of a literal's row: its place in the pool, its length, the place of the window in it.
pub const LITERAL_BYTES: usize = 8;
/// Bytes of a clause's row: its rule, and how many of its literals it asks for.
pub const CLAUSE_BYTES: usize = 8;
/// Bytes of a rule's row: its part, and how many clauses it has.
pub const RULE_BYTES: usize = 4;

/// Makes small and capital letters equal.
#[must_use]
pub const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// The hash of a folded window.
#[must_use]
pub const fn hash(window: [u8; WINDOW_BYTES]) -> u32 {
    u32::from_le_bytes(window).wrapping_mul(SPREAD)
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
    /// Where the clauses of each literal begin, and where those of the last end.
    uses: &'s [u8],
    used_by: &'s [u8],
    clauses: &'s [[u8; CLAUSE_BYTES]],
    rules: &'s [[u8; RULE_BYTES]],
    pool: &'s [u8],
}

impl<'s> Gate<'s> {
    pub(super) fn read(bytes: &'s [u8]) -> Option<Self> {
        let count = |at| u32_at(bytes, at).and_then(|count| usize::try_from(count).ok());
        let (literals, uses) = (count(0)?, count(4)?);
        let (clauses, rules) = (count(8)?, count(12)?);
        let mut rest = bytes.get(GATE_HEADER..)?;
        let mut take = |count: usize, each: usize| {
            let (taken, after) = rest.split_at_checked(count.checked_mul(each)?)?;
            rest = after;
            Some(taken)
        };
        let bitmap = take(1, BITMAP_BYTES)?.first_chunk::<BITMAP_BYTES>()?;
        Some(Self {
            bitmap,
            buckets: take(BUCKETS + 1, 4)?,
            literals: take(literals, LITERAL_BYTES)?.as_chunks().0,
            uses: take(literals.checked_add(1)?, 4)?,
            used_by: take(uses, 4)?,
            clauses: take(clauses, CLAUSE_BYTES)?.as_chunks().0,
            rules: take(rules, RULE_BYTES)?.as_chunks().0,
            pool: rest,
        })
    }

    /// The parts with a rule all of whose clauses some bytes fulfil.
    pub(super) fn open_for(&self, bytes: &[u8]) -> PartSet {
        let mut held = vec![false; self.literals.len()];
        let mut found = Vec::new();
        for (at, window) in bytes.windows(WINDOW_BYTES).enumerate() {
            let &[a, b, c, d] = window else {
                continue;
            };
            let hash = hash([fold(a), fold(b), fold(c), fold(d)]);
            let (byte, bit) = bitmap_place(hash);
            if self.bitmap.get(byte).is_some_and(|have| have & bit != 0) {
                // A row that does not fit stands for nothing: what was signed has none.
                let _ = self.verify(hash, at, bytes, &mut held, &mut found);
            }
        }
        self.fulfilled(&found).unwrap_or(PartSet::ALL)
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
            if *held {
                continue;
            }
            let literal = self.literals.get(number)?;
            let &[_, _, _, _, length, place, _, _] = literal;
            let start = at.checked_sub(place.into());
            let Some(here) = start.and_then(|start| slice(bytes, start, length.into())) else {
                continue;
            };
            let from = usize::try_from(u32_at(literal, 0)?).ok()?;
            let literal = slice(self.pool, from, length.into())?;
            if literal
                .iter()
                .zip(here)
                .all(|(want, have)| *want == fold(*have))
            {
                *held = true;
                found.push(number);
            }
        }
        Some(())
    }

    /// The parts that literals open together.
    fn fulfilled(&self, literals: &[usize]) -> Option<PartSet> {
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
                if *fulfilled == u16_at(rule, 2)? {
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
