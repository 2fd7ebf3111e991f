//! The sizes that a hash table's records ask for, each once.

use scan::layout::hashes::{LARGE_SIZE, SIZE_LOW_BITS};

/// Words of a row: a bit for each size with the same upper bits.
const WORDS: usize = (1 << SIZE_LOW_BITS) / 64;

/// A set of sizes.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    rows: Vec<Option<Box<[u64; WORDS]>>>,
    large: Vec<u64>,
}

impl Sizes {
    pub(crate) fn add(&mut self, size: u64) {
        let row = usize::try_from(size >> SIZE_LOW_BITS).ok();
        let Some(row) = row.filter(|_| size < LARGE_SIZE) else {
            self.large.push(size);
            return;
        };
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, || None);
        }
        let low = usize::try_from(size).unwrap_or(0) % (WORDS * 64);
        if let Some(slot) = self.rows.get_mut(row) {
            let words = slot.get_or_insert_with(|| Box::new([0; WORDS]));
            if let Some(word) = words.get_mut(low / 64) {
                *word |= 1 << (low % 64);
            }
        }
    }

    /// Where the sizes of each row begin in the list of lower halves, and a place more for where
    /// the last ones end; the lower halves; the sizes that have no row.
    pub(crate) fn lists(&self) -> (Vec<u32>, Vec<u16>, Vec<u64>) {
        let mut directory = vec![0];
        let mut lows: Vec<u16> = Vec::new();
        for row in &self.rows {
            for (word, bits) in row.iter().flat_map(|row| row.iter()).enumerate() {
                let mut left = *bits;
                while left != 0 {
                    let bit = left.trailing_zeros() as usize;
                    lows.extend(u16::try_from(word * 64 + bit));
                    left &= left - 1;
                }
            }
            // At most 2^32 sizes, of which one is no size.
            directory.push(u32::try_from(lows.len()).unwrap_or(u32::MAX));
        }
        let mut large = self.large.clone();
        large.sort_unstable();
        large.dedup();
        (directory, lows, large)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_listed_once_in_order_by_their_rows() {
        let mut sizes = Sizes::default();
        for size in [200_000, 1, 65_535, 1, 65_536, LARGE_SIZE, LARGE_SIZE, 7] {
            sizes.add(size);
        }
        let (directory, lows, large) = sizes.lists();
        assert_eq!(directory, [0, 3, 4, 4, 5]);
        assert_eq!(lows, [1, 7, 65_535, 0, 3392]);
        assert_eq!(large, [LARGE_SIZE]);
        assert_eq!(Sizes::default().lists().0, [0]);
    }
}
