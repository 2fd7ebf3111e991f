//! Hash tables: sorted records, found by binary search in the file itself.

use super::DefinitionsError;
use super::bytes::{slice, u32_at, u64_at};
use super::file::DefinitionsFile;
use super::layout::{ANY_SIZE, HASH_TABLE_HEADER, SectionKind};

/// The hashes that lists are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    const fn section(self) -> SectionKind {
        match self {
            Self::Md5 => SectionKind::Md5,
            Self::Sha1 => SectionKind::Sha1,
            Self::Sha256 => SectionKind::Sha256,
        }
    }

    const fn hash_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// One table. Each record is hash, size (8 bytes), rule (4 bytes), in ascending order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashTable<'d> {
    hash_bytes: usize,
    any_size: bool,
    sizes: &'d [u8],
    records: &'d [u8],
}

impl<'d> HashTable<'d> {
    pub(crate) fn read(
        file: &'d DefinitionsFile,
        algorithm: Algorithm,
    ) -> Result<Self, DefinitionsError> {
        let section = file.section(algorithm.section())?;
        let hash_bytes = algorithm.hash_bytes();
        if section.is_empty() {
            return Ok(Self {
                hash_bytes,
                any_size: false,
                sizes: &[],
                records: &[],
            });
        }
        Self::parse(section, hash_bytes).ok_or_else(|| DefinitionsError::Malformed {
            what: format!(
                "the {} table's counts do not fit its {} bytes",
                algorithm.section().name(),
                section.len()
            ),
        })
    }

    fn parse(section: &'d [u8], hash_bytes: usize) -> Option<Self> {
        let count = usize::try_from(u64_at(section, 0)?).ok()?;
        let sizes = usize::try_from(u64_at(section, 8)?).ok()?;
        let any_size = u64_at(section, 16)? != 0;
        let sizes_bytes = sizes.checked_mul(8)?;
        let records_at = HASH_TABLE_HEADER.checked_add(sizes_bytes)?;
        let records_bytes = count.checked_mul(hash_bytes + 12)?;
        (records_at.checked_add(records_bytes)? == section.len()).then_some(())?;
        Some(Self {
            hash_bytes,
            any_size,
            sizes: slice(section, HASH_TABLE_HEADER, sizes_bytes)?,
            records: slice(section, records_at, records_bytes)?,
        })
    }

    const fn stride(&self) -> usize {
        self.hash_bytes + 12
    }

    pub(crate) const fn len(&self) -> u64 {
        (self.records.len() / self.stride()) as u64
    }

    /// Whether a file of this size can be in the table, so that its hash is worth computing.
    pub(crate) fn wants(&self, size: u64) -> bool {
        if self.records.is_empty() {
            return false;
        }
        self.any_size
            || partition(self.sizes.len() / 8, |index| {
                u64_at(self.sizes, index * 8).is_some_and(|have| have < size)
            })
            .and_then(|index| u64_at(self.sizes, index * 8))
                == Some(size)
    }

    fn record(&self, index: usize) -> Option<(&'d [u8], u64, u32)> {
        let record = slice(
            self.records,
            index.checked_mul(self.stride())?,
            self.stride(),
        )?;
        let (hash, rest) = record.split_at_checked(self.hash_bytes)?;
        Some((hash, u64_at(rest, 0)?, u32_at(rest, 8)?))
    }

    /// The rules for a file with this hash and size.
    pub(crate) fn find(&self, hash: &[u8], size: u64) -> Vec<u32> {
        let count = self.records.len() / self.stride();
        let below = |index| self.record(index).is_some_and(|(have, ..)| have < hash);
        let Some(first) = partition(count, below) else {
            return Vec::new();
        };
        (first..count)
            .map_while(|index| self.record(index))
            .take_while(|(have, ..)| *have == hash)
            .filter(|(_, have, _)| *have == ANY_SIZE || *have == size)
            .map(|(_, _, rule)| rule)
            .collect()
    }
}

/// The first of `0..count` for which `below` no longer holds; `None` when it holds for all.
fn partition(count: usize, below: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low < count).then_some(low)
}
