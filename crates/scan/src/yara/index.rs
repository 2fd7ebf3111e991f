//! The form of the YARA sections. All integers are little-endian.

use super::start::Starts;
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
/// Bytes before the records of a group.
pub(super) const GROUP_HEADER: usize = 8;
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

/// A group's records and its compiled rules.
pub(super) struct Parts<'s> {
    pub(super) records: &'s [u8],
    pub(super) compiled: &'s [u8],
}

impl<'s> Parts<'s> {
    pub(super) fn read(section: &'s [u8]) -> Option<Self> {
        let count = usize::try_from(u32_at(section, 0)?).ok()?;
        let records = slice(section, GROUP_HEADER, count.checked_mul(RECORD_BYTES)?)?;
        let compiled = section.get(GROUP_HEADER + records.len()..)?;
        Some(Self { records, compiled })
    }

    /// Whether the keys ascend, as looking them up needs.
    pub(super) fn is_sound(&self) -> bool {
        let keys = || {
            let records = self.records.chunks_exact(RECORD_BYTES);
            records.map(|record| u64_at(record, 0))
        };
        keys()
            .zip(keys().skip(1))
            .all(|(before, after)| before < after)
    }

    /// The number of the rule with a key.
    pub(super) fn number(&self, key: u64) -> Option<u32> {
        let (records, _) = self.records.as_chunks::<RECORD_BYTES>();
        let place = records
            .binary_search_by_key(&key, |record| u64_at(record, 0).unwrap_or_default())
            .ok()?;
        u32_at(records.get(place)?, 8).filter(|number| *number != NO_RULE)
    }
}
