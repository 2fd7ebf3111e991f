//! Which runs of four bytes a file holds, so that most searches for what is not in it need not read
//! it once more.

/// Searches of one file before its runs are noted: fewer are done sooner than that.
const SEARCHES: u32 = 8;
/// Files of fewer bytes are searched at once.
const LEAST_BYTES: usize = 1 << 12;
/// Of larger files the table would be full.
const MOST_BYTES: usize = 16 << 20;
/// Words of the table at least and at most, as powers of two: up to 256 KiB.
const LOG2: std::ops::RangeInclusive<u32> = 8..=15;
/// Bytes of a run.
const RUN: usize = 4;
const MULTIPLIER: u32 = 0x9e37_79b1;

/// A bit for the hash of each run at a multiple of four bytes.
#[derive(Debug, Default)]
pub(super) struct Quads {
    bits: Vec<u64>,
    searches: u32,
}

impl Quads {
    /// For another file.
    pub(super) fn clear(&mut self) {
        self.bits.clear();
        self.searches = 0;
    }

    /// Before the file is searched for some bytes.
    pub(super) fn searching(&mut self, file: &[u8]) {
        if !(LEAST_BYTES..=MOST_BYTES).contains(&file.len()) {
            return;
        }
        self.searches = self.searches.saturating_add(1);
        if self.searches == SEARCHES {
            self.note(file);
        }
    }

    fn note(&mut self, file: &[u8]) {
        let words = (file.len() / u64::BITS as usize).next_power_of_two();
        let log2 = words.trailing_zeros().clamp(*LOG2.start(), *LOG2.end());
        self.bits.resize(1 << log2, 0);
        let (runs, _) = file.as_chunks::<RUN>();
        for run in runs {
            let (word, bit) = place(*run, log2);
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// Whether the file may hold these bytes: wherever they begin, some of their runs stand at
    /// multiples of four.
    pub(super) fn may_hold(&self, bytes: &[u8]) -> bool {
        if self.bits.is_empty() || bytes.len() < 2 * RUN - 1 {
            return true;
        }
        let log2 = self.bits.len().trailing_zeros();
        (0..RUN).any(|before| {
            let (runs, _) = bytes.get(before..).unwrap_or_default().as_chunks::<RUN>();
            runs.iter().all(|run| {
                let (word, bit) = place(*run, log2);
                self.bits.get(word).is_some_and(|word| word & bit != 0)
            })
        })
    }
}

/// A run's word in a table of `1 << log2` words, and its bit there.
#[inline]
const fn place(run: [u8; RUN], log2: u32) -> (usize, u64) {
    let hash = u32::from_le_bytes(run).wrapping_mul(MULTIPLIER);
    let place = hash >> (32 - 6 - log2);
    ((place >> 6) as usize, 1 << (place & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &[u8]) -> Quads {
        let mut quads = Quads::default();
        for _ in 0..SEARCHES {
            quads.searching(file);
        }
        quads
    }

    fn noise() -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(10_001).collect()
    }

    #[test]
    fn whatever_a_file_holds_may_be_held() {
        let file = noise();
        let quads = of(&file);
        assert!(!quads.bits.is_empty());
        for length in 1..40 {
            for start in 0..file.len() - length {
                assert!(quads.may_hold(&file[start..start + length]));
            }
        }
    }

    #[test]
    fn most_of_what_a_file_lacks_is_told() {
        let mut quads = of(&noise());
        let strange: Vec<[u8; 16]> = (0..=255_u8).map(|byte| [byte; 16]).collect();
        let held = strange
            .iter()
            .filter(|bytes| quads.may_hold(*bytes))
            .count();
        assert!(held < 64, "{held}");
        quads.clear();
        assert!(strange.iter().all(|bytes| quads.may_hold(bytes)));
    }
}
