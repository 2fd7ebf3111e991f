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
    /// Notes a place if it passed, and returns how many were. What is taken depends on no branch: a
    /// processor guesses wrong at most of those that pass, and would wait for the filter's word
    /// each time.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a block is smaller")]
    fn note(&mut self, count: usize, place: usize, passed: bool) -> usize {
        // No loop looks at more places than there is room for.
        if let Some(slot) = self.places.get_mut(count % BLOCK) {
            *slot = place as u16;
        }
        count + usize::from(passed)
    }

    /// What was noted, as positions in the block.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().take(self.count).map(|at| (*at).into())
    }
}

/// Windows that passed a filter.
#[derive(Debug)]
pub(super) struct Windows {
    places: Hits,
    /// Their bytes as little-endian integers, in the same order.
    values: [u64; BLOCK],
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            places: Hits::default(),
            values: [0; BLOCK],
        }
    }
}

impl Windows {
    #[inline]
    fn note(&mut self, count: usize, place: usize, value: u64, passed: bool) -> usize {
        if let Some(slot) = self.values.get_mut(count % BLOCK) {
            *slot = value;
        }
        self.places.note(count, place, passed)
    }

    /// Where they begin in what was swept, and their bytes.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.places.places().zip(self.values.iter().copied())
    }
}

/// Windows of eight bytes at each fourth position: `words` are those of a block and the next one.
#[inline(never)]
pub(super) fn long(filter: &[[u8; 8]], words: &[[u8; 4]], windows: &mut Windows) {
    let mut count = 0;
    let shift = 64 - filter.len().trailing_zeros();
    let mut rest = words.iter();
    let mut low = rest.next().map_or(0, |first| value(*first));
    for (index, word) in rest.enumerate() {
        let high = value(*word);
        let window = low | high << 32;
        let passed = passes_by(filter, shift, window_hash(window));
        count = windows.note(count, index * 4, window, passed);
        low = high;
    }
    windows.places.count = count;
}

/// Windows of four bytes at each fourth position.
#[inline(never)]
pub(super) fn middle(filter: &[[u8; 8]], words: &[[u8; 4]], windows: &mut Windows) {
    let mut count = 0;
    let shift = 64 - filter.len().trailing_zeros();
    for (index, word) in words.iter().enumerate() {
        let window = value(*word);
        let passed = passes_by(filter, shift, window_hash(window));
        count = windows.note(count, index * 4, window, passed);
    }
    windows.places.count = count;
}

#[inline]
fn value(four: [u8; 4]) -> u64 {
    u32::from_le_bytes(four).into()
}

/// Three bytes at each second position that have their bit. What begins in the last word is left to
/// [`last_triples`].
#[inline(never)]
pub(super) fn triples(bits: &[[u8; 8]], words: &[[u8; 4]], hits: &mut Hits) {
    let mut count = 0;
    let shift = triple_shift(bits);
    let mut rest = words.iter();
    let mut low = rest.next().map_or(0, |first| value(*first));
    for (index, word) in rest.enumerate() {
        let high = value(*word);
        let both = low | high << 32;
        count = hits.note(count, index * 4, has_triple(bits, shift, both));
        count = hits.note(count, index * 4 + 2, has_triple(bits, shift, both >> 16));
        low = high;
    }
    hits.count = count;
}

/// The same at the end of a file, which counts as followed by zeros.
pub(super) fn last_triples(bits: &[[u8; 8]], bytes: &[u8], hits: &mut Hits) {
    let mut count = 0;
    let shift = triple_shift(bits);
    for place in (0..bytes.len().min(BLOCK)).step_by(2) {
        let three = bytes.iter().skip(place).take(3).rev();
        let three = three.fold(0, |three, byte| three << 8 | u64::from(*byte));
        // With fewer than three the missing ones are the higher.
        count = hits.note(count, place, has_triple(bits, shift, three));
    }
    hits.count = count;
}

/// Windows of four bytes around triples: at each of them, and one byte before, which no other triple
/// stands for. `bytes` begin `lead` bytes before the block.
#[inline(never)]
pub(super) fn short(
    filter: &[[u8; 8]],
    bytes: &[u8],
    lead: usize,
    triples: &Hits,
    windows: &mut Windows,
) {
    let mut count = 0;
    let shift = 64 - filter.len().trailing_zeros();
    let mut note = |at, window| {
        let passed = passes_by(filter, shift, window_hash(window));
        count = windows.note(count, at, window, passed);
    };
    for at in triples.places().map(|place| place + lead) {
        let before = at.wrapping_sub(1);
        if let Some(eight) = bytes.get(before..).and_then(<[u8]>::first_chunk::<8>) {
            let [first, a, b, c, last, ..] = *eight;
            note(at, value([a, b, c, last]));
            note(before, value([first, a, b, c]));
        } else {
            // At the ends of a file.
            for at in [at, before] {
                if let Some(four) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
                    note(at, value(*four));
                }
            }
        }
    }
    windows.places.count = count;
}

/// Windows of two bytes around triples: at each of them, and one byte behind. `bytes` begin where the
/// block does.
#[inline(never)]
pub(super) fn tiny(filter: &[[u8; 8]], bytes: &[u8], triples: &Hits, windows: &mut Windows) {
    let mut count = 0;
    let mut note = |at, window| {
        let window = u16::from_le_bytes(window);
        let word = filter.get(usize::from(window >> 6));
        let passed = word.is_some_and(|word| u64::from_le_bytes(*word) >> (window & 63) & 1 != 0);
        count = windows.note(count, at, window.into(), passed);
    };
    for at in triples.places() {
        if let Some([a, b, c]) = bytes.get(at..).and_then(<[u8]>::first_chunk::<3>) {
            note(at, [*a, *b]);
            note(at + 1, [*b, *c]);
        } else if let Some(two) = bytes.get(at..).and_then(<[u8]>::first_chunk::<2>) {
            note(at, *two);
        }
    }
    windows.places.count = count;
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
