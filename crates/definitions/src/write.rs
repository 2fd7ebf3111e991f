//! Lays sections out in pages, and hashes them.

use model::DefinitionRevision;
use scan::layout::{
    HASH_BYTES, MAGIC, MAX_SECTIONS, PAGE_BYTES, SECTION_BYTES, SECTION_TABLE, SectionKind,
    VERSION, file_length, page_hash, root_hash,
};

use crate::error::BuildError;

/// A section before it has its place.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Section {
    pub(crate) const fn new(kind: SectionKind, bytes: Vec<u8>) -> Self {
        Self {
            kind: kind.number(),
            flags: scan::layout::SECTION_REQUIRED,
            bytes,
        }
    }
}

/// Everything before the trailer, and the root.
pub(crate) fn write(
    revision: DefinitionRevision,
    sections: Vec<Section>,
) -> Result<(Vec<u8>, [u8; HASH_BYTES]), BuildError> {
    let too_large = |what| BuildError::TooLarge { what };
    if sections.len() > MAX_SECTIONS {
        return Err(too_large("too many sections"));
    }
    let count = u16::try_from(sections.len()).map_err(|_| too_large("too many sections"))?;
    let pages = sections.iter().fold(1u64, |pages, section| {
        pages + (section.bytes.len() as u64).div_ceil(PAGE_BYTES as u64)
    });
    let length = file_length(pages).ok_or_else(|| too_large("a file beyond 64 bits"))?;

    let mut file = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&count.to_le_bytes());
    file.extend_from_slice(&0u32.to_le_bytes());
    file.extend_from_slice(&revision.0.to_le_bytes());
    file.extend_from_slice(&pages.to_le_bytes());
    file.extend_from_slice(&length.to_le_bytes());
    file.resize(SECTION_TABLE, 0);
    let mut offset = PAGE_BYTES;
    for section in &sections {
        file.extend_from_slice(&section.kind.to_le_bytes());
        file.extend_from_slice(&section.flags.to_le_bytes());
        file.extend_from_slice(&(offset as u64).to_le_bytes());
        file.extend_from_slice(&(section.bytes.len() as u64).to_le_bytes());
        file.resize(file.len().next_multiple_of(SECTION_BYTES), 0);
        offset += section.bytes.len().next_multiple_of(PAGE_BYTES);
    }
    file.resize(PAGE_BYTES, 0);
    for section in sections {
        file.extend_from_slice(&section.bytes);
        file.resize(file.len().next_multiple_of(PAGE_BYTES), 0);
    }
    let hashes: Vec<u8> = file.chunks_exact(PAGE_BYTES).flat_map(page_hash).collect();
    file.extend_from_slice(&hashes);
    Ok((file, root_hash(pages, &hashes)))
}
