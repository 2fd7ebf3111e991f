//! The form of the YARA sections. All integers are little-endian.

use std::ops::{Range, RangeInclusive};

use super::gate::MAX_PARTS;
use super::start::{Start, Starts};
use crate::definitions::DefinitionsError;
use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};
use crate::definitions::pages::Section;
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

fn malformed_group() -> DefinitionsError {
    malformed("a group of yara rules has counts that do not fit its bytes, or records out of order")
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
    /// Reads what there is, and none of it.
    pub(super) fn read(section: Section<'_>) -> Result<Self, DefinitionsError> {
        let header = section.get(0, GROUP_HEADER)?;
        let number = |at| u32_at(header, at).and_then(|number| usize::try_from(number).ok());
        let (Some(count), Some(gate)) = (number(0).filter(|count| *count <= MAX_PARTS), number(4))
        else {
            return Err(malformed_group());
        };
        let rows = section.get(GROUP_HEADER, count * PART_ROW)?;
        Self::places(rows, gate, section.len()).ok_or_else(malformed_group)
    }

    /// `None` when the counts do not fit the bytes.
    fn places(rows: &[u8], gate: usize, bytes: usize) -> Option<Self> {
        let mut at = GROUP_HEADER + rows.len();
        let mut take = |length: usize| {
            let range = at..at.checked_add(length)?;
            at = range.end;
            (at <= bytes).then_some(range)
        };
        let gate = take(gate)?;
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

    /// Whether rules wait behind a gate.
    pub(super) fn are_gated(&self) -> bool {
        !self.gate.is_empty()
    }

    pub(super) fn gate<'s>(&self, section: Section<'s>) -> Option<&'s [u8]> {
        let gate = section.get(self.gate.start, self.gate.len()).ok()?;
        (!gate.is_empty()).then_some(gate)
    }
}

impl Part {
    /// Whether its rules are for files that begin so and have so many bytes.
    pub(super) fn fits(&self, start: Start, bytes: u64) -> bool {
        self.starts.contains(start) && self.sizes.contains(&bytes)
    }

    /// Bytes of the rules.
    pub(super) fn compiled_bytes(&self) -> usize {
        self.compiled.len()
    }

    pub(super) fn compiled<'s>(&self, section: Section<'s>) -> Result<&'s [u8], DefinitionsError> {
        section.get(self.compiled.start, self.compiled.len())
    }

    fn records<'s>(&self, section: Section<'s>) -> Result<&'s [u8], DefinitionsError> {
        section.get(self.records.start, self.records.len())
    }

    /// Checks that the keys ascend, as looking them up needs.
    pub(super) fn check(&self, section: Section<'_>) -> Result<(), DefinitionsError> {
        let records = self.records(section)?;
        let keys = || {
            let records = records.chunks_exact(RECORD_BYTES);
            records.map(|record| u64_at(record, 0))
        };
        let mut pairs = keys().zip(keys().skip(1));
        if pairs.all(|(before, after)| before < after) {
            return Ok(());
        }
        Err(malformed_group())
    }

    /// The number of the rule with a key.
    pub(super) fn number(&self, section: Section<'_>, key: u64) -> Option<u32> {
        let (records, _) = self.records(section).ok()?.as_chunks::<RECORD_BYTES>();
        let place = records
            .binary_search_by_key(&key, |record| u64_at(record, 0).unwrap_or_default())
            .ok()?;
        u32_at(records.get(place)?, 8).filter(|number| *number != NO_RULE)
    }
}
