//! Hash tables, read in place: the sizes that are asked for, then one page of the filter, and the
//! record itself only for what is (almost certainly) there.

use super::DefinitionsError;
use super::bytes::{slice, u16_at, u32_at, u64_at};
use super::file::DefinitionsFile;
use super::layout::hashes::{
    ANY_SIZE, FILTER_HEADER, FLAG_ANY_SIZE, HEADER_BYTES, IMPLIED_BYTES, LARGE_SIZE, SIZE_LOW_BITS,
    filter_bit_bytes, fits, key_start, place,
};
use super::layout::{PAGE_BYTES, SectionKind};
use super::pages::Section;

/// The longest hash in bytes.
const MAX_HASH_BYTES: usize = 32;

/// The hashes that lists are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    const fn hash_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// What was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashed {
    /// A whole file.
    File,
    /// A section of a PE file.
    Section,
    /// The imports of a PE file, as text.
    Imports,
    /// A whole file that nothing is reported of.
    Allowed,
}

impl Hashed {
    pub(crate) const ALL: [Self; 4] = [Self::File, Self::Section, Self::Imports, Self::Allowed];

    const fn section(self, algorithm: Algorithm) -> SectionKind {
        match (self, algorithm) {
            (Self::File, Algorithm::Md5) => SectionKind::Md5,
            (Self::File, Algorithm::Sha1) => SectionKind::Sha1,
            (Self::File, Algorithm::Sha256) => SectionKind::Sha256,
            (Self::Section, Algorithm::Md5) => SectionKind::SectionMd5,
            (Self::Section, Algorithm::Sha1) => SectionKind::SectionSha1,
            (Self::Section, Algorithm::Sha256) => SectionKind::SectionSha256,
            (Self::Imports, Algorithm::Md5) => SectionKind::ImportMd5,
            (Self::Imports, Algorithm::Sha1) => SectionKind::ImportSha1,
            (Self::Imports, Algorithm::Sha256) => SectionKind::ImportSha256,
            (Self::Allowed, Algorithm::Md5) => SectionKind::AllowedMd5,
            (Self::Allowed, Algorithm::Sha1) => SectionKind::AllowedSha1,
            (Self::Allowed, Algorithm::Sha256) => SectionKind::AllowedSha256,
        }
    }
}

/// One table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashTable<'d> {
    section: Section<'d>,
    hash_bytes: usize,
    any_size: bool,
    count: u64,
    first_rule: u32,
    seed: u64,
    filter_pages: u64,
    record_bytes: usize,
    size_rows: u64,
    lows: usize,
    large_sizes: usize,
    lows_at: usize,
    large_at: usize,
    filter_at: usize,
    records_at: usize,
}

impl<'d> HashTable<'d> {
    /// The table; `None` when the file has none.
    pub(crate) fn read(
        file: &'d DefinitionsFile,
        hashed: Hashed,
        algorithm: Algorithm,
    ) -> Result<Option<Self>, DefinitionsError> {
        let kind = hashed.section(algorithm);
        let section = file.pages(kind);
        if section.is_empty() {
            return Ok(None);
        }
        let header = section.get(0, HEADER_BYTES.min(section.len()))?;
        Self::parse(section, header, algorithm.hash_bytes())
            .map(Some)
            .ok_or_else(|| DefinitionsError::Malformed {
                what: format!(
                    "the {} table's counts do not fit its {} bytes",
                    kind.name(),
                    section.len()
                ),
            })
    }

    fn parse(section: Section<'d>, header: &[u8], hash_bytes: usize) -> Option<Self> {
        let word = |at| u64_at(header, at);
        let size = |at| usize::try_from(word(at)?).ok();
        let count = word(0)?;
        let record_bytes = usize::try_from(u32_at(header, 36)?).ok()?;
        let known = [hash_bytes, hash_bytes - IMPLIED_BYTES];
        known.contains(&record_bytes).then_some(())?;
        let size_rows = u64::from(u32_at(header, 44)?);
        let (lows, large_sizes) = (size(48)?, size(56)?);
        // A row more than there are: where the last one ends.
        let rows_bytes = usize::try_from(size_rows)
            .ok()?
            .checked_add(1)?
            .checked_mul(4)?;
        let lows_at = HEADER_BYTES.checked_add(rows_bytes)?;
        let large_at = lows_at
            .checked_add(lows.checked_mul(2)?)?
            .checked_next_multiple_of(8)?;
        let filter_at = large_at
            .checked_add(large_sizes.checked_mul(8)?)?
            .checked_next_multiple_of(PAGE_BYTES)?;
        let filter_pages = u64::from(u32_at(header, 32)?);
        let records_at = usize::try_from(filter_pages)
            .ok()?
            .checked_mul(PAGE_BYTES)?
            .checked_add(filter_at)?;
        let records = usize::try_from(count).ok()?.checked_mul(record_bytes)?;
        (records_at.checked_add(records)? == section.len()).then_some(())?;
        (filter_pages > 0 || count == 0).then_some(())?;
        Some(Self {
            section,
            hash_bytes,
            any_size: u32_at(header, 40)? & FLAG_ANY_SIZE != 0,
            count,
            first_rule: u32::try_from(word(8)?).ok()?,
            seed: word(16)?,
            filter_pages,
            record_bytes,
            size_rows,
            lows,
            large_sizes,
            lows_at,
            large_at,
            filter_at,
            records_at,
        })
    }

    pub(crate) const fn len(&self) -> u64 {
        self.count
    }

    /// Whether anything of this size can be in the table, so that its hash is worth computing.
    pub(crate) fn wants(&self, size: u64) -> Result<bool, DefinitionsError> {
        Ok(self.any_size || self.wants_exactly(size)?)
    }

    fn wants_exactly(&self, size: u64) -> Result<bool, DefinitionsError> {
        if size >= LARGE_SIZE {
            return contains(0, self.large_sizes, size, |index| {
                u64_at(self.section.get(self.large_at + index * 8, 8)?, 0)
                    .ok_or_else(|| self.broken())
            });
        }
        let row = size >> SIZE_LOW_BITS;
        if row >= self.size_rows {
            return Ok(false);
        }
        let row = usize::try_from(row).map_err(|_| self.broken())?;
        let bounds = self.section.get(HEADER_BYTES + row * 4, 8)?;
        let bound = |at| {
            u32_at(bounds, at)
                .and_then(|bound| usize::try_from(bound).ok())
                .filter(|bound| *bound <= self.lows)
                .ok_or_else(|| self.broken())
        };
        contains(bound(0)?, bound(4)?, size & 0xffff, |index| {
            u16_at(self.section.get(self.lows_at + index * 2, 2)?, 0)
                .map(u64::from)
                .ok_or_else(|| self.broken())
        })
    }

    /// Adds the rules for something with this hash and size.
    pub(crate) fn find(
        &self,
        hash: &[u8],
        size: u64,
        found: &mut Vec<u32>,
    ) -> Result<(), DefinitionsError> {
        if self.wants_exactly(size)? {
            self.find_key(hash, size, found)?;
        }
        if self.any_size {
            self.find_key(hash, ANY_SIZE, found)?;
        }
        Ok(())
    }

    fn find_key(
        &self,
        hash: &[u8],
        size: u64,
        found: &mut Vec<u32>,
    ) -> Result<(), DefinitionsError> {
        let (Some(first), Some(second)) = (u64_at(hash, 0), u64_at(hash, 8)) else {
            return Ok(());
        };
        if hash.len() != self.hash_bytes {
            return Ok(());
        }
        let start = key_start(first, second, size, self.seed);
        let place = place(start, self.filter_pages);
        let page_at = usize::try_from(place.page)
            .ok()
            .and_then(|page| page.checked_mul(PAGE_BYTES)?.checked_add(self.filter_at))
            .ok_or_else(|| self.broken())?;
        let page = FilterPage::read(self.section.get(page_at, PAGE_BYTES)?)
            .ok_or_else(|| self.broken())?;
        let (from, to) = page
            .bucket(usize::from(place.bucket))
            .ok_or_else(|| self.broken())?;
        let mut key = [0; MAX_HASH_BYTES];
        let rest = hash.get(8..).unwrap_or_default();
        for (to, from) in key.iter_mut().zip(start.to_be_bytes().iter().chain(rest)) {
            *to = *from;
        }
        let wanted = key
            .get(self.hash_bytes - self.record_bytes..self.hash_bytes)
            .unwrap_or_default();
        for index in from..to {
            if page.remainders.get(index) != Some(&place.remainder) {
                continue;
            }
            let rank = u64::from(page.first_rank) + index as u64;
            if rank >= self.count {
                return Err(self.broken());
            }
            if self.record(rank)? == wanted {
                let rule = u32::try_from(rank)
                    .ok()
                    .and_then(|rank| self.first_rule.checked_add(rank));
                found.push(rule.ok_or_else(|| self.broken())?);
            }
        }
        Ok(())
    }

    fn record(&self, rank: u64) -> Result<&'d [u8], DefinitionsError> {
        let at = usize::try_from(rank)
            .ok()
            .and_then(|rank| {
                rank.checked_mul(self.record_bytes)?
                    .checked_add(self.records_at)
            })
            .ok_or_else(|| self.broken())?;
        self.section.get(at, self.record_bytes)
    }

    fn broken(&self) -> DefinitionsError {
        DefinitionsError::Malformed {
            what: format!("a hash table of {} records leads out of itself", self.count),
        }
    }
}

/// A page of the filter.
struct FilterPage<'d> {
    first_rank: u32,
    bits: &'d [u8],
    remainders: &'d [u8],
}

impl<'d> FilterPage<'d> {
    fn read(page: &'d [u8]) -> Option<Self> {
        let keys = usize::try_from(u32_at(page, 4)?).ok()?;
        fits(keys).then_some(())?;
        let bit_bytes = filter_bit_bytes(keys);
        Some(Self {
            first_rank: u32_at(page, 0)?,
            bits: slice(page, FILTER_HEADER, bit_bytes)?,
            remainders: slice(page, FILTER_HEADER + bit_bytes, keys)?,
        })
    }

    /// Where a bucket's keys stand among the page's. The bits have a one for each key and a zero
    /// at the end of each bucket.
    fn bucket(&self, bucket: usize) -> Option<(usize, usize)> {
        let begin = match bucket.checked_sub(1) {
            Some(before) => self.zero(before)?.checked_add(1)?,
            None => 0,
        };
        let end = self.zero(bucket)?;
        let keys = self.remainders.len();
        let (from, to) = (begin.checked_sub(bucket)?, end.checked_sub(bucket)?);
        (from <= to && to <= keys).then_some((from, to))
    }

    /// The place of the zero with this number, counted from 0.
    fn zero(&self, number: usize) -> Option<usize> {
        let mut left = number;
        for (index, word) in self.bits.chunks_exact(8).enumerate() {
            let word = u64_at(word, 0)?;
            let zeros = word.count_zeros() as usize;
            if left < zeros {
                return Some(index * 64 + select(!word, left));
            }
            left -= zeros;
        }
        None
    }
}

/// The place of the one with this number in a word that has it, counted from 0.
const fn select(mut word: u64, number: usize) -> usize {
    let mut passed = 0;
    while passed < number {
        word &= word.wrapping_sub(1);
        passed += 1;
    }
    word.trailing_zeros() as usize
}

/// Whether a value stands in the ascending list of the places `low..high`.
fn contains(
    mut low: usize,
    mut high: usize,
    wanted: u64,
    value: impl Fn(usize) -> Result<u64, DefinitionsError>,
) -> Result<bool, DefinitionsError> {
    while low < high {
        let middle = low + (high - low) / 2;
        match value(middle)?.cmp(&wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(false)
}
