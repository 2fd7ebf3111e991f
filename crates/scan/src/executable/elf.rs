//! ELF (System V ABI, chapters 4 and 5), of both sizes and both orders of bytes.

use super::{Executable, ExecutableFormat, Section, Words, overlay};

const HEADER_32_BYTES: usize = 52;
const HEADER_64_BYTES: usize = 64;
/// More program or section headers than these are not made sense of.
const MAX_SEGMENTS: u16 = 128;
const MAX_SECTIONS: u16 = 256;

/// Where the fields of headers are, by size.
struct Layout {
    words: Words,
    is_64: bool,
}

impl Layout {
    /// A field as wide as an address.
    fn address(&self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.is_64 {
            self.words.u64(bytes, at)
        } else {
            self.words.u32(bytes, at).map(u64::from)
        }
    }

    const fn pick(&self, narrow: usize, wide: usize) -> usize {
        if self.is_64 { wide } else { narrow }
    }

    /// A sum that wraps as addresses of this size do.
    fn sum(&self, left: u64, right: u64) -> u64 {
        let sum = left.wrapping_add(right);
        if self.is_64 {
            sum
        } else {
            sum & u64::from(u32::MAX)
        }
    }
}

pub(super) fn read(bytes: &[u8]) -> Option<Executable> {
    let layout = Layout {
        words: Words {
            big_endian: *bytes.get(5)? != 1,
        },
        is_64: match bytes.get(4)? {
            1 => false,
            2 => true,
            _ => return None,
        },
    };
    let header = bytes.get(..layout.pick(HEADER_32_BYTES, HEADER_64_BYTES))?;
    let word = |at| layout.words.u16(header, at);
    let entry = layout.address(header, 24)?;
    let segments_at = layout.address(header, layout.pick(28, 32))?;
    let sections_at = layout.address(header, layout.pick(32, 40))?;
    let counts_at = layout.pick(42, 54);
    let segment_bytes = usize::from(word(counts_at)?);
    let segment_count = word(counts_at + 2)?;
    let section_bytes = usize::from(word(counts_at + 4)?);
    let section_count = word(counts_at + 6)?;

    if segment_count > MAX_SEGMENTS || section_count > MAX_SECTIONS {
        return None;
    }
    let mut entry_point = 0;
    if segment_count > 0 && entry != 0 {
        if segment_bytes != layout.pick(32, 56) {
            return None;
        }
        let table = table(bytes, segments_at, segment_bytes, segment_count)?;
        entry_point = offset_of(&layout, table.chunks_exact(segment_bytes), entry)?;
    }
    if section_bytes != layout.pick(40, 64) {
        return None;
    }
    let mut sections = Vec::with_capacity(section_count.into());
    if section_count > 0 {
        let table = table(bytes, sections_at, section_bytes, section_count)?;
        for header in table.chunks_exact(section_bytes) {
            let narrow = |value: u64| value & u64::from(u32::MAX);
            let size = layout.address(header, layout.pick(20, 32))?;
            sections.push(Section {
                virtual_address: narrow(layout.address(header, layout.pick(12, 16))?),
                raw_offset: narrow(layout.address(header, layout.pick(16, 24))?),
                raw_size: narrow(size),
                virtual_size: narrow(size),
            });
        }
    }
    Some(Executable {
        format: ExecutableFormat::Elf,
        // Kept in 32 bits, as signatures count.
        entry_point: Some(entry_point & u64::from(u32::MAX)),
        overlay: overlay(&sections, bytes),
        version_info: Vec::new(),
        cut_short: false,
        end: super::end(&sections),
        imports: None,
        sections,
    })
}

fn table(bytes: &[u8], at: u64, entry_bytes: usize, count: u16) -> Option<&[u8]> {
    let start = usize::try_from(at).ok()?;
    let length = entry_bytes * usize::from(count);
    bytes.get(start..start.checked_add(length)?)
}

/// Where an address is in the file, by the first segment that holds it.
fn offset_of<'a>(
    layout: &Layout,
    segments: impl Iterator<Item = &'a [u8]>,
    address: u64,
) -> Option<u64> {
    for segment in segments {
        let offset = layout.address(segment, layout.pick(4, 8))?;
        let start = layout.address(segment, layout.pick(8, 16))?;
        let size = layout.address(segment, layout.pick(20, 40))?;
        if start <= address && layout.sum(start, size) > address {
            return Some(layout.sum(address - start, offset));
        }
    }
    None
}
