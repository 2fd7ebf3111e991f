//! The numbers of hash tables: the header, where a hash has its place in the filter, and how a
//! page of the filter is divided.
//!
//! A filter page answers "not in the table" from one page for all but one in some 170 hashes that
//! are not there, and says at which place the others would stand. Its buckets are coded as in a
//! quotient filter (Bender et al., "Don't Thrash", 2012): remainders in order, and one bit for
//! each key and each bucket.

use super::PAGE_BYTES;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// Header flag: a record matches any size.
pub const FLAG_ANY_SIZE: u32 = 1;
/// Stands for the size of a record that matches any.
pub const ANY_SIZE: u64 = u64::MAX;
/// Sizes with the same upper bits share a row of the directory of sizes.
pub const SIZE_LOW_BITS: u32 = 16;
/// Sizes from here on are listed on their own.
pub const LARGE_SIZE: u64 = 1 << 32;

/// Bits of a place that choose a bucket of a filter page.
pub const BUCKET_BITS: u32 = 11;
/// Buckets of a filter page.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bytes before the bits of a filter page: the first rank and the number of keys.
pub const FILTER_HEADER: usize = 8;
/// Records leave out this many leading bytes of their key when the filter implies them.
pub const IMPLIED_BYTES: usize = 3;
/// From this many filter pages on it does.
pub const IMPLIED_FROM_PAGES: u64 = 32;

/// Bytes that the bits of a filter page with `keys` keys take: whole 64-bit words.
#[must_use]
pub const fn filter_bit_bytes(keys: usize) -> usize {
    (BUCKETS + keys).div_ceil(64) * 8
}

/// Whether `keys` keys fit into a filter page.
#[must_use]
pub const fn fits(keys: usize) -> bool {
    keys <= PAGE_BYTES && FILTER_HEADER + filter_bit_bytes(keys) + keys <= PAGE_BYTES
}

/// Spreads 64 bits; each result comes from one argument (the finaliser of SplitMix64, Steele et
/// al., 2014).
#[must_use]
pub const fn spread(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The first half of a record's key: the hash's first eight bytes, into which its size is mixed, so
/// that neither skewed hashes nor skewed sizes crowd the table. `first` and `second` are the hash's
/// first two 64-bit words, little-endian.
#[must_use]
pub const fn key_start(first: u64, second: u64, size: u64, seed: u64) -> u64 {
    spread(first ^ size ^ spread(second ^ seed))
}

/// A place in the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub page: u64,
    /// Below [`BUCKETS`].
    pub bucket: u16,
    pub remainder: u8,
}

/// The place of a key in a filter of `pages` pages. Keys in ascending order have places in
/// ascending order.
#[must_use]
pub fn place(key_start: u64, pages: u64) -> Place {
    let wide = u128::from(key_start) * u128::from(pages);
    let [.., high, low] = [(wide >> 64) as u64, wide as u64];
    Place {
        page: high,
        bucket: (low >> (64 - BUCKET_BITS)) as u16,
        remainder: (low >> (64 - BUCKET_BITS - 8)) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_ascend_with_keys_and_stay_in_the_filter() {
        for pages in [1, 3, 31, 2771] {
            let mut last = place(0, pages);
            for step in 0..100_000u64 {
                let next = place(step * (u64::MAX / 100_000), pages);
                assert!(next >= last && next.page < pages && usize::from(next.bucket) < BUCKETS);
                last = next;
            }
            assert_eq!(place(u64::MAX, pages).page, pages - 1);
        }
    }

    #[test]
    fn a_page_holds_what_is_said_to_fit() {
        let most = (0..PAGE_BYTES).filter(|keys| fits(*keys)).max();
        assert_eq!(most, Some(3400));
        assert!(!fits(usize::MAX));
    }
}
