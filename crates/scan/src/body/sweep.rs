//! The loops that read every byte of a file. They note positions and do nothing else, so that
//! they stay tight; what stands at the positions is looked up afterwards.

use super::layout::{filter_bits, triple_hash, window_hash};

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

/// Three bytes at each second position that have their bit. What begins in the last word is left to
/// [`last_triples`].
#[inline(never)]
pub(super) fn triples(bits: &[[u8; 8]], words: &[[u8; 4]], hits: &mut Hits) {
    hits.count = 0;
    let shift = triple_shift(bits);
    let mut rest = words.iter();
    let Some(first) = rest.next() else {
        return;
    };
    let mut low = u64::from(u32::from_le_bytes(*first));
    for (index, word) in rest.enumerate() {
        let high = u64::from(u32::from_le_bytes(*word));
        let both = low | high << 32;
        if has_triple(bits, shift, both) {
            hits.note(index * 4);
        }
        if has_triple(bits, shift, both >> 16) {
            hits.note(index * 4 + 2);
        }
        low = high;
    }
}

/// The same at the end of a file, which counts as followed by zeros.
pub(super) fn last_triples(bits: &[[u8; 8]], bytes: &[u8], hits: &mut Hits) {
    hits.count = 0;
    let shift = triple_shift(bits);
    for place in (0..bytes.len().min(BLOCK)).step_by(2) {
        let three = bytes.iter().skip(place).take(3).rev();
        let three = three.fold(0, |three, byte| three << 8 | u64::from(*byte));
        // With fewer than three the missing ones are the higher.
        if has_triple(bits, shift, three) {
            hits.note(place);
        }
    }
}

/// Places of a filter of triples are the upper bits of hashes; the filter has at least one word.
const fn triple_shift(bits: &[[u8; 8]]) -> u32 {
    (32 - 6_u32).saturating_sub(bits.len().trailing_zeros())
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower bytes are what is looked at"
)]
fn has_triple(bits: &[[u8; 8]], shift: u32, bytes: u64) -> bool {
    let place = triple_hash(bytes as u32) >> (shift & 31);
    bits.get((place >> 6) as usize)
        .is_some_and(|word| u64::from_le_bytes(*word) >> (place & 63) & 1 != 0)
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
