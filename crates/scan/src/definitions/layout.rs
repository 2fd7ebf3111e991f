//! The numbers of the definitions format, shared by its reader and its writer. The format itself
//! is described in `docs/definitions-format.md`; all integers are little-endian.

pub mod hashes;
pub mod rules;

use crate::key::PublicKey;

/// The first eight bytes. The first is no ASCII and the line ends would be changed by a transfer
/// in text mode, so that such damage is seen at once.
pub const MAGIC: [u8; 8] = *b"\x89GDEF\r\n\x1a";
/// The version of the format that this program reads and writes.
pub const VERSION: u16 = 2;
/// The header is page 0; sections begin at page boundaries; each page has a hash.
pub const PAGE_BYTES: usize = 4096;
/// Where the section table begins in the header page.
pub const SECTION_TABLE: usize = 64;
/// Bytes of one row of the section table.
pub const SECTION_BYTES: usize = 32;
/// Rows that fit into the header page.
pub const MAX_SECTIONS: usize = (PAGE_BYTES - SECTION_TABLE) / SECTION_BYTES;
/// Section flag: a reader that doesn't know this kind must refuse the file.
pub const SECTION_REQUIRED: u32 = 1;
/// Bytes of one hash in the tree.
pub const HASH_BYTES: usize = 32;
/// The first eight bytes of the trailer.
pub const TRAILER_MAGIC: [u8; 8] = *b"GDEFSIG1";
/// Trailer: magic, public key (32 bytes), signature (64 bytes).
pub const TRAILER_BYTES: usize = 8 + 32 + 64;
/// BLAKE3 key-derivation context for the hash of a page.
pub const PAGE_CONTEXT: &str = "garrison definitions 1: page";
/// BLAKE3 key-derivation context for the root.
pub const ROOT_CONTEXT: &str = "garrison definitions 1: root";
/// What is signed: these bytes and then the root.
pub const SIGNATURE_DOMAIN: &[u8] = b"garrison definitions 1: signature\0";
/// What the YARA sections were compiled by and can be loaded by. yara-x promises nothing across
/// its versions, and wasmtime nothing across its own.
pub const YARA_ENGINE: &str = "yara-x 1.22 pulley 48 sizes";

/// The kinds of sections that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum SectionKind {
    /// Rule records.
    Rules = 1,
    /// The names that rule records point into, UTF-8.
    Names = 2,
    /// Hash tables over whole files: MD5, SHA-1, SHA-256.
    Md5 = 3,
    Sha1 = 4,
    Sha256 = 5,
    /// Which groups of YARA rules there are.
    Yara = 6,
    /// Patterns of names, which name blocks point into.
    Families = 7,
    /// Hash tables over sections of PE files.
    SectionMd5 = 8,
    SectionSha1 = 9,
    SectionSha256 = 10,
    /// Hash tables over the imports of PE files.
    ImportMd5 = 11,
    ImportSha1 = 12,
    ImportSha256 = 13,
    /// Hash tables over files that nothing is reported of.
    AllowedMd5 = 14,
    AllowedSha1 = 15,
    AllowedSha256 = 16,
    /// Byte patterns: what is read for each file.
    Patterns = 20,
    /// Byte patterns: what is read once they may match.
    PatternPrograms = 21,
    /// The groups of compiled YARA rules, in the order of the index.
    YaraGroup0 = 40,
    YaraGroup1 = 41,
    YaraGroup2 = 42,
    YaraGroup3 = 43,
    YaraGroup4 = 44,
    YaraGroup5 = 45,
    YaraGroup6 = 46,
    YaraGroup7 = 47,
    YaraGroup8 = 48,
    YaraGroup9 = 49,
}

impl SectionKind {
    /// The sections of groups of YARA rules.
    pub const YARA_GROUPS: [Self; 10] = [
        Self::YaraGroup0,
        Self::YaraGroup1,
        Self::YaraGroup2,
        Self::YaraGroup3,
        Self::YaraGroup4,
        Self::YaraGroup5,
        Self::YaraGroup6,
        Self::YaraGroup7,
        Self::YaraGroup8,
        Self::YaraGroup9,
    ];
    const KNOWN: [(Self, &'static str); 28] = [
        (Self::Rules, "rules"),
        (Self::Names, "names"),
        (Self::Md5, "md5"),
        (Self::Sha1, "sha1"),
        (Self::Sha256, "sha256"),
        (Self::Yara, "yara"),
        (Self::Families, "families"),
        (Self::SectionMd5, "section_md5"),
        (Self::SectionSha1, "section_sha1"),
        (Self::SectionSha256, "section_sha256"),
        (Self::ImportMd5, "import_md5"),
        (Self::ImportSha1, "import_sha1"),
        (Self::ImportSha256, "import_sha256"),
        (Self::AllowedMd5, "allowed_md5"),
        (Self::AllowedSha1, "allowed_sha1"),
        (Self::AllowedSha256, "allowed_sha256"),
        (Self::Patterns, "patterns"),
        (Self::PatternPrograms, "pattern_programs"),
        (Self::YaraGroup0, "yara_group_0"),
        (Self::YaraGroup1, "yara_group_1"),
        (Self::YaraGroup2, "yara_group_2"),
        (Self::YaraGroup3, "yara_group_3"),
        (Self::YaraGroup4, "yara_group_4"),
        (Self::YaraGroup5, "yara_group_5"),
        (Self::YaraGroup6, "yara_group_6"),
        (Self::YaraGroup7, "yara_group_7"),
        (Self::YaraGroup8, "yara_group_8"),
        (Self::YaraGroup9, "yara_group_9"),
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::KNOWN
            .iter()
            .map(|(kind, _)| *kind)
            .find(|kind| kind.number() == number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::KNOWN
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }
}

/// The hash of one page (4,096 bytes).
#[must_use]
pub fn page_hash(page: &[u8]) -> [u8; HASH_BYTES] {
    blake3::derive_key(PAGE_CONTEXT, page)
}

/// The root over the hashes of all pages, in order.
#[must_use]
pub fn root_hash(pages: u64, hashes: &[u8]) -> [u8; HASH_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key(ROOT_CONTEXT);
    hasher.update(&pages.to_le_bytes());
    hasher.update(hashes);
    *hasher.finalize().as_bytes()
}

/// What is signed for a root.
#[must_use]
pub fn signed_message(root: &[u8; HASH_BYTES]) -> Vec<u8> {
    [SIGNATURE_DOMAIN, root.as_slice()].concat()
}

/// The trailer.
#[must_use]
pub fn trailer(signer: &PublicKey, signature: &[u8; 64]) -> Vec<u8> {
    [
        TRAILER_MAGIC.as_slice(),
        signer.as_bytes().as_slice(),
        signature.as_slice(),
    ]
    .concat()
}

/// The file's length in bytes for a number of pages.
#[must_use]
pub fn file_length(pages: u64) -> Option<u64> {
    pages
        .checked_mul((PAGE_BYTES + HASH_BYTES) as u64)?
        .checked_add(TRAILER_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_under_its_number() {
        for (kind, name) in SectionKind::KNOWN {
            assert_eq!(SectionKind::from_number(kind.number()), Some(kind));
            assert_eq!(kind.name(), name);
        }
        assert_eq!(SectionKind::from_number(0), None);
    }
}
