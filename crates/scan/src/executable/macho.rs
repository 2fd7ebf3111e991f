//! Mach-O (Apple's `mach-o/loader.h`), of both sizes and both orders of bytes.

use super::{Executable, ExecutableFormat, Section, Words};
use crate::definitions::bytes::slice;

const HEADER_BYTES: usize = 28;
const MAX_COMMANDS: u32 = 1024;
const MAX_SECTIONS_OF_SEGMENT: u32 = 255;
const SEGMENT_32: u32 = 0x01;
const SEGMENT_64: u32 = 0x19;
const THREAD: u32 = 0x04;
const UNIX_THREAD: u32 = 0x05;
const X86: u32 = 7;
const POWERPC: u32 = 18;
const POWERPC_64: u32 = 18 | 1 << 24;

pub(super) fn read(bytes: &[u8]) -> Option<Executable> {
    let (big_endian, is_64) = match bytes.get(..4)? {
        b"\xfe\xed\xfa\xce" => (true, false),
        b"\xce\xfa\xed\xfe" => (false, false),
        b"\xfe\xed\xfa\xcf" => (true, true),
        b"\xcf\xfa\xed\xfe" => (false, true),
        _ => return None,
    };
    let header = bytes.get(..HEADER_BYTES)?;
    let words = Words { big_endian };
    let processor = words.u32(header, 4)?;
    let command_count = words.u32(header, 16)?;
    if command_count == 0 || command_count > MAX_COMMANDS {
        return None;
    }
    let mut walk = Walk {
        bytes,
        words,
        is_64,
        at: HEADER_BYTES + if is_64 { 4 } else { 0 },
        entry: 0,
        sections: Vec::new(),
    };
    for _ in 0..command_count {
        walk.command(processor)?;
    }
    let entry_point = if walk.entry == 0 || walk.sections.is_empty() {
        u64::from(walk.entry)
    } else {
        offset_of(&walk.sections, walk.entry)?
    };
    Some(Executable {
        format: ExecutableFormat::MachO,
        entry_point: Some(entry_point),
        overlay: super::overlay(&walk.sections, bytes),
        version_info: Vec::new(),
        cut_short: false,
        end: super::end(&walk.sections),
        imports: None,
        sections: walk.sections,
    })
}

/// The load commands, one after the other. Segments and threads are passed by what they hold, all
/// others by their stated size.
struct Walk<'a> {
    bytes: &'a [u8],
    words: Words,
    is_64: bool,
    at: usize,
    entry: u32,
    sections: Vec<Section>,
}

impl<'a> Walk<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = slice(self.bytes, self.at, length)?;
        self.at += length;
        Some(taken)
    }

    fn command(&mut self, processor: u32) -> Option<()> {
        let command = self.take(8)?;
        let number = self.words.u32(command, 0)?;
        let segment = if self.is_64 { SEGMENT_64 } else { SEGMENT_32 };
        if number == segment {
            return self.segment();
        }
        let has_thread = [X86, POWERPC, POWERPC_64].contains(&processor);
        if has_thread && (number == THREAD || number == UNIX_THREAD) {
            return self.thread(processor);
        }
        let size = usize::try_from(self.words.u32(command, 4)?).ok()?;
        self.at = self.at.checked_add(size.saturating_sub(8))?;
        Some(())
    }

    fn segment(&mut self) -> Option<()> {
        let segment = self.take(if self.is_64 { 64 } else { 48 })?;
        let count = self.words.u32(segment, if self.is_64 { 56 } else { 40 })?;
        if count > MAX_SECTIONS_OF_SEGMENT {
            return None;
        }
        for _ in 0..count {
            let section = self.take(if self.is_64 { 80 } else { 68 })?;
            let (address, size, rest) = if self.is_64 {
                // Kept in 32 bits, as signatures count.
                let low = |at| self.words.u64(section, at).map(|value| value as u32);
                (low(32)?, low(40)?, 48)
            } else {
                (
                    self.words.u32(section, 32)?,
                    self.words.u32(section, 36)?,
                    40,
                )
            };
            let alignment = self.words.u32(section, rest + 4)?;
            if alignment >= 32 && !self.is_64 {
                return None;
            }
            let unit = 1u32.wrapping_shl(alignment);
            let padding = (unit - size % unit) % unit;
            self.sections.push(Section {
                raw_offset: self.words.u32(section, rest)?.into(),
                raw_size: size.wrapping_add(padding).into(),
                virtual_address: address.into(),
                virtual_size: size.into(),
            });
        }
        Some(())
    }

    /// The registers that a thread starts with. Those of x86 are passed over: entry points of such
    /// files don't count in signatures.
    fn thread(&mut self, processor: u32) -> Option<()> {
        self.at = self.at.checked_add(8)?;
        if processor == X86 {
            self.take(64)?;
        } else if processor == POWERPC {
            let state = self.take(160)?;
            self.entry = self.words.u32(state, 0)?;
        } else {
            let state = self.take(312)?;
            self.entry = self.words.u64(state, 0)? as u32;
        }
        Some(())
    }
}

/// Where an address is in the file, by the first section that holds it.
fn offset_of(sections: &[Section], address: u32) -> Option<u64> {
    let address = u64::from(address);
    sections.iter().find_map(|section| {
        let end = (section.virtual_address + section.virtual_size) & u64::from(u32::MAX);
        (section.virtual_address <= address && end > address)
            .then(|| (address - section.virtual_address + section.raw_offset) & u64::from(u32::MAX))
    })
}
