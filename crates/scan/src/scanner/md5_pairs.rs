//! MD5 (RFC 1321) of several sequences of bytes, two at a time. One alone waits at each step for the
//! step before; two of them take little longer than one.

/// Bytes of a block.
const BLOCK: usize = 64;
/// The state before the first block (RFC 1321, 3.3), the first word in the lowest bits.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The hashes of some sequences of bytes. `go_on` is asked before each of them is begun; once it
/// refuses, the others have none.
pub(super) fn md5_of_each(
    sequences: &[&[u8]],
    mut go_on: impl FnMut() -> bool,
) -> Vec<Option<[u8; 16]>> {
    let mut hashes = vec![None; sequences.len()];
    let waiting = sequences.iter().copied().enumerate();
    let mut waiting = waiting.take_while(|_| go_on());
    let mut begun: Vec<Stream<'_>> = Vec::with_capacity(2);
    loop {
        while begun.len() < 2
            && let Some(next) = waiting.next()
        {
            begun.push(Stream::new(next));
        }
        match begun.as_mut_slice() {
            [] => return hashes,
            [one] => one.advance(),
            [one, other, ..] => one.advance_with(other),
        }
        begun.retain(|stream| {
            let hash = stream.hash();
            if let Some(place) = hashes.get_mut(stream.index) {
                *place = hash;
            }
            hash.is_none()
        });
    }
}

/// One sequence while it is hashed.
#[derive(Debug)]
struct Stream<'b> {
    index: usize,
    state: [u32; 4],
    /// Whole blocks that were not read yet.
    blocks: &'b [[u8; BLOCK]],
    /// What follows them: the last bytes, and how long all of it is.
    end: [[u8; BLOCK]; 2],
    end_blocks: usize,
}

impl<'b> Stream<'b> {
    fn new((index, bytes): (usize, &'b [u8])) -> Self {
        let (blocks, rest) = bytes.as_chunks();
        let mut end = [[0; BLOCK]; 2];
        let end_blocks = 1 + usize::from(rest.len() + 1 + size_of::<u64>() > BLOCK);
        let bits = (bytes.len() as u64).wrapping_mul(8).to_le_bytes();
        let flat = end.as_flattened_mut();
        let length_at = end_blocks * BLOCK - bits.len();
        for (place, byte) in flat.iter_mut().zip(rest.iter().chain(&[0x80])) {
            *place = *byte;
        }
        for (place, byte) in flat.iter_mut().skip(length_at).zip(bits) {
            *place = byte;
        }
        Self {
            index,
            state: START,
            blocks,
            end,
            end_blocks,
        }
    }

    /// Reads all of its whole blocks.
    fn advance(&mut self) {
        for block in std::mem::take(&mut self.blocks) {
            self.state = compress(self.state, |number| word(block, number));
        }
    }

    /// Reads as many whole blocks as both have.
    fn advance_with(&mut self, other: &mut Self) {
        let both = self.blocks.len().min(other.blocks.len());
        let (own, own_rest) = self.blocks.split_at(both);
        let (others, others_rest) = other.blocks.split_at(both);
        let [a, b, c, d] = self.state;
        let [e, f, g, h] = other.state;
        let mut state = [Pair(a, e), Pair(b, f), Pair(c, g), Pair(d, h)];
        for (own, other) in own.iter().zip(others) {
            state = compress(state, |number| Pair(word(own, number), word(other, number)));
        }
        self.state = state.map(|pair| pair.0);
        other.state = state.map(|pair| pair.1);
        (self.blocks, other.blocks) = (own_rest, others_rest);
    }

    /// Its hash, once all of its whole blocks were read.
    fn hash(&self) -> Option<[u8; 16]> {
        if !self.blocks.is_empty() {
            return None;
        }
        let mut state = self.state;
        for block in self.end.iter().take(self.end_blocks) {
            state = compress(state, |number| word(block, number));
        }
        let mut hash = [0; 16];
        let (words, _) = hash.as_chunks_mut();
        for (place, word) in words.iter_mut().zip(state) {
            *place = word.to_le_bytes();
        }
        Some(hash)
    }
}

/// A word of one sequence, or one of each of two.
trait Word: Copy {
    fn each(self, change: impl Fn(u32) -> u32) -> Self;

    fn plus(self, other: Self) -> Self;

    fn mixed(self, c: Self, d: Self, mix: impl Fn(u32, u32, u32) -> u32) -> Self;
}

impl Word for u32 {
    #[inline]
    fn each(self, change: impl Fn(u32) -> u32) -> Self {
        change(self)
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline]
    fn mixed(self, c: Self, d: Self, mix: impl Fn(u32, u32, u32) -> u32) -> Self {
        mix(self, c, d)
    }
}

/// Two fields, for an array of two is computed as one number of 64 bits, which takes longer.
#[derive(Debug, Clone, Copy)]
struct Pair(u32, u32);

impl Word for Pair {
    #[inline]
    fn each(self, change: impl Fn(u32) -> u32) -> Self {
        Self(change(self.0), change(self.1))
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0), self.1.wrapping_add(other.1))
    }

    #[inline]
    fn mixed(self, c: Self, d: Self, mix: impl Fn(u32, u32, u32) -> u32) -> Self {
        Self(mix(self.0, c.0, d.0), mix(self.1, c.1, d.1))
    }
}

/// Steps of a round: for each the number of the block's word, how far is rotated, and what is added.
macro_rules! steps {
    ($a:ident $b:ident $c:ident $d:ident, $words:ident, $mix:expr; $($word:literal $by:literal $add:literal,)*) => {
        $(
            let word: W = $words($word);
            let sum = $a.plus(word.each(|word| word.wrapping_add($add)));
            let sum = sum.plus($b.mixed($c, $d, $mix));
            let turned = sum.each(|sum| sum.rotate_left($by));
            ($a, $b, $c, $d) = ($d, turned.plus($b), $b, $c);
        )*
    };
}

/// The state after one more block (RFC 1321, 3.4).
#[inline]
fn compress<W: Word>(state: [W; 4], words: impl Fn(usize) -> W) -> [W; 4] {
    let [mut a, mut b, mut c, mut d] = state;
    steps!(a b c d, words, |b, c, d| d ^ (b & (c ^ d));
        0 7 0xd76a_a478,
        1 12 0xe8c7_b756,
        2 17 0x2420_70db,
        3 22 0xc1bd_ceee,
        4 7 0xf57c_0faf,
        5 12 0x4787_c62a,
        6 17 0xa830_4613,
        7 22 0xfd46_9501,
        8 7 0x6980_98d8,
        9 12 0x8b44_f7af,
        10 17 0xffff_5bb1,
        11 22 0x895c_d7be,
        12 7 0x6b90_1122,
        13 12 0xfd98_7193,
        14 17 0xa679_438e,
        15 22 0x49b4_0821,
    );
    steps!(a b c d, words, |b, c, d| (b & d).wrapping_add(c & !d);
        1 5 0xf61e_2562,
        6 9 0xc040_b340,
        11 14 0x265e_5a51,
        0 20 0xe9b6_c7aa,
        5 5 0xd62f_105d,
        10 9 0x0244_1453,
        15 14 0xd8a1_e681,
        4 20 0xe7d3_fbc8,
        9 5 0x21e1_cde6,
        14 9 0xc337_07d6,
        3 14 0xf4d5_0d87,
        8 20 0x455a_14ed,
        13 5 0xa9e3_e905,
        2 9 0xfcef_a3f8,
        7 14 0x676f_02d9,
        12 20 0x8d2a_4c8a,
    );
    steps!(a b c d, words, |b, c, d| b ^ c ^ d;
        5 4 0xfffa_3942,
        8 11 0x8771_f681,
        11 16 0x6d9d_6122,
        14 23 0xfde5_380c,
        1 4 0xa4be_ea44,
        4 11 0x4bde_cfa9,
        7 16 0xf6bb_4b60,
        10 23 0xbebf_bc70,
        13 4 0x289b_7ec6,
        0 11 0xeaa1_27fa,
        3 16 0xd4ef_3085,
        6 23 0x0488_1d05,
        9 4 0xd9d4_d039,
        12 11 0xe6db_99e5,
        15 16 0x1fa2_7cf8,
        2 23 0xc4ac_5665,
    );
    steps!(a b c d, words, |b, c, d| c ^ (b | !d);
        0 6 0xf429_2244,
        7 10 0x432a_ff97,
        14 15 0xab94_23a7,
        5 21 0xfc93_a039,
        12 6 0x655b_59c3,
        3 10 0x8f0c_cc92,
        10 15 0xffef_f47d,
        1 21 0x8584_5dd1,
        8 6 0x6fa8_7e4f,
        15 10 0xfe2c_e6e0,
        6 15 0xa301_4314,
        13 21 0x4e08_11a1,
        4 6 0xf753_7e82,
        11 10 0xbd3a_f235,
        2 15 0x2ad7_d2bb,
        9 21 0xeb86_d391,
    );
    let [old_a, old_b, old_c, old_d] = state;
    [a.plus(old_a), b.plus(old_b), c.plus(old_c), d.plus(old_d)]
}

/// A word of a block, the first byte in the lowest bits.
#[inline]
fn word(block: &[u8; BLOCK], number: usize) -> u32 {
    let (words, _) = block.as_chunks();
    words
        .get(number)
        .map_or(0, |word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 7_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn any_length_has_the_hash_that_others_compute() {
        let bytes = noise(1000);
        let all: Vec<&[u8]> = (0..=bytes.len())
            .map(|length| &bytes[bytes.len() - length..])
            .collect();
        // Long and short ones beside each other, in several orders and numbers.
        let mixed: Vec<&[u8]> = (0..all.len()).map(|at| all[at * 617 % all.len()]).collect();
        for sequences in [
            &all[..],
            &mixed[..],
            &mixed[..1],
            &mixed[..2],
            &mixed[..3],
            &[],
        ] {
            let hashes = md5_of_each(sequences, || true);
            assert_eq!(hashes.len(), sequences.len());
            for (hash, bytes) in hashes.iter().zip(sequences) {
                let expected: [u8; 16] = Md5::digest(bytes).into();
                assert_eq!(*hash, Some(expected), "{} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn what_is_not_begun_has_no_hash() {
        let bytes = noise(300);
        for allowed in 0..5 {
            let mut left = allowed;
            let hashes = md5_of_each(&[&bytes[..], &[], &bytes[..65], &bytes[..64]], || {
                let go_on = left > 0;
                left -= i32::from(go_on);
                go_on
            });
            let begun = hashes.iter().take_while(|hash| hash.is_some()).count();
            assert_eq!(begun, allowed.min(4) as usize);
            assert!(hashes[begun..].iter().all(Option::is_none));
        }
    }
}
