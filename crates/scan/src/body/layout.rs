//! The numbers of the body pattern sections, shared by their reader and the compiler. What they
//! mean is described in `docs/patterns-format.md`; all integers are little-endian.

/// The version of both sections, their first four bytes.
pub const BODY_VERSION: u32 = 7;
/// Rows of the table of targets: one for each number of [`crate::Target`].
pub const TARGETS: usize = 15;
/// Bytes before the table of targets.
pub const HEADER_BYTES: usize = 16;
/// Bytes of one row of the table of targets.
pub const TARGET_BYTES: usize = 256;
/// Bytes of one lane inside a row.
pub const LANE_BYTES: usize = 48;
/// Words of the tiny lane's filter: a bit for each two bytes that a literal begins with, in any case.
pub const PAIR_WORDS: usize = 1024;
/// The least and the most words of the filter of triples, as powers of two: a bit for each three bytes
/// at an even position that a literal of the lanes which look at each position can show.
pub const TRIPLE_LOG2: std::ops::RangeInclusive<u32> = 7..=14;
/// Where the filter of triples stands in a row.
pub const TRIPLES_AT: usize = ANCHORS_AT + 48;
/// Where the lanes end inside a row, and the anchors begin.
pub const ANCHORS_AT: usize = LANE_BYTES * Lane::ALL.len();
/// Bytes of one guard: signature, part, distance, pattern.
pub const GUARD_BYTES: usize = 16;
/// Bytes of one entry of an anchor: tag and guard.
pub const ENTRY_BYTES: usize = 8;
/// Bytes of one entry of a lane: tag, surroundings and guard.
pub const LANE_ENTRY_BYTES: usize = 12;
/// Bytes of a file that an entry's surroundings look at.
pub const SURROUNDINGS: usize = 16;
/// Bytes of one anchor.
pub const ANCHOR_BYTES: usize = 24;
/// A guard's distance when it is not known where its part begins.
pub const UNKNOWN_DISTANCE: u32 = u32::MAX;
/// Bytes that an anchor compares, at most.
pub const ANCHOR_WINDOW: usize = 4;
/// An anchor without a fixed byte has this tag in its entries.
pub const NO_TAG: u32 = u32::MAX;
const NO_TAG_BIT: u32 = 1 << 31;
/// Parts of one pattern.
pub const MAX_PARTS: usize = 1024;
/// Subsignatures of one logical signature, as ClamAV has it.
pub const MAX_SUBSIGNATURES: usize = 64;
/// Nodes of one logical expression.
pub const MAX_LOGIC_NODES: usize = 1024;
/// Expressions inside each other.
pub const MAX_LOGIC_DEPTH: usize = 256;

/// A way to look for windows: how many bytes are looked at, at which positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Eight bytes at each sampled position (see [`is_sampled`]): literals that have one.
    Long = 0,
    /// Four bytes at each fourth position: other literals of 7 bytes and more.
    Middle = 1,
    /// Four bytes at each position: literals of 4 to 6 bytes.
    Short = 2,
    /// Two bytes at each position: literals of 2 and 3 bytes.
    Tiny = 3,
}

impl Lane {
    /// All of them; each stands at its number.
    pub const ALL: [Self; 4] = [Self::Long, Self::Middle, Self::Short, Self::Tiny];

    /// Bytes of a window.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Long => 8,
            Self::Middle | Self::Short => 4,
            Self::Tiny => 2,
        }
    }

    /// Windows of a guard, at positions that follow each other: one of them stands where the lane looks.
    #[must_use]
    pub const fn windows(self) -> usize {
        match self {
            Self::Middle => 4,
            Self::Long | Self::Short | Self::Tiny => 1,
        }
    }

    /// Whether the lane looks at each position.
    #[must_use]
    pub const fn is_everywhere(self) -> bool {
        matches!(self, Self::Short | Self::Tiny)
    }

    /// The shortest literal that always holds a window, where there is one at all.
    #[must_use]
    pub const fn literal(self) -> usize {
        self.width() + self.windows() - 1
    }

    /// The lane for a literal of so many bytes without a sampled position, if it is long enough for one.
    #[must_use]
    pub const fn of(literal: usize) -> Option<Self> {
        match literal {
            0 | 1 => None,
            2 | 3 => Some(Self::Tiny),
            4..=6 => Some(Self::Short),
            _ => Some(Self::Middle),
        }
    }
}

/// What the difference of two bytes must be, modulo four, where a window of the long lane begins: the
/// value that clean files hold least often (12 % of the positions of ELF files, 18 of PE, 19 of Python, 21 of
/// web pages). Runs of one byte have none.
pub const SAMPLED: u8 = 2;

/// Whether a window of the long lane begins at two bytes, in any case.
#[must_use]
#[inline]
pub const fn is_sampled(first: u8, second: u8) -> bool {
    first.wrapping_sub(second) & 3 == SAMPLED
}

/// What is looked for is compared without regard to this bit of each byte, so that one filter
/// serves patterns with and without regard to case.
pub const FOLD: u64 = 0x2020_2020_2020_2020;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const TRIPLE_FOLD: u32 = 0x2020_2000;
const TRIPLE_MULTIPLIER: u32 = 0x9e37_79b1;

/// The hash of a window of up to eight bytes, taken as a little-endian integer.
#[must_use]
#[inline]
pub const fn window_hash(window: u64) -> u64 {
    let mixed = (window | FOLD).wrapping_mul(MULTIPLIER);
    (mixed ^ (mixed >> 29)).wrapping_mul(MULTIPLIER)
}

/// The hash of those of sixteen bytes, taken as two little-endian integers, whose bits are set in the
/// mask, the first byte's the lowest. Case does not count.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the upper bits of the hash are taken, and the lower half of the mask"
)]
pub const fn surroundings_hash(low: u64, high: u64, mask: u16) -> u16 {
    let low = ((low | FOLD) & bytes_of(mask as u8)).wrapping_mul(MULTIPLIER);
    let high = (high | FOLD) & bytes_of((mask >> 8) as u8);
    let mixed = (low ^ (low >> 29) ^ high).wrapping_mul(MULTIPLIER);
    (mixed >> 48) as u16
}

/// Eight bytes, each with all bits set if its bit is.
#[inline]
const fn bytes_of(mask: u8) -> u64 {
    const LOWEST: u64 = 0x0101_0101_0101_0101;
    const OWN_BIT: u64 = 0x8040_2010_0804_0201;
    const TOP: u64 = 0x8080_8080_8080_8080;
    let own = (mask as u64 * LOWEST) & OWN_BIT;
    // Adding carries any bit of a byte into its top one, and no further.
    let top = (((own & !TOP) + !TOP) | own) & TOP;
    (top >> 7) * 0xff
}

/// The hash of the bytes of an anchor, at most [`ANCHOR_WINDOW`] of them.
#[must_use]
#[inline]
pub fn anchor_hash(bytes: &[u8]) -> u64 {
    // Nearly all have as many as there may be.
    if let Ok(four) = <[u8; ANCHOR_WINDOW]>::try_from(bytes) {
        return window_hash(u32::from_le_bytes(four).into());
    }
    let window = bytes.iter().rev();
    window_hash(window.fold(0, |window, byte| window << 8 | u64::from(*byte)))
}

/// Which bit of the filter of triples three bytes have, without regard to case, as the highest of 32
/// bits: the bytes are the lower three of a little-endian integer.
#[must_use]
#[inline]
pub const fn triple_hash(bytes: u32) -> u32 {
    (bytes << 8 | TRIPLE_FOLD).wrapping_mul(TRIPLE_MULTIPLIER)
}

/// The window's two bits in its word of a filter's first half.
#[must_use]
#[inline]
pub const fn filter_bits(hash: u64) -> u64 {
    (1 << (hash & 63)) | (1 << ((hash >> 6) & 63))
}

/// The window's two bits in its word of a filter's second half.
#[must_use]
#[inline]
pub const fn second_bits(hash: u64) -> u64 {
    filter_bits(hash >> 12)
}

/// The window's word of a filter's second half with `words` words, a power of two.
#[must_use]
#[inline]
pub const fn second_word(hash: u64, words: usize) -> usize {
    (hash >> 28) as usize & words.saturating_sub(1)
}

/// The window's word of a filter's first half with `1 << log2` words.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "files are smaller than memory"
)]
pub const fn filter_word(hash: u64, log2: u32) -> usize {
    if log2 == 0 {
        0
    } else {
        (hash >> (64 - log2)) as usize
    }
}

/// The window's tag in its bucket.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a tag is some bits of the hash"
)]
pub const fn lane_tag(hash: u64) -> u16 {
    (hash >> 12) as u16
}

/// The tag of an anchor's bytes.
#[must_use]
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a tag is some bits of the hash"
)]
pub const fn tag(hash: u64) -> u32 {
    (hash >> 8) as u32 & !NO_TAG_BIT
}

/// Where a pattern may begin.
pub mod offset {
    pub const ANY: u8 = 0;
    pub const ABSOLUTE: u8 = 1;
    pub const END_MINUS: u8 = 2;
    pub const ENTRY_PLUS: u8 = 3;
    pub const ENTRY_MINUS: u8 = 4;
    pub const LAST_SECTION: u8 = 5;
    pub const SECTION: u8 = 6;
    pub const VERSION_INFO: u8 = 7;
    pub const WHOLE_SECTION: u8 = 9;
}

/// Conditions of a signature.
pub mod condition {
    pub const FILE_SIZE: u8 = 1;
    pub const ENTRY_POINT: u8 = 2;
    pub const SECTIONS: u8 = 4;
    pub const CONTAINER: u8 = 8;
    pub const INTERMEDIATES: u8 = 16;
}

/// Nodes of a logical expression, in preorder.
pub mod logic {
    pub const LEAF: u8 = 0;
    pub const LEAF_COUNT: u8 = 1;
    pub const AND: u8 = 2;
    pub const OR: u8 = 3;
    pub const AND_COUNT: u8 = 4;
    pub const OR_COUNT: u8 = 5;

    pub const EQUAL: u8 = 0;
    pub const LESS: u8 = 1;
    pub const MORE: u8 = 2;
}

/// Kinds of subsignatures.
pub mod subsignature {
    pub const PATTERNS: u8 = 0;
    pub const EXPRESSION: u8 = 1;
    pub const COMPARISON: u8 = 2;
}

/// What stands before or behind a part.
pub mod marker {
    pub const BOUNDARY_LEFT: u16 = 1;
    pub const BOUNDARY_RIGHT: u16 = 2;
    pub const BOUNDARY_RIGHT_NOT: u16 = 4;
    pub const LINE_LEFT: u16 = 8;
    pub const LINE_RIGHT: u16 = 16;
    pub const LINE_RIGHT_NOT: u16 = 32;
    pub const WORD_LEFT: u16 = 64;
    pub const WORD_RIGHT: u16 = 128;
    pub const WORD_RIGHT_NOT: u16 = 256;
    /// Characters take two bytes.
    pub const WIDE: u16 = 512;
    pub const CHARACTER_LEFT: u16 = 1024;
    pub const CHARACTER_RIGHT: u16 = 2048;
}

/// Steps of a part's program.
pub mod step {
    /// A number of bytes, then these bytes.
    pub const BYTES: u8 = 0;
    /// The same in lower case; the file's letters may have either.
    pub const LETTERS: u8 = 1;
    /// A number of bytes that may be anything.
    pub const SKIP: u8 = 2;
    /// A number of bytes, then a value and a mask for each.
    pub const MASKED: u8 = 3;
    /// One of some strings: a number of them, for each a number of bytes, then values and masks.
    pub const ALTERNATIVES: u8 = 4;
    /// Anything as long as one of the strings, but none of them.
    pub const NONE_OF: u8 = 5;
    /// A character that bounds words; then 1 if it must be none.
    pub const BOUNDARY: u8 = 6;
    /// The end of a line; then 1 if it must be none.
    pub const LINE: u8 = 7;
    /// A character that is no letter or digit; then 1 if it must be one.
    pub const WORD: u8 = 8;
}

/// How the matches of a part are looked for.
pub mod hint {
    pub const NONE: u8 = 0;
    /// Bytes as they stand.
    pub const BYTES: u8 = 1;
    /// One letter in either case.
    pub const LETTER: u8 = 2;
}

/// Flags of a Perl-compatible expression.
pub mod expression {
    pub const GLOBAL: u16 = 1;
    pub const ROLLING: u16 = 2;
    pub const ENCOMPASS: u16 = 4;
    pub const CASELESS: u16 = 8;
    pub const DOT_ALL: u16 = 16;
    pub const MULTI_LINE: u16 = 32;
    pub const EXTENDED: u16 = 64;
    pub const ANCHORED: u16 = 128;
    pub const END_ONLY: u16 = 256;
    pub const UNGREEDY: u16 = 512;
}

/// Flags of a byte comparison.
pub mod comparison {
    pub const HEXADECIMAL: u8 = 1;
    pub const DECIMAL: u8 = 2;
    pub const BINARY: u8 = 4;
    pub const AUTOMATIC: u8 = 8;
    pub const LITTLE_ENDIAN: u8 = 16;
    pub const EXACT: u8 = 32;
}
