//! Compiles hash tables: sizes, filter and records, as `docs/definitions-format.md` lays them out.

use scan::layout::PAGE_BYTES;
use scan::layout::hashes::{
    ANY_SIZE, BUCKETS, FILTER_HEADER, FLAG_ANY_SIZE, HEADER_BYTES, IMPLIED_BYTES,
    IMPLIED_FROM_PAGES, Place, filter_bit_bytes, fits, key_start, place,
};

use crate::error::BuildError;
use crate::names::NameId;
use crate::rule_set::RuleSet;
use crate::sizes::Sizes;

/// Keys that a filter page is planned for: six standard deviations below what fits.
const PLANNED_KEYS: usize = 3060;
/// Ways to spread keys that are tried, and page counts for each.
const SEEDS: u64 = 4;
const GROWTHS: usize = 24;

/// One record: `T` is how many bytes the hash has beyond 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Record<const T: usize> {
    /// The hash's first word with the size mixed in; once the table has a seed, the key's start.
    start: u64,
    second: u64,
    tail: [u8; T],
    name: NameId,
}

/// A table before it is laid out.
#[derive(Debug)]
pub(crate) struct TableBuilder<const T: usize> {
    records: Vec<Record<T>>,
    sizes: Sizes,
    any_size: bool,
}

impl<const T: usize> Default for TableBuilder<T> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            sizes: Sizes::default(),
            any_size: false,
        }
    }
}

impl<const T: usize> TableBuilder<T> {
    /// Adds a hash: its first two words, little-endian, and the rest.
    pub(crate) fn add(
        &mut self,
        first: u64,
        second: u64,
        tail: [u8; T],
        size: Option<u64>,
        name: NameId,
    ) {
        match size {
            Some(size) => self.sizes.add(size),
            None => self.any_size = true,
        }
        self.records.push(Record {
            start: first ^ size.unwrap_or(ANY_SIZE),
            second,
            tail,
            name,
        });
    }

    /// The section, empty without records; each record's rule is added to `rules` in their order. Of
    /// several names for one hash and size, one stays. Also tells how many records there are.
    pub(crate) fn finish(mut self, rules: &mut RuleSet) -> Result<(Vec<u8>, u64), BuildError> {
        if self.records.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let mut applied = None;
        for seed in 0..SEEDS {
            self.spread(applied, seed);
            applied = Some(seed);
            let mut pages = self.records.len().div_ceil(PLANNED_KEYS);
            if fits(self.records.len()) {
                pages = 1;
            }
            for _ in 0..GROWTHS {
                if let Some(filter) = self.filter(pages) {
                    let section = self.lay_out(seed, pages, &filter, rules)?;
                    return Ok((section, self.records.len() as u64));
                }
                pages += pages.div_ceil(64);
            }
        }
        Err(BuildError::TooLarge {
            what: "hashes that crowd in one place of a table",
        })
    }

    /// Gives keys another seed, and brings them in order.
    fn spread(&mut self, applied: Option<u64>, seed: u64) {
        for record in &mut self.records {
            if let Some(applied) = applied {
                record.start = unspread(record.start) ^ key_mask(record.second, applied);
            }
            record.start = key_start(record.start, record.second, 0, seed);
        }
        self.records.sort_unstable();
        self.records.dedup_by(|next, kept| {
            (next.start, next.second, next.tail) == (kept.start, kept.second, kept.tail)
        });
    }

    /// The filter with so many pages; `None` when more keys belong to a page than fit.
    fn filter(&self, pages: usize) -> Option<Vec<u8>> {
        let mut filter = vec![0; pages.checked_mul(PAGE_BYTES)?];
        let mut rest = self.records.as_slice();
        let mut rank = 0usize;
        for (number, page) in filter.chunks_exact_mut(PAGE_BYTES).enumerate() {
            let places = rest
                .iter()
                .map(|record| place(record.start, pages as u64))
                .take_while(|place| place.page == number as u64);
            let keys = filter_page(page, u32::try_from(rank).ok()?, places)?;
            rank += keys;
            rest = rest.get(keys..)?;
        }
        rest.is_empty().then_some(filter)
    }

    fn lay_out(
        &self,
        seed: u64,
        pages: usize,
        filter: &[u8],
        rules: &mut RuleSet,
    ) -> Result<Vec<u8>, BuildError> {
        let too_large = |_| BuildError::TooLarge {
            what: "more than 4,294,967,295 pages of hashes",
        };
        let implied = if pages as u64 >= IMPLIED_FROM_PAGES {
            IMPLIED_BYTES
        } else {
            0
        };
        let record_bytes = 16 + T - implied;
        let (directory, lows, large) = self.sizes.lists();
        let flags = if self.any_size { FLAG_ANY_SIZE } else { 0 };
        let mut section = Vec::with_capacity(
            HEADER_BYTES
                + directory.len() * 4
                + lows.len() * 2
                + filter.len()
                + PAGE_BYTES
                + self.records.len() * record_bytes,
        );
        let first_rule = rules.next()?;
        let mut word = |value: u64| section.extend_from_slice(&value.to_le_bytes());
        word(self.records.len() as u64);
        word(first_rule.into());
        word(seed);
        word(0);
        for value in [
            u32::try_from(pages).map_err(too_large)?,
            u32::try_from(record_bytes).map_err(too_large)?,
            flags,
            u32::try_from(directory.len() - 1).map_err(too_large)?,
        ] {
            section.extend_from_slice(&value.to_le_bytes());
        }
        for value in [lows.len() as u64, large.len() as u64] {
            section.extend_from_slice(&value.to_le_bytes());
        }
        section.extend(directory.iter().flat_map(|row| row.to_le_bytes()));
        section.extend(lows.iter().flat_map(|low| low.to_le_bytes()));
        section.resize(section.len().next_multiple_of(8), 0);
        section.extend(large.iter().flat_map(|size| size.to_le_bytes()));
        section.resize(section.len().next_multiple_of(PAGE_BYTES), 0);
        section.extend_from_slice(filter);
        rules.reserve(self.records.len());
        for record in &self.records {
            let start = record.start.to_be_bytes();
            section.extend_from_slice(start.get(implied..).unwrap_or_default());
            section.extend_from_slice(&record.second.to_le_bytes());
            section.extend_from_slice(&record.tail);
            rules.push(record.name);
        }
        rules.next()?;
        Ok(section)
    }
}

/// Fills a page of the filter with the keys at these places, in their order, and says how many
/// there are.
fn filter_page(
    page: &mut [u8],
    first_rank: u32,
    places: impl Iterator<Item = Place>,
) -> Option<usize> {
    let mut keys = 0usize;
    let mut bits = [0u64; PAGE_BYTES * 2 / 64];
    let mut remainders = [0u8; PAGE_BYTES];
    for place in places {
        // A one for the key, behind the zeros of all buckets before its own.
        let at = usize::from(place.bucket) + keys;
        *bits.get_mut(at / 64)? |= 1 << (at % 64);
        *remainders.get_mut(keys)? = place.remainder;
        keys += 1;
        fits(keys).then_some(())?;
    }
    // Past the zero of the last bucket there is nothing to be read as one.
    let used = BUCKETS + keys;
    for at in used..filter_bit_bytes(keys) * 8 {
        *bits.get_mut(at / 64)? |= 1 << (at % 64);
    }
    let (header, rest) = page.split_at_mut_checked(FILTER_HEADER)?;
    let (ranks, counts) = header.split_at_mut_checked(4)?;
    ranks.copy_from_slice(&first_rank.to_le_bytes());
    counts.copy_from_slice(&u32::try_from(keys).ok()?.to_le_bytes());
    let (bit_bytes, rest) = rest.split_at_mut_checked(filter_bit_bytes(keys))?;
    for (bytes, word) in bit_bytes.chunks_exact_mut(8).zip(bits) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    rest.get_mut(..keys)?
        .copy_from_slice(remainders.get(..keys)?);
    Some(keys)
}

/// What [`key_start`] mixes into the first word before it spreads it.
const fn key_mask(second: u64, seed: u64) -> u64 {
    scan::layout::hashes::spread(second ^ seed)
}

/// The argument of [`scan::layout::hashes::spread`] for a result.
const fn unspread(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 31) ^ (bits >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    bits = (bits ^ (bits >> 27) ^ (bits >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    bits ^ (bits >> 30) ^ (bits >> 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scan::layout::hashes::spread;

    #[test]
    fn spreading_can_be_undone() {
        for bits in [0, 1, 42, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(unspread(spread(bits)), bits);
        }
    }

    #[test]
    fn another_seed_gives_the_keys_that_it_gives_to_new_ones() {
        let name = NameId {
            family: 0,
            number: 0,
        };
        let table = || {
            let mut table = TableBuilder::<0>::default();
            for word in 0..100 {
                table.add(word, word * word, [], Some(word + 1), name);
            }
            table
        };
        let (mut again, mut fresh) = (table(), table());
        again.spread(None, 0);
        again.spread(Some(0), 3);
        fresh.spread(None, 3);
        assert_eq!(again.records, fresh.records);
    }

    #[test]
    fn keys_that_crowd_whatever_is_done_are_an_error() {
        let name = NameId {
            family: 0,
            number: 0,
        };
        let mut table = TableBuilder::<4>::default();
        for tail in 0..10_000u32 {
            table.add(1, 2, tail.to_le_bytes(), None, name);
        }
        let built = table.finish(&mut RuleSet::default());
        assert!(matches!(built, Err(BuildError::TooLarge { .. })));
    }
}
