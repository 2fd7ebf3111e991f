//! The loops that read every byte of a file. They note positions and do nothing else, so that
//! they stay tight; what stands at the positions is looked up afterwards.

use super::layout::{SAMPLED, filter_bits, is_sampled, triple_hash, window_hash};

/// Bytes of a file that are read before what was noted is looked up.
pub(super) const BLOCK: usize = 4096;

/// Which bits are set in each byte, the lowest first.
static SET_BITS: [[u16; 8]; 256] = set_bits();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn set_bits() -> [[u16; 8]; 256] {
    let mut all = [[0; 8]; 256];
    let mut byte = 0;
    while byte < all.len() {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 != 0 {
                all[byte][count] = bit;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    all
}

/// Positions in a block.
#[derive(Debug)]
pub(super) struct Hits {
    /// With room for eight that are noted at once.
    places: [u16; BLOCK + 8],
    count: usize,
}

impl Default for Hits {
    fn default() -> Self {
        Self {
            places: [0; BLOCK + 8],
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

    /// Notes those of eight places from `base` whose byte of `marks` is 1; the others are 0.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a block is smaller, and the sums are bytes"
    )]
    fn note_marks(&mut self, count: usize, base: usize, marks: u64) -> usize {
        // The product's highest byte has the marks as bits, or their sum.
        let bits = (marks.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        let sum = (marks.wrapping_mul(0x0101_0101_0101_0101) >> 56) as usize;
        let slots = self.places.get_mut(count..);
        if let Some(slots) = slots.and_then(<[u16]>::first_chunk_mut::<8>)
            && let Some(set) = SET_BITS.get(usize::from(bits))
        {
            *slots = set.map(|bit| base as u16 + bit);
        }
        count + sum
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

/// Positions that begin a window of the long lane. `bytes` begin where the block does.
#[inline(never)]
pub(super) fn sampled(bytes: &[u8], hits: &mut Hits) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let mut count = 0;
    let mut base = 0;
    // Eight positions at once, and with them the last one's window.
    while base < BLOCK
        && let Some((first, second)) = bytes
            .get(base..)
            .and_then(|rest| Some((rest.first_chunk()?, rest.get(1..)?.first_chunk()?)))
        && bytes.len() - base >= 15
    {
        let (first, second) = (u64::from_le_bytes(*first), u64::from_le_bytes(*second));
        // The lower two bits of each difference: what is taken away is added as its complement.
        let lower = EACH * 3;
        let difference = (first & lower) + (!second & lower) + EACH;
        let other = (difference ^ (EACH * u64::from(SAMPLED))) & lower;
        let marks = !(other | other >> 1) & EACH;
        count = hits.note_marks(count, base, marks);
        base += 8;
    }
    let rest = bytes.get(base..).unwrap_or_default();
    for (at, window) in rest.windows(8).take(BLOCK.saturating_sub(base)).enumerate() {
        if let [first, second, ..] = window {
            count = hits.note(count, base + at, is_sampled(*first, *second));
        }
    }
    hits.count = count;
}

/// Windows of eight bytes at these positions. `bytes` begin where the block does.
pub(super) fn long(filter: &[[u8; 8]], bytes: &[u8], sampled: &Hits, windows: &mut Windows) {
    if let Some(block) = bytes.first_chunk() {
        return long_of(filter, block, sampled, windows);
    }
    // The last block of a file, with zeros behind it, in which no sampled position is.
    let mut block = [0; BLOCK + 8];
    for (own, byte) in block.iter_mut().zip(bytes) {
        *own = *byte;
    }
    long_of(filter, &block, sampled, windows);
}

#[inline(never)]
fn long_of(filter: &[[u8; 8]], block: &[u8; BLOCK + 8], sampled: &Hits, windows: &mut Windows) {
    let mut count = 0;
    let shift = 64 - filter.len().trailing_zeros();
    for at in sampled.places.get(..sampled.count).unwrap_or_default() {
        // All of them lie in the block; the compiler sees it, too.
        let place = usize::from(*at) % BLOCK;
        let Some(eight) = block.get(place..place + 8).and_then(<[u8]>::first_chunk) else {
            break;
        };
        let window = u64::from_le_bytes(*eight);
        let passed = passes_by(filter, shift, window_hash(window));
        count = windows.note(count, place, window, passed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampled_positions_are_all_with_a_whole_window() {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let all: Vec<u8> = std::iter::repeat_with(next).take(BLOCK + 64).collect();
        let mut hits = Hits::default();
        for length in (0..64).chain(BLOCK - 20..=all.len()) {
            let bytes = &all[all.len() - length..];
            sampled(bytes, &mut hits);
            let expected: Vec<usize> = bytes
                .windows(8)
                .take(BLOCK)
                .enumerate()
                .filter(|(_, window)| is_sampled(window[0], window[1]))
                .map(|(at, _)| at)
                .collect();
            let found: Vec<usize> = hits.places().collect();
            assert_eq!(found, expected, "{length} bytes");
        }
        // Each position of a block may be one.
        let stairs: Vec<u8> = (0..BLOCK + 8).map(|at| (at * 254 % 256) as u8).collect();
        sampled(&stairs, &mut hits);
        assert_eq!(hits.places().count(), BLOCK);
        let mut windows = Windows::default();
        long(&[[0xff; 8]; 2], &stairs, &hits, &mut windows);
        assert_eq!(windows.all().count(), BLOCK);
        for (place, window) in windows.all() {
            assert_eq!(window.to_le_bytes(), stairs[place..place + 8]);
        }
    }
}
