//! Version information in PE resources: where its strings are.

use super::{Addresses, Directory};
use crate::definitions::bytes::{slice, u16_at, u32_at};

/// The resource type, and the number of such resources that count: ClamAV keeps as many.
const VERSION: u32 = 16;
const MAX_RESOURCES: usize = 16;
/// Entries of resource directories that are looked at; names and languages can be nested in a
/// hostile file so that looking at all takes hours.
const MAX_ENTRIES: usize = 65_536;
const DIRECTORY_BYTES: usize = 16;
const ENTRY_BYTES: usize = 8;
const HIGH_BIT: u32 = 1 << 31;

/// A block's length, the length of its value, and its type come before its name.
const BLOCK_HEADER_BYTES: usize = 6;
/// The fixed information: its length, its mark and where that stands in the resource.
const FIXED_BYTES: usize = 0x34;
const FIXED_MARK: u32 = 0xfeef_04bd;
const FIXED_MARK_AT: usize = 0x28;
const FIRST_CHILD: usize = BLOCK_HEADER_BYTES + 0x20 + 2 + FIXED_BYTES;
/// A table's header, its name of eight characters and padding.
const TABLE_HEADER_BYTES: usize = 24;

/// The offsets in the file of the names of all strings, ascending. With it, whether there are more
/// directory entries than are looked at.
pub(super) fn offsets(
    bytes: &[u8],
    addresses: Addresses<'_>,
    resources: Directory,
) -> (Vec<u64>, bool) {
    let mut found = Vec::new();
    let mut cut_short = false;
    if resources.size > 0 {
        let mut search = Search {
            bytes,
            addresses,
            base: resources.address,
            left: addresses.most(MAX_ENTRIES),
            cut_short: false,
            resources: Vec::new(),
        };
        let _ = search.types();
        cut_short = search.cut_short;
        for address in search.resources {
            let _ = strings(bytes, addresses, address, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    (found, cut_short)
}

/// Walks types, names and languages of the resource directory.
struct Search<'a> {
    bytes: &'a [u8],
    addresses: Addresses<'a>,
    base: u32,
    /// Entries that may still be looked at, and whether there were more.
    left: usize,
    cut_short: bool,
    /// Addresses of the data entries found.
    resources: Vec<u32>,
}

impl Search<'_> {
    /// The directory at `offset`: where its entries begin, how many have names and how many have
    /// numbers.
    fn directory(&self, offset: u32) -> Option<(usize, u16, u16)> {
        let at = self.addresses.index(self.base.wrapping_add(offset))?;
        let header = slice(self.bytes, at, DIRECTORY_BYTES)?;
        Some((
            at + DIRECTORY_BYTES,
            u16_at(header, 12)?,
            u16_at(header, 14)?,
        ))
    }

    /// An entry's number and offset. `None` ends the search.
    fn entry(&mut self, first: usize, index: usize) -> Option<(u32, u32)> {
        let left = self.left.checked_sub(1);
        self.cut_short |= left.is_none();
        self.left = left?;
        let at = first + index * ENTRY_BYTES;
        Some((u32_at(self.bytes, at)?, u32_at(self.bytes, at + 4)?))
    }

    fn types(&mut self) -> Option<()> {
        let (first, named, numbered) = self.directory(0)?;
        for index in 0..usize::from(numbered) {
            let (number, offset) = self.entry(first, usize::from(named) + index)?;
            if number == VERSION && offset & HIGH_BIT != 0 {
                return self.names(offset & !HIGH_BIT);
            }
        }
        Some(())
    }

    fn names(&mut self, offset: u32) -> Option<()> {
        let (first, named, numbered) = self.directory(offset)?;
        for index in 0..usize::from(named.wrapping_add(numbered)) {
            let (_, offset) = self.entry(first, index)?;
            if offset & HIGH_BIT != 0 {
                self.languages(offset & !HIGH_BIT)?;
            }
        }
        Some(())
    }

    fn languages(&mut self, offset: u32) -> Option<()> {
        let (first, named, numbered) = self.directory(offset)?;
        for index in 0..usize::from(named.wrapping_add(numbered)) {
            let (_, offset) = self.entry(first, index)?;
            if offset & HIGH_BIT == 0 {
                self.resources.push(self.base.wrapping_add(offset));
                if self.resources.len() == MAX_RESOURCES {
                    return None;
                }
            }
        }
        Some(())
    }
}

/// A name in UTF-16 with its end.
fn is_named(block: &[u8], name: &str) -> bool {
    let stored = block.get(BLOCK_HEADER_BYTES..).unwrap_or_default();
    let mut units = stored.chunks_exact(2);
    name.encode_utf16()
        .chain([0])
        .all(|unit| units.next() == Some(&unit.to_le_bytes()))
}

/// Finds the strings of one resource.
fn strings(bytes: &[u8], addresses: Addresses<'_>, entry: u32, found: &mut Vec<u64>) -> Option<()> {
    let entry = slice(bytes, addresses.index(entry)?, 16)?;
    let start = addresses.index(u32_at(entry, 0)?)?;
    let size = usize::try_from(u32_at(entry, 4)?).ok()?;
    let resource = slice(bytes, start, size)?;
    let length = usize::from(u16_at(resource, 0)?);
    let is_version = size > 4
        && length <= size
        && length > FIRST_CHILD
        && usize::from(u16_at(resource, 2)?) == FIXED_BYTES
        && is_named(resource, "VS_VERSION_INFO")
        && u32_at(resource, FIXED_MARK_AT)? == FIXED_MARK;
    if !is_version {
        return None;
    }
    // From here on offsets are those of the file, and what follows the resource may be looked at.
    let mut at = start + FIRST_CHILD;
    let mut left = length - FIRST_CHILD;
    let mut variables_seen = false;
    while left > BLOCK_HEADER_BYTES {
        let block = bytes.get(at..)?;
        let length = usize::from(u16_at(block, 0)?);
        if length > left {
            return None;
        }
        if !variables_seen && length > BLOCK_HEADER_BYTES + 0x18 && is_named(block, "VarFileInfo") {
            variables_seen = true;
            at += length;
            left -= length;
            continue;
        }
        let name_bytes = 0x1e;
        if length <= BLOCK_HEADER_BYTES + name_bytes || !is_named(block, "StringFileInfo") {
            return None;
        }
        return tables(
            bytes,
            at + BLOCK_HEADER_BYTES + name_bytes,
            length - BLOCK_HEADER_BYTES - name_bytes,
            found,
        );
    }
    None
}

fn tables(bytes: &[u8], mut at: usize, mut left: usize, found: &mut Vec<u64>) -> Option<()> {
    while left > BLOCK_HEADER_BYTES {
        let length = usize::from(u16_at(bytes, at)?);
        if length > left || length <= TABLE_HEADER_BYTES {
            return None;
        }
        table(
            bytes,
            at + TABLE_HEADER_BYTES,
            length - TABLE_HEADER_BYTES,
            found,
        )?;
        at += length;
        left -= length;
    }
    Some(())
}

fn table(bytes: &[u8], mut at: usize, mut left: usize, found: &mut Vec<u64>) -> Option<()> {
    while left > BLOCK_HEADER_BYTES {
        let length = usize::from(u16_at(bytes, at)?).next_multiple_of(4);
        // A header, a name of one character and a value.
        if length > left || length <= BLOCK_HEADER_BYTES + 2 + 8 {
            return None;
        }
        let block = slice(bytes, at, length)?;
        let units = block.get(BLOCK_HEADER_BYTES..)?.chunks_exact(2);
        let name_units = units.clone().take_while(|unit| *unit != [0, 0]).count();
        let ended = name_units < units.len();
        let name_end = BLOCK_HEADER_BYTES + 2 * (name_units + usize::from(ended));
        let value_at = name_end.next_multiple_of(4);
        if value_at < length && length - value_at > 2 {
            found.push((at + BLOCK_HEADER_BYTES) as u64);
        }
        at += length;
        left -= length;
    }
    Some(())
}
