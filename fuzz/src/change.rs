//! Changes to seeds that are the same each time, for short rounds.

/// Numbers that follow from a seed (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Starts from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next one.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// One below `end`, which is not zero.
    pub const fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Numbers that sizes and counts are compared with.
const EDGES: [u32; 8] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
];

/// One to eight changes; the result is not longer than `most_bytes`.
pub fn change(bytes: &mut Vec<u8>, words: &[&str], most_bytes: usize, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(8) {
        if bytes.is_empty() {
            bytes.push(numbers.next() as u8);
        }
        let at = numbers.below(bytes.len());
        match numbers.below(9) {
            0 => bytes[at] = numbers.next() as u8,
            1 => bytes[at] ^= 1 << numbers.below(8),
            2 if numbers.below(4) == 0 => bytes.truncate(at),
            3 => {
                let end = (at + 1 + numbers.below(32)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + 1 + numbers.below(64)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len());
                bytes.splice(to..to, copied);
            }
            5 => {
                let edge = EDGES[numbers.below(EDGES.len())].to_le_bytes();
                let width = [1, 2, 4][numbers.below(3)];
                for (place, byte) in bytes.iter_mut().skip(at).zip(&edge[..width]) {
                    *place = *byte;
                }
            }
            6 => bytes[at] = bytes[at].wrapping_add(1),
            7 => bytes[at] = bytes[at].wrapping_sub(1),
            _ if !words.is_empty() => {
                let word = words[numbers.below(words.len())].bytes();
                bytes.splice(at..at, word);
            }
            _ => bytes.insert(at, numbers.next() as u8),
        }
    }
    bytes.truncate(most_bytes);
}
