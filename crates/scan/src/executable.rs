//! The layout of executables, read tolerantly and with the numbers that ClamAV's signatures count
//! on. `tests.rs` compares with clamscan.

mod elf;
mod macho;
mod pe;
#[cfg(test)]
mod tests;

use model::Limit;

use crate::definitions::bytes::{slice, u32_at};
use crate::kind::Kind;

/// A section of an executable, in bytes of the file and of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Section {
    /// Where it begins in the file. In PE files rounded down to the file's alignment.
    pub(crate) raw_offset: u64,
    /// How long it is in the file. In PE files rounded up to the alignment, cut at the file's end,
    /// and 0 when it lies outside of the file.
    pub(crate) raw_size: u64,
    pub(crate) virtual_address: u64,
    pub(crate) virtual_size: u64,
}

/// Formats of executables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExecutableFormat {
    Pe,
    Elf,
    MachO,
}

/// The layout of an executable whose headers make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) format: ExecutableFormat,
    /// The entry point as an offset in the file; 0 when the headers name none.
    pub(crate) entry_point: Option<u64>,
    /// In the order of the headers.
    pub(crate) sections: Vec<Section>,
    /// Offsets in the file of the entries of PE version information, ascending: a pattern with the
    /// offset `VI` begins at one of them.
    pub(crate) version_info: Vec<u64>,
    /// Where the bytes behind the last section begin, if there are any.
    pub(crate) overlay: Option<u64>,
    /// Tables hold more entries than are looked at.
    pub(crate) cut_short: bool,
    /// Where all ends that the headers tell of: sections, and the signatures of PE files.
    pub(crate) end: u64,
    /// Of PE files of 32 bits: where the import table is.
    imports: Option<pe::Imports>,
}

impl Executable {
    /// Reads the layout of PE, ELF and Mach-O files; `None` for others and for those whose headers
    /// make no sense: no offset then counts from an entry point, a section or the end.
    pub(crate) fn read(kind: Kind, bytes: &[u8]) -> Option<Self> {
        if kind == Kind::Pe {
            pe::read(bytes)
        } else if kind == Kind::Elf {
            elf::read(bytes)
        } else if kind == Kind::MachO {
            macho::read(bytes)
        } else {
            None
        }
    }

    /// Whether a PE file that begins here says that its headers stand at `header_at`.
    pub(crate) fn may_be_at(bytes: &[u8], header_at: usize) -> bool {
        u32_at(bytes, 60).is_some_and(|at| usize::try_from(at) == Ok(header_at))
    }

    /// Whether a PE file begins here whose headers make sense.
    pub(crate) fn is_there(bytes: &[u8]) -> bool {
        pe::makes_sense(bytes)
    }

    /// What the hash of imports is a hash of: `library.function` in lower case, with commas
    /// between. `None` for anything but PE files of 32 bits with an import table that can be read.
    ///
    /// # Errors
    /// The limit that a table reached; no list is made then.
    pub(crate) fn import_list(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Limit> {
        self.imports.as_ref().map_or(Ok(None), |imports| {
            pe::import_list(imports, &self.sections, bytes)
        })
    }

    /// The bytes of a section, as section hashes take them. Empty when it has none in the file.
    pub(crate) fn section_bytes<'a>(&self, section: &Section, bytes: &'a [u8]) -> &'a [u8] {
        usize::try_from(section.raw_offset)
            .ok()
            .zip(usize::try_from(section.raw_size).ok())
            .and_then(|(offset, size)| slice(bytes, offset, size))
            .unwrap_or_default()
    }
}

/// Where the last section ends, in bytes of the file.
fn end(sections: &[Section]) -> u64 {
    let ends = sections
        .iter()
        .map(|section| section.raw_offset.saturating_add(section.raw_size));
    ends.max().unwrap_or(0)
}

/// Where the bytes behind all sections begin.
fn overlay(sections: &[Section], bytes: &[u8]) -> Option<u64> {
    let end = end(sections);
    (end > 0 && end < bytes.len() as u64).then_some(end)
}

/// Integers in the order of bytes that a file uses.
#[derive(Debug, Clone, Copy)]
struct Words {
    big_endian: bool,
}

impl Words {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let array = slice(bytes, at, 2)?.try_into().ok()?;
        Some(if self.big_endian {
            u16::from_be_bytes(array)
        } else {
            u16::from_le_bytes(array)
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let array = slice(bytes, at, 4)?.try_into().ok()?;
        Some(if self.big_endian {
            u32::from_be_bytes(array)
        } else {
            u32::from_le_bytes(array)
        })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let array = slice(bytes, at, 8)?.try_into().ok()?;
        Some(if self.big_endian {
            u64::from_be_bytes(array)
        } else {
            u64::from_le_bytes(array)
        })
    }
}
