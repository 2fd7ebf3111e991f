//! The loops that read every byte of a file. They note positions and do nothing else, so that
//! they stay tight; what stands at the positions is looked up afterwards.

use super::layout::{filter_bits, window_hash};

/// Bytes of a file that are read before what was noted is looked up.
pub(super) const BLOCK: usize = 4096;

/// Positions in a block.
#[derive(Debug)]
pub(super) struct Hits {
    places: [u16; BLOCK],
    count: usize,
}

impl Default for Hits {
    fn default() -> Self {
        Self {
            places: [0; BLOCK],
            count: 0,
        }
    }
}

impl Hits {
    #[inline]
    fn note(&mut self, place: usize) {
        if let Some(slot) = self.places.get_mut(self.count) {
            *slot = u16::try_from(place).unwrap_or(0);
            self.count += 1;
        }
    }

    /// What was noted, as positions in the block.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().take(self.count).map(|at| (*at).into())
    }
}

/// Windows of eight bytes at each fourth position: `words` are those of a block and the next one.
#[inline(never)]
pub(super) fn long(filter: &[[u8; 8]], words: &[[u8; 4]], hits: &mut Hits) {
    hits.count = 0;
    let shift = 64 - filter.len().trailing_zeros();
    let mut rest = words.iter();
    let Some(first) = rest.next() else {
        return;
    };
    let mut low = u64::from(u32::from_le_bytes(*first));
    for (index, word) in rest.enumerate() {
        let high = u64::from(u32::from_le_bytes(*word));
        if passes_by(filter, shift, window_hash(low | high << 32)) {
            hits.note(index * 4);
        }
        low = high;
    }
}

/// Windows of four bytes at each fourth position.
#[inline(never)]
pub(super) fn middle(filter: &[[u8; 8]], words: &[[u8; 4]], hits: &mut Hits) {
    hits.count = 0;
    let shift = 64 - filter.len().trailing_zeros();
    for (index, word) in words.iter().enumerate() {
        if passes_by(filter, shift, window_hash(u32::from_le_bytes(*word).into())) {
            hits.note(index * 4);
        }
    }
}

/// Pairs of bytes at each position that have their bit: `bytes` are those of a block and the next
/// one.
#[inline(never)]
pub(super) fn pairs(bits: &[[u8; 8]; 1024], bytes: &[u8], hits: &mut Hits) {
    hits.count = 0;
    let mut rest = bytes.iter();
    let Some(first) = rest.next() else {
        return;
    };
    let mut low = u16::from(*first);
    for (index, byte) in rest.enumerate() {
        let high = u16::from(*byte);
        let pair = low | high << 8;
        let word = bits
            .get(usize::from(pair >> 6))
            .copied()
            .unwrap_or_default();
        if u64::from_le_bytes(word) >> (pair & 63) & 1 != 0 {
            hits.note(index);
        }
        low = high;
    }
}

/// Whether a hash passes a filter.
#[inline]
pub(super) fn passes(filter: &[[u8; 8]], hash: u64) -> bool {
    passes_by(filter, 64 - filter.len().trailing_zeros(), hash)
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "no filter is larger than memory"
)]
fn passes_by(filter: &[[u8; 8]], shift: u32, hash: u64) -> bool {
    let bits = filter_bits(hash);
    filter
        .get((hash >> (shift & 63)) as usize)
        .is_some_and(|word| u64::from_le_bytes(*word) & bits == bits)
}
