//! PE (Microsoft's PE/COFF specification), as loaders and ClamAV forgive it: sections may lie
//! anywhere, stated sizes are cut at the end of the file.

mod imports;
mod version_info;

use super::{Executable, ExecutableFormat, Section, end, overlay};
use crate::definitions::bytes::{slice, u16_at, u32_at};

pub(super) use imports::{Imports, import_list};

/// The signature and the COFF header.
const FILE_HEADER_BYTES: usize = 24;
/// The optional header without its data directories, for 32 and 64 bits.
const OPTIONAL_32_BYTES: usize = 96;
const OPTIONAL_64_BYTES: usize = 112;
const OPTIONAL_64_MAGIC: u16 = 0x20b;
const SECTION_BYTES: usize = 40;
const MAX_DIRECTORIES: u32 = 16;
const IMPORTS: usize = 1;
const RESOURCES: usize = 2;
/// The only one whose address is an offset in the file.
const SIGNATURES: usize = 4;
/// Section pointers that are multiples of this are taken as they are, whatever the file says its
/// alignment is.
const SECTOR_BYTES: u32 = 0x200;

/// Sections that are looked through in all, when the addresses of one table are looked up: a
/// hostile file has 65,535 of them, and tables of millions of addresses.
const MAX_STEPS: usize = 1 << 24;

/// A data directory: where in memory, how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Directory {
    address: u32,
    size: u32,
}

impl Directory {
    fn end(self) -> u64 {
        if self.size == 0 {
            return 0;
        }
        u64::from(self.address) + u64::from(self.size)
    }
}

/// Memory addresses as offsets in the file.
#[derive(Debug, Clone, Copy)]
struct Addresses<'a> {
    sections: &'a [Section],
    header_bytes: u32,
    file_bytes: u64,
}

impl Addresses<'_> {
    /// Where an address is in the file. Of overlapping sections the last one counts.
    fn offset(self, address: u32) -> Option<u64> {
        let address = u64::from(address);
        if address < u64::from(self.header_bytes) {
            return (address < self.file_bytes).then_some(address);
        }
        self.sections.iter().rev().find_map(|section| {
            let within = address.checked_sub(section.virtual_address)?;
            (within < section.raw_size).then(|| within + section.raw_offset)
        })
    }

    /// How many addresses of one table may be looked up.
    fn most(self, most: usize) -> usize {
        most.min(MAX_STEPS / self.sections.len().max(1))
    }

    fn index(self, address: u32) -> Option<usize> {
        usize::try_from(self.offset(address)?).ok()
    }
}

pub(super) fn read(bytes: &[u8]) -> Option<Executable> {
    let layout = Layout::read(bytes)?;
    let (version_info, cut_short) =
        version_info::offsets(bytes, layout.addresses(bytes), layout.resources);
    Some(Executable {
        format: ExecutableFormat::Pe,
        entry_point: Some(layout.entry_point),
        overlay: overlay(&layout.sections, bytes),
        end: end(&layout.sections).max(layout.signatures_end),
        version_info,
        cut_short,
        imports: layout.imports,
        sections: layout.sections,
    })
}

/// Whether the headers make sense: [`read`] reads the same bytes.
pub(super) fn makes_sense(bytes: &[u8]) -> bool {
    Layout::read(bytes).is_some()
}

/// What the headers say.
struct Layout {
    sections: Vec<Section>,
    header_bytes: u32,
    entry_point: u64,
    resources: Directory,
    /// Where the signatures end, in bytes of the file; 0 when there are none.
    signatures_end: u64,
    imports: Option<Imports>,
}

impl Layout {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header_at = usize::try_from(u32_at(bytes, 60)?).ok()?;
        let header = slice(bytes, header_at, FILE_HEADER_BYTES)?;
        if header_at == 0 || !header.starts_with(b"PE\0\0") {
            return None;
        }
        let section_count = usize::from(u16_at(header, 6)?);
        let optional_bytes = usize::from(u16_at(header, 20)?);
        if section_count == 0 || optional_bytes < OPTIONAL_32_BYTES {
            return None;
        }
        let optional_at = header_at.checked_add(FILE_HEADER_BYTES)?;
        let is_64 = u16_at(bytes, optional_at)? == OPTIONAL_64_MAGIC;
        let fixed_bytes = if is_64 {
            OPTIONAL_64_BYTES
        } else {
            OPTIONAL_32_BYTES
        };
        let optional = slice(bytes, optional_at, fixed_bytes)?;
        let section_alignment = u32_at(optional, 32)?;
        let header_bytes = round_up(u32_at(optional, 60)?, section_alignment);
        let directory_count = u32_at(optional, fixed_bytes - 4)?.min(MAX_DIRECTORIES);
        let directory_bytes = usize::try_from(directory_count).ok()? * 8;
        if optional_bytes < fixed_bytes + directory_bytes {
            return None;
        }
        let directories = slice(bytes, optional_at + fixed_bytes, directory_bytes)?;
        let directory = |index: usize| Directory {
            address: u32_at(directories, index * 8).unwrap_or_default(),
            size: u32_at(directories, index * 8 + 4).unwrap_or_default(),
        };
        let sections_at = optional_at + optional_bytes;
        let headers = slice(bytes, sections_at, section_count * SECTION_BYTES)?;
        let sections = read_sections(
            headers,
            section_alignment,
            u32_at(optional, 36)?,
            bytes.len() as u64,
        )?;
        let mut layout = Self {
            sections,
            header_bytes,
            entry_point: 0,
            resources: directory(RESOURCES),
            signatures_end: directory(SIGNATURES).end(),
            imports: (!is_64).then(|| Imports::new(directory(IMPORTS), header_bytes)),
        };
        layout.entry_point = layout.addresses(bytes).offset(u32_at(optional, 16)?)?;
        Some(layout)
    }

    const fn addresses(&self, bytes: &[u8]) -> Addresses<'_> {
        Addresses {
            sections: self.sections.as_slice(),
            header_bytes: self.header_bytes,
            file_bytes: bytes.len() as u64,
        }
    }
}

/// `None` when a size or address has its sign bit set.
fn read_sections(
    headers: &[u8],
    section_alignment: u32,
    file_alignment: u32,
    file_bytes: u64,
) -> Option<Vec<Section>> {
    let mut sections = Vec::with_capacity(headers.len() / SECTION_BYTES);
    let file_alignment = usable_alignment(headers, file_alignment);
    for header in headers.chunks_exact(SECTION_BYTES) {
        let stated_virtual = u32_at(header, 8)?;
        let address = u32_at(header, 12)?;
        let mut stated_raw = u32_at(header, 16)?;
        let pointer = u32_at(header, 20)?;

        let offset = u64::from(round_down(pointer, file_alignment));
        let mut size = u64::from(round_up(stated_raw, file_alignment));
        if size > 0 {
            if offset >= file_bytes || u64::from(pointer) >= file_bytes {
                size = 0;
                stated_raw = 0;
            } else {
                size = size.min(file_bytes - offset);
                let left = file_bytes - u64::from(pointer);
                stated_raw = stated_raw.min(u32::try_from(left).unwrap_or(u32::MAX));
            }
        }
        let mut virtual_size = round_up(stated_virtual, section_alignment);
        if virtual_size == 0 && size > 0 {
            virtual_size = round_up(stated_raw, section_alignment);
        }
        let signs = [
            address,
            stated_virtual,
            stated_raw,
            if size > 0 { pointer } else { 0 },
        ];
        if signs.iter().any(|value| value >> 31 != 0) {
            return None;
        }
        sections.push(Section {
            raw_offset: offset,
            raw_size: size,
            virtual_address: round_down(address, section_alignment).into(),
            virtual_size: virtual_size.into(),
        });
    }
    Some(sections)
}

/// The alignment of sections in the file: that of sectors, if the file's own does not fit one of
/// its sections and a sector's does.
fn usable_alignment(headers: &[u8], stated: u32) -> u32 {
    let misfit = headers.chunks_exact(SECTION_BYTES).any(|header| {
        let (Some(size), Some(pointer)) = (u32_at(header, 16), u32_at(header, 20)) else {
            return false;
        };
        stated != 0
            && size != 0
            && !pointer.is_multiple_of(stated)
            && pointer.is_multiple_of(SECTOR_BYTES)
    });
    if misfit { SECTOR_BYTES } else { stated }
}

fn round_down(value: u32, alignment: u32) -> u32 {
    value
        .checked_rem(alignment)
        .map_or(value, |rest| value - rest)
}

/// Wraps around at the end of 32 bits, as the peer's arithmetic does.
fn round_up(value: u32, alignment: u32) -> u32 {
    match value.checked_rem(alignment) {
        None | Some(0) => value,
        Some(rest) => (value - rest).wrapping_add(alignment),
    }
}
