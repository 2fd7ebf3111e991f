//! The container of definitions: header, section table, pages, tree of hashes, signature. It
//! knows nothing of what the sections mean.

use std::fmt;
use std::ops::Range;

use model::DefinitionRevision;

use super::DefinitionsError;
use super::bytes::{slice, u16_at, u32_at, u64_at};
use super::layout::{
    HASH_BYTES, MAGIC, MAX_SECTIONS, PAGE_BYTES, SECTION_BYTES, SECTION_REQUIRED, SECTION_TABLE,
    SectionKind, TRAILER_BYTES, TRAILER_MAGIC, VERSION, file_length, root_hash, signed_message,
};
use super::pages::{Pages, Section};
use crate::key::{PublicKey, TrustedKeys};

/// When the pages of a definitions file are compared with the tree of hashes. The signature over
/// the tree and the header page are checked at once, whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyMode {
    /// Every page when the file is opened.
    EveryPage,
    /// Each page when it is first read, so that opening takes no longer for a larger file. For
    /// bytes that nobody changes while they are in use: a sealed memory file, or a file that only
    /// its reader and root may write. A page that is not what was signed is never used; a scan
    /// that came upon one says so ([`model::verdict::Remark::DefinitionsDamaged`]).
    WhenTouched,
    /// No page but the header's: for bytes whose every page was checked before, and that nobody
    /// could change since (a sealed memory file).
    HeaderPage,
}

/// A definitions file whose structure and signature were checked.
pub struct DefinitionsFile {
    pages: Pages,
    revision: DefinitionRevision,
    signer: PublicKey,
    sections: Vec<(SectionKind, Range<usize>)>,
}

impl DefinitionsFile {
    /// Checks structure, signature and pages, in this order: what isn't signed by a trusted key is
    /// read no further.
    ///
    /// # Errors
    /// One variant for each way in which the file may be unusable.
    pub fn open(
        bytes: impl AsRef<[u8]> + Send + Sync + 'static,
        trusted: &TrustedKeys,
        verify: VerifyMode,
    ) -> Result<Self, DefinitionsError> {
        let file = bytes.as_ref();
        let header = Header::read(file, file.len() as u64)?;
        let (hashes, trailer) = tree_and_trailer(file, header.pages)?;
        let signer = check_signature(header.pages, hashes, trailer, trusted)?;
        let mut pages = Pages::unchecked(Box::new(bytes), header.pages);
        let sections = header.sections(pages.range(0..PAGE_BYTES)?)?;
        match verify {
            VerifyMode::EveryPage => {
                pages.check_all()?;
                pages.trust();
            }
            VerifyMode::WhenTouched => {}
            VerifyMode::HeaderPage => pages.trust(),
        }
        Ok(Self {
            pages,
            revision: header.revision,
            signer,
            sections,
        })
    }

    /// The revision of the set.
    #[must_use]
    pub const fn revision(&self) -> DefinitionRevision {
        self.revision
    }

    /// The key that signed it, which is one of the trusted.
    #[must_use]
    pub const fn signer(&self) -> PublicKey {
        self.signer
    }

    /// All bytes of a section; empty when the file has none of this kind. For sections that are
    /// read whole anyway: with [`VerifyMode::WhenTouched`] all its pages are compared here.
    ///
    /// # Errors
    /// When a page of it was altered.
    pub fn section(&self, kind: SectionKind) -> Result<&[u8], DefinitionsError> {
        self.pages(kind).whole()
    }

    /// A section to be read in part.
    #[must_use]
    pub fn pages(&self, kind: SectionKind) -> Section<'_> {
        self.sections
            .iter()
            .find(|(have, _)| *have == kind)
            // Sections lie within the file: that was compared when it was opened.
            .and_then(|(_, range)| Section::new(&self.pages, range.start, range.len()))
            .unwrap_or(Section::plain(&[]))
    }

    /// Where in the file a section lies; empty when there is none of this kind.
    pub(super) fn place(&self, kind: SectionKind) -> Range<usize> {
        let found = self.sections.iter().find(|(have, _)| *have == kind);
        found.map_or(0..0, |(_, range)| range.clone())
    }

    /// Whether a page was asked for that is not what was signed. It was not used.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.pages.is_damaged()
    }

    /// The kinds of sections that there are and that this program knows, with their bytes, in the
    /// order of the file.
    pub fn sections(&self) -> impl Iterator<Item = (SectionKind, usize)> {
        self.sections
            .iter()
            .map(|(kind, range)| (*kind, range.len()))
    }
}

impl fmt::Debug for DefinitionsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefinitionsFile")
            .field("revision", &self.revision)
            .field("signer", &self.signer)
            .field("sections", &self.sections)
            .finish_non_exhaustive()
    }
}

pub(super) struct Header {
    pub(super) revision: DefinitionRevision,
    pub(super) pages: u64,
    sections: usize,
}

impl Header {
    /// Reads the beginning of a file of `got` bytes: its first page, or all of it if it is shorter.
    pub(super) fn read(file: &[u8], got: u64) -> Result<Self, DefinitionsError> {
        let start = file.get(..MAGIC.len()).unwrap_or(file);
        if start.is_empty() || !MAGIC.starts_with(start) {
            return Err(DefinitionsError::NotDefinitions {
                start: hex::encode(start),
            });
        }
        let truncated = |expected| DefinitionsError::Truncated { expected, got };
        if file.len() < PAGE_BYTES {
            return Err(truncated(PAGE_BYTES as u64));
        }
        let short = || truncated(PAGE_BYTES as u64);
        let version = u16_at(file, 8).ok_or_else(short)?;
        let flags = u32_at(file, 12).ok_or_else(short)?;
        if version != VERSION || flags != 0 {
            return Err(DefinitionsError::UnsupportedVersion { version, flags });
        }
        let header = Self {
            sections: u16_at(file, 10).ok_or_else(short)?.into(),
            revision: DefinitionRevision(u64_at(file, 16).ok_or_else(short)?),
            pages: u64_at(file, 24).ok_or_else(short)?,
        };
        let stated = u64_at(file, 32).ok_or_else(short)?;
        if header.pages == 0 || file_length(header.pages) != Some(stated) {
            return Err(DefinitionsError::Malformed {
                what: "page count and file length in the header contradict each other".into(),
            });
        }
        if got < stated {
            return Err(truncated(stated));
        }
        if got > stated {
            return Err(DefinitionsError::TrailingBytes {
                expected: stated,
                got,
            });
        }
        Ok(header)
    }

    pub(super) fn sections(
        &self,
        file: &[u8],
    ) -> Result<Vec<(SectionKind, Range<usize>)>, DefinitionsError> {
        let malformed = |what: String| DefinitionsError::Malformed { what };
        if self.sections > MAX_SECTIONS {
            return Err(malformed(format!(
                "{} sections, at most {MAX_SECTIONS} fit",
                self.sections
            )));
        }
        let page = PAGE_BYTES as u64;
        let payload_end = self.pages.saturating_mul(page);
        let mut free_from = page;
        let mut sections: Vec<(SectionKind, Range<usize>)> = Vec::new();
        for index in 0..self.sections {
            let short = || malformed(format!("section {index} is not in the table"));
            let row = slice(file, SECTION_TABLE + index * SECTION_BYTES, SECTION_BYTES)
                .ok_or_else(short)?;
            let number = u32_at(row, 0).ok_or_else(short)?;
            let flags = u32_at(row, 4).ok_or_else(short)?;
            let offset = u64_at(row, 8).ok_or_else(short)?;
            let length = u64_at(row, 16).ok_or_else(short)?;
            let end = offset.checked_add(length).filter(|end| *end <= payload_end);
            let (Some(end), true, true) = (end, offset % page == 0, offset >= free_from) else {
                return Err(malformed(format!(
                    "section {index} (kind {number}) lies at {offset}, {length} bytes: expected a \
                     page boundary at or after {free_from} and an end within {payload_end}"
                )));
            };
            free_from = end;
            let Some(kind) = SectionKind::from_number(number) else {
                if flags & SECTION_REQUIRED != 0 {
                    return Err(DefinitionsError::UnknownSection { kind: number });
                }
                continue;
            };
            if sections.iter().any(|(have, _)| *have == kind) {
                return Err(malformed(format!("two sections of kind {}", kind.name())));
            }
            let outside = |_| malformed(format!("section {index} lies outside of memory"));
            let start = usize::try_from(offset).map_err(outside)?;
            sections.push((kind, start..usize::try_from(end).map_err(outside)?));
        }
        Ok(sections)
    }
}

/// The hashes of the pages, and the trailer. [`Header::read`] has compared the lengths.
fn tree_and_trailer(file: &[u8], pages: u64) -> Result<(&[u8], &[u8]), DefinitionsError> {
    let malformed = || DefinitionsError::Malformed {
        what: "the tree of hashes lies outside of the file".into(),
    };
    let pages = usize::try_from(pages).map_err(|_| malformed())?;
    let tree_at = pages.checked_mul(PAGE_BYTES).ok_or_else(malformed)?;
    let tree_bytes = pages.checked_mul(HASH_BYTES).ok_or_else(malformed)?;
    let hashes = slice(file, tree_at, tree_bytes).ok_or_else(malformed)?;
    let trailer = slice(file, tree_at + tree_bytes, TRAILER_BYTES).ok_or_else(malformed)?;
    Ok((hashes, trailer))
}

fn check_signature(
    pages: u64,
    hashes: &[u8],
    trailer: &[u8],
    trusted: &TrustedKeys,
) -> Result<PublicKey, DefinitionsError> {
    check_trailer(trailer, trusted, || root_hash(pages, hashes))
}

/// Whether a trusted key has signed the root.
pub(super) fn check_trailer(
    trailer: &[u8],
    trusted: &TrustedKeys,
    root: impl FnOnce() -> [u8; HASH_BYTES],
) -> Result<PublicKey, DefinitionsError> {
    let parts = trailer
        .split_first_chunk::<8>()
        .filter(|(magic, _)| **magic == TRAILER_MAGIC)
        .and_then(|(_, rest)| rest.split_first_chunk::<32>());
    let Some((signer, signature)) = parts else {
        return Err(DefinitionsError::Malformed {
            what: "the trailer with the signature does not begin with its mark".into(),
        });
    };
    let signer = PublicKey::from_bytes(*signer);
    if !trusted.contains(&signer) {
        return Err(DefinitionsError::SignedByStranger {
            signer,
            trusted: trusted.len(),
        });
    }
    if !signer.verifies(&signed_message(&root()), signature) {
        return Err(DefinitionsError::BadSignature { signer });
    }
    Ok(signer)
}
