//! The layout of executables, read tolerantly and with the numbers that ClamAV's signatures count
//! on: a section that lies outside of the file is not counted, sizes end with the file.

use crate::kind::Kind;

/// A section of an executable, in bytes of the file and of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Section {
    /// Where it begins in the file. In PE files rounded down to the file's alignment.
    pub(crate) raw_offset: u64,
    /// How long it is in the file, cut at the file's end. In PE files rounded up to the alignment.
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

/// The layout of an executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) format: ExecutableFormat,
    /// The entry point as an offset in the file; 0 when it has none, as ClamAV counts.
    pub(crate) entry_point: Option<u64>,
    pub(crate) sections: Vec<Section>,
    /// Offsets in the file of the entries of PE version information: a pattern with the offset
    /// `VI` begins at one of them.
    pub(crate) version_info: Vec<u64>,
    /// Where the bytes behind the last section begin.
    pub(crate) overlay: Option<u64>,
}

impl Executable {
    /// Reads the layout of PE, ELF and Mach-O files; `None` for others and for those that can't
    /// be made sense of.
    pub(crate) fn read(kind: Kind, bytes: &[u8]) -> Option<Self> {
        let _ = (kind, bytes);
        None
    }
}
