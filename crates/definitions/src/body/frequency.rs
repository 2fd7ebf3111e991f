//! How often four bytes stand together in clean files, so that the compiler can look for what is
//! rare. The table is made by `cargo run --release -p definitions --example frequencies`.

use std::sync::LazyLock;

/// Rows of 28 bits for four bytes without their case bit, and 4 bits for the logarithm of how
/// often they stand in a mebibyte; sorted. What is not in it is rarer.
static TABLE: &[u8] = include_bytes!("frequencies.bin");

/// How often what is not in the table stands in a mebibyte, about.
pub(super) const RARE: f64 = 0.25;
/// Fewer than four bytes are not in the table: files hold each pair about so often.
const SHORT: f64 = 2000.0;
/// How often the rows of level 0 do.
const LEVEL_0: f64 = 2.0;

/// How often bytes stand in clean files.
#[derive(Debug, Clone)]
pub struct Frequencies {
    rows: Vec<u32>,
    /// A bit for each hash of four bytes that are in the table: most that are asked for are not.
    known: Vec<u64>,
    /// Where the rows of each pair of first bytes begin, and where the last end.
    starts: Vec<usize>,
    /// How often each pair of bytes begins four bytes of the table.
    pairs: Vec<f64>,
}

static SHIPPED: LazyLock<Frequencies> = LazyLock::new(|| Frequencies::read(TABLE));

impl Frequencies {
    /// The table that is part of this program.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a table.
    #[must_use]
    pub fn read(table: &[u8]) -> Self {
        let (rows, _) = table.as_chunks::<4>();
        let rows: Vec<u32> = rows.iter().map(|row| u32::from_le_bytes(*row)).collect();
        let mut pairs = vec![0.0; 1 << 14];
        let starts = (0..=1_u32 << 14)
            .map(|pair| rows.partition_point(|row| row >> 18 < pair))
            .collect();
        let mut known = vec![0; KNOWN_WORDS];
        for row in &rows {
            let (word, bit) = known_bit(row >> 4);
            if let Some(word) = known.get_mut(word) {
                *word |= bit;
            }
            let pair = usize::try_from(row >> 18).unwrap_or(0);
            if let Some(sum) = pairs.get_mut(pair) {
                *sum += LEVEL_0 * f64::from(1_u32 << (row & 15));
            }
        }
        Self {
            rows,
            known,
            starts,
            pairs,
        }
    }

    /// How often two bytes stand in a mebibyte of clean files before two that make them frequent.
    #[must_use]
    pub fn pair(&self, bytes: [u8; 2]) -> f64 {
        let [first, second] = bytes;
        let pair = pack([first, second, 0, 0]) >> 14;
        usize::try_from(pair)
            .ok()
            .and_then(|pair| self.pairs.get(pair))
            .copied()
            .unwrap_or(0.0)
    }

    /// Writes a table: the most frequent of what was counted over so many mebibytes.
    #[must_use]
    pub fn write(mut counted: Vec<(u32, u64)>, mebibytes: f64, most: usize) -> Vec<u8> {
        counted.sort_unstable_by_key(|(quad, count)| (std::cmp::Reverse(*count), *quad));
        counted.truncate(most);
        let mut rows: Vec<u32> = counted
            .into_iter()
            .filter_map(|(quad, count)| {
                #[expect(clippy::cast_precision_loss, reason = "a logarithm is taken of it")]
                let level = (count as f64 / mebibytes / LEVEL_0).log2();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "held between 0 and 15"
                )]
                (level >= 0.0).then(|| quad << 4 | level.min(15.0) as u32)
            })
            .collect();
        rows.sort_unstable();
        rows.into_iter().flat_map(u32::to_le_bytes).collect()
    }

    /// How often four bytes stand in a mebibyte of clean files, whatever the case.
    #[must_use]
    pub fn quad(&self, bytes: [u8; 4]) -> f64 {
        let wanted = pack(bytes);
        let (word, bit) = known_bit(wanted);
        if self.known.get(word).is_none_or(|word| word & bit == 0) {
            return RARE;
        }
        let pair = usize::try_from(wanted >> 14).unwrap_or(0);
        let bounds = self.starts.get(pair..).and_then(<[usize]>::first_chunk);
        let rows = bounds.and_then(|[from, to]| self.rows.get(*from..*to));
        let rows = rows.unwrap_or_default();
        let place = rows.partition_point(|row| row >> 4 < wanted);
        match rows.get(place) {
            Some(row) if row >> 4 == wanted => LEVEL_0 * f64::from(1_u32 << (row & 15)),
            _ => RARE,
        }
    }

    /// The same for each run of `width` bytes: no more often than the rarest four of them.
    pub fn windows<'b>(&'b self, bytes: &'b [u8], width: usize) -> impl Iterator<Item = f64> {
        let count = (bytes.len() + 1).saturating_sub(width);
        let mut quads = bytes.windows(4).filter_map(|quad| quad.try_into().ok());
        let mut read = Vec::new();
        (0..count).map(move |at| {
            let Some(more) = width.checked_sub(3).filter(|more| *more > 0) else {
                return SHORT;
            };
            let missing = (at + more).saturating_sub(read.len());
            read.extend(quads.by_ref().take(missing).map(|quad| self.quad(quad)));
            let own = read.get(at..).unwrap_or_default();
            own.iter().copied().fold(f64::INFINITY, f64::min)
        })
    }
}

/// Words of [`Frequencies::known`]: 64 KiB, sixteen bits for each row of the table that is shipped.
const KNOWN_WORDS: usize = 1 << 13;

/// Where the bit of four bytes stands.
const fn known_bit(packed: u32) -> (usize, u64) {
    let hash = packed.wrapping_mul(0x9e37_79b1) >> 13;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Four bytes in 28 bits, without the bit that tells upper from lower case.
#[must_use]
pub fn pack(bytes: [u8; 4]) -> u32 {
    bytes.into_iter().fold(0, |packed, byte| {
        packed << 7 | u32::from(byte & 0x1f) | u32::from(byte & 0xc0) >> 1
    })
}
