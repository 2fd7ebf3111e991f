//! The numbers of the rules, names and families sections.
//!
//! A rule's name is a family (text with one mark in it) and a number that stands at the mark: most
//! names of a large set differ from others in digits alone. Both are cold: read for a match only.

/// Bytes of the header of the rules section.
pub const HEADER_BYTES: usize = 32;
/// Rules of one block of names.
pub const BLOCK_RULES: usize = 1024;
/// Bytes of one rule in an unpacked block: type and maturity (1), family (3), number (4).
pub const RULE_BYTES: usize = 8;
/// Families of one block.
pub const BLOCK_FAMILIES: usize = 64;
/// Bytes of a rule's name.
pub const MAX_NAME_BYTES: usize = 512;
/// Families have numbers below this.
pub const MAX_FAMILIES: usize = 1 << 24;
/// In a family: here stands the number.
pub const MARK: u8 = 0;
/// Bytes of an unpacked block of families, at most: lengths, and text.
pub const FAMILY_BLOCK_BYTES: usize = BLOCK_FAMILIES * (2 + MAX_NAME_BYTES);
