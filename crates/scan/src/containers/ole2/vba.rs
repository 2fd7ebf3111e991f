//! Source texts of VBA macros (Microsoft's [MS-OVBA] 9.1).

use std::collections::HashMap;
use std::io::{self, Read};

use memchr::memmem;
use model::Limit;

use super::{Entry, File, STREAM};
use crate::containers::{Content, Members};
use crate::definitions::bytes::{slice, u16_at, u32_at};

/// A list of modules is read up to here.
const MAX_LIST_BYTES: usize = 4 << 20;
/// Lists of modules that are read.
const MAX_PROJECTS: usize = 32;
const CHUNK_BYTES: usize = 4096;
/// How every source text begins, compressed: what cannot be packed, behind a byte of flags.
const BEGINNING: &[u8] = b"\0Attribut";

const PROJECT_VERSION: u16 = 0x09;
const MODULE_STREAM: u16 = 0x1a;
const MODULE_OFFSET: u16 = 0x31;

/// Where source texts begin in the streams of modules: by the storage of the stream, and its name in
/// lower case.
type Offsets = HashMap<(Option<u32>, String), usize>;

fn key(entry: &Entry) -> (Option<u32>, String) {
    (entry.folder, entry.name.to_ascii_lowercase())
}

/// Hands over the source texts of all projects.
pub(super) fn visit(file: &File<'_>, members: &mut dyn Members) -> Option<()> {
    let stated = stated_offsets(file, members)?;
    for entry in file.entries.iter().filter(|entry| entry.kind == STREAM) {
        file.look_at(entry, members, |stream, members| {
            let begins = |offset: &usize| stream.get(*offset) == Some(&1);
            // Where the list is missing or lies, the text shows by itself.
            let offset = stated
                .get(&key(entry))
                .copied()
                .filter(begins)
                .or_else(|| memmem::find(stream, BEGINNING)?.checked_sub(3))
                .filter(begins);
            let Some(packed) = offset.and_then(|offset| stream.get(offset..)) else {
                return Some(());
            };
            let content = Content::Packed {
                reader: &mut Decompressed::new(packed),
                packed_bytes: packed.len() as u64,
            };
            let name = format!("{}.vba", file.path(entry));
            members.member(name.as_bytes(), content).continue_value()
        })?;
    }
    Some(())
}

/// Where source texts begin by the lists beside the streams; `None` when no more is wanted.
fn stated_offsets(file: &File<'_>, members: &mut dyn Members) -> Option<Offsets> {
    let is_list = |entry: &&Entry| entry.kind == STREAM && entry.name.eq_ignore_ascii_case("dir");
    let mut lists = file.entries.iter().filter(is_list).peekable();
    if lists.peek().is_none() {
        return Some(Offsets::new());
    }
    // Only what is there is remembered, whatever else lists name.
    let streams = file.entries.iter().filter(|entry| entry.kind == STREAM);
    let mut offsets: Offsets = streams.map(|entry| (key(entry), usize::MAX)).collect();
    for list in lists.by_ref().take(MAX_PROJECTS) {
        file.look_at(list, members, |packed, members| {
            let mut records = Vec::new();
            let reader = Decompressed::new(packed);
            let _ = reader
                .take(MAX_LIST_BYTES as u64 + 1)
                .read_to_end(&mut records);
            if records.len() > MAX_LIST_BYTES {
                members.limit(Limit::MemberSize);
            }
            let _ = modules(&records, list.folder, &mut offsets);
            Some(())
        })?;
    }
    if lists.next().is_some() {
        members.limit(Limit::Members);
    }
    Some(offsets)
}

fn modules(mut rest: &[u8], folder: Option<u32>, offsets: &mut Offsets) -> Option<()> {
    let mut name = None;
    while let (Some(kind), Some(size)) = (u16_at(rest, 0), u32_at(rest, 2)) {
        // This one's size leaves out two bytes.
        let size = if kind == PROJECT_VERSION { 6 } else { size };
        let data = slice(rest, 6, usize::try_from(size).ok()?)?;
        if kind == MODULE_STREAM {
            name = Some(String::from_utf8_lossy(data).to_ascii_lowercase());
        } else if kind == MODULE_OFFSET
            && let Some(name) = name.take()
        {
            let offset = usize::try_from(u32_at(data, 0)?).ok()?;
            if let Some(known) = offsets.get_mut(&(folder, name)) {
                *known = offset;
            }
        }
        rest = rest.get(6 + data.len()..)?;
    }
    Some(())
}

/// The compression of section 2.4.1: chunks that each unpack to at most 4096 bytes.
struct Decompressed<'a> {
    rest: &'a [u8],
    chunk: Vec<u8>,
    at: usize,
}

impl<'a> Decompressed<'a> {
    fn new(packed: &'a [u8]) -> Self {
        Self {
            rest: packed.strip_prefix(&[1]).unwrap_or_default(),
            chunk: Vec::with_capacity(CHUNK_BYTES),
            at: 0,
        }
    }

    /// Unpacks the next chunk; `None` at the end and at what is no chunk.
    fn next_chunk(&mut self) -> Option<()> {
        let header = u16_at(self.rest, 0)?;
        if header >> 12 & 7 != 3 {
            return None;
        }
        let length = usize::from(header & 0xfff) + 1;
        let behind = self.rest.get(2..)?;
        let data = behind.get(..length).unwrap_or(behind);
        self.rest = behind.get(data.len()..)?;
        self.chunk.clear();
        self.at = 0;
        if header >> 15 == 0 {
            self.chunk.extend(data.iter().take(CHUNK_BYTES));
        } else {
            let _ = self.unpack(data);
        }
        Some(())
    }

    /// Groups of eight tokens behind a byte that tells which are copies.
    fn unpack(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((flags, rest)) = data.split_first() {
            data = rest;
            for bit in 0..8 {
                if self.chunk.len() >= CHUNK_BYTES {
                    return None;
                }
                if flags >> bit & 1 == 0 {
                    let (byte, rest) = data.split_first()?;
                    self.chunk.push(*byte);
                    data = rest;
                    continue;
                }
                let token = u16_at(data, 0)?;
                data = data.get(2..)?;
                // The further in the chunk, the more bits tell the distance.
                let filled = self.chunk.len();
                let distance_bits = usize::BITS - filled.checked_sub(1)?.leading_zeros();
                let distance_bits = distance_bits.clamp(4, 12);
                let length = usize::from(token & (0xffff >> distance_bits)) + 3;
                let distance = usize::from(token >> (16 - distance_bits)) + 1;
                let from = filled.checked_sub(distance)?;
                for index in 0..length.min(CHUNK_BYTES - filled) {
                    let byte = *self.chunk.get(from + index)?;
                    self.chunk.push(byte);
                }
            }
        }
        Some(())
    }
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.chunk.len() {
            if self.next_chunk().is_none() {
                return Ok(0);
            }
        }
        let mut ready = self.chunk.get(self.at..).unwrap_or_default();
        let read = ready.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = Decompressed::new(packed).read_to_end(&mut bytes);
        bytes
    }

    #[test]
    fn the_examples_of_the_specification_unpack() {
        // Sections 3.2.1 to 3.2.3.
        let plain = b"\x01\x19\xb0\0abcdefgh\0ijklmnop\0qrstuv.";
        assert_eq!(unpacked(plain), b"abcdefghijklmnopqrstuv.");
        let normal = b"\x01\x2f\xb0\0#aaabcde\x82f\0\x70aghij\x018\x08akl\0\x30mnop\x06q\x02\x70\
                       \x04\x10rstuv\x10wxyz\0\x3c";
        assert_eq!(
            unpacked(normal),
            b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
        );
        assert_eq!(unpacked(b"\x01\x03\xb0\x02a\x45\0"), [b'a'; 73]);
    }
}
