//! The form of the YARA sections. All integers are little-endian.

use std::ops::{Range, RangeInclusive};

use super::gate::MAX_PARTS;
use super::start::{Start, Starts};
use crate::definitions::DefinitionsError;
use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};
use crate::layout::{SectionKind, YARA_ENGINE};

/// Groups that a file can have, which is how many kinds of sections there are for them.
pub const MAX_GROUPS: usize = SectionKind::YARA_GROUPS.len();
/// In place of a rule's number: what it matches is nobody's business.
pub const NO_RULE: u32 = u32::MAX;
/// Bytes before the rows of the index and after its engine text.
pub(super) const INDEX_HEADER: usize = 16;
/// Bytes of a row of the index.
pub(super) const ROW_BYTES: usize = 16;
/// Bytes before the rows of a group's parts.
pub(super) const GROUP_HEADER: usize = 8;
/// Bytes of a row of a group's parts.
pub(super) const PART_ROW: usize = 32;
/// Bytes of a record: a rule's key and its number.
pub(super) const RECORD_BYTES: usize = 12;

/// The files that the rules of a group can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupHeader {
    /// What they begin with.
    pub starts: Starts,
    /// Bytes of the largest.
    pub most_bytes: u64,
}

/// What stands for a rule in a group: the first 8 bytes of the BLAKE3 hash of its namespace, a
/// zero byte, and its identifier, as a little-endian number.
#[must_use]
pub fn rule_key(namespace: &str, identifier: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(namespace.as_bytes());
    hasher.update(&[0]);
    hasher.update(identifier.as_bytes());
    let hash = hasher.finalize();
    let start = hash.as_bytes().first_chunk::<8>();
    start.map_or(0, |start| u64::from_le_bytes(*start))
}

/// The index: which groups there are.
pub(super) struct Index {
    pub(super) rules: u64,
    pub(super) groups: Vec<GroupHeader>,
}

fn malformed(what: &str) -> DefinitionsError {
    DefinitionsError::Malformed { what: what.into() }
}

impl Index {
    pub(super) fn read(section: &[u8]) -> Result<Self, DefinitionsError> {
        let short = || malformed("the yara section's counts do not fit its bytes");
        let length = |at| u32_at(section, at).and_then(|length| usize::try_from(length).ok());
        let engine_bytes = length(0).ok_or_else(short)?;
        let groups = length(4).ok_or_else(short)?;
        let rules = u64_at(section, 8).ok_or_else(short)?;
        let engine = slice(section, INDEX_HEADER, engine_bytes).ok_or_else(short)?;
        if engine != YARA_ENGINE.as_bytes() {
            return Err(DefinitionsError::OtherEngine {
                expected: YARA_ENGINE,
                got: String::from_utf8_lossy(engine).into_owned(),
            });
        }
        let rows = section
            .get(INDEX_HEADER + engine_bytes..)
            .ok_or_else(short)?;
        if groups > MAX_GROUPS || rows.len() != groups * ROW_BYTES {
            return Err(short());
        }
        let groups = rows
            .chunks_exact(ROW_BYTES)
            .map(|row| {
                Some(GroupHeader {
                    starts: Starts::from_bits(u16_at(row, 0)?),
                    most_bytes: u64_at(row, 8)?,
                })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(short)?;
        Ok(Self { rules, groups })
    }
}

/// How many rules a section says that there are.
pub(crate) fn count(section: &[u8]) -> u64 {
    Index::read(section).map_or(0, |index| index.rules)
}

/// Where a part of a group stands in its section.
#[derive(Debug, Clone)]
pub(super) struct Part {
    starts: Starts,
    /// Bytes of the files that it is for.
    sizes: RangeInclusive<u64>,
    records: Range<usize>,
    compiled: Range<usize>,
}

/// What a group consists of.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// Empty when the group has none.
    gate: Range<usize>,
}

impl Parts {
    /// `None` when the counts do not fit the bytes.
    pub(super) fn read(section: &[u8]) -> Option<Self> {
        let number = |at| u32_at(section, at).and_then(|number| usize::try_from(number).ok());
        let count = number(0).filter(|count| *count <= MAX_PARTS)?;
        let rows = section.get(GROUP_HEADER..)?.get(..count * PART_ROW)?;
        let mut at = GROUP_HEADER + rows.len();
        let mut take = |bytes: usize| {
            let range = at..at.checked_add(bytes)?;
            at = range.end;
            (at <= section.len()).then_some(range)
        };
        let gate = take(number(4)?)?;
        let parts = rows
            .chunks_exact(PART_ROW)
            .map(|row| {
                let records = usize::try_from(u32_at(row, 4)?).ok()?;
                Some(Part {
                    starts: Starts::from_bits(u16_at(row, 0)?),
                    sizes: u64_at(row, 16)?..=u64_at(row, 24)?,
                    records: take(records.checked_mul(RECORD_BYTES)?)?,
                    compiled: take(usize::try_from(u64_at(row, 8)?).ok()?)?,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { parts, gate })
    }

    pub(super) fn gate<'s>(&self, section: &'s [u8]) -> Option<&'s [u8]> {
        let gate = section.get(self.gate.clone())?;
        (!gate.is_empty()).then_some(gate)
    }
}

impl Part {
    /// Whether its rules are for files that begin so and have so many bytes.
    pub(super) fn fits(&self, start: Start, bytes: u64) -> bool {
        self.starts.contains(start) && self.sizes.contains(&bytes)
    }

    pub(super) fn compiled<'s>(&self, section: &'s [u8]) -> Option<&'s [u8]> {
        section.get(self.compiled.clone())
    }

    /// Whether the keys ascend, as looking them up needs.
    pub(super) fn is_sound(&self, section: &[u8]) -> bool {
        let records = section.get(self.records.clone()).unwrap_or_default();
        let keys = || {
            let records = records.chunks_exact(RECORD_BYTES);
            records.map(|record| u64_at(record, 0))
        };
        keys()
            .zip(keys().skip(1))
            .all(|(before, after)| before < after)
    }

    /// The number of the rule with a key.
    pub(super) fn number(&self, section: &[u8], key: u64) -> Option<u32> {
        let (records, _) = section
            .get(self.records.clone())?
            .as_chunks::<RECORD_BYTES>();
        let place = records
            .binary_search_by_key(&key, |record| u64_at(record, 0).unwrap_or_default())
            .ok()?;
        u32_at(records.get(place)?, 8).filter(|number| *number != NO_RULE)
    }
}
