//! The header: which folders there are, how they are packed, which files are in them.

use model::Limit;

use super::folder::{Coder, Folder, Trouble, first_free};

/// Folders and packed streams of one archive.
const MAX_FOLDERS: usize = 65_536;
/// Coders of a folder and streams of a coder; 7-Zip takes counts beyond this for damage.
const MAX_CODERS: usize = 32;
const MAX_STREAMS: usize = 32;
/// Files of one archive.
const MAX_FILES: usize = 1 << 20;

const END: u8 = 0x00;
const HEADER: u8 = 0x01;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const ADDITIONAL_STREAMS: u8 = 0x03;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SUBSTREAMS: u8 = 0x08;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZE: u8 = 0x0c;
const STREAM_COUNT: u8 = 0x0d;
const EMPTY_STREAM: u8 = 0x0e;
const NAMES: u8 = 0x11;
const ENCODED_HEADER: u8 = 0x17;

/// What a header describes.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// Places of packed streams: offset and size.
    pub(super) packed: Vec<(u64, u64)>,
    pub(super) folders: Vec<Folder>,
    /// Of the files with content, in their order, in UTF-8.
    pub(super) names: Vec<Vec<u8>>,
}

pub(super) enum Header {
    Plain(Archive),
    /// The header is itself the first folder of this.
    Packed(Archive),
}

/// Reads a header.
pub(super) fn read(bytes: &[u8]) -> Result<Header, Trouble> {
    let mut input = Input {
        rest: bytes,
        too_many: false,
    };
    let header = read_from(&mut input);
    if input.too_many {
        return Err(Trouble::Limit(Limit::Members));
    }
    header.ok_or(Trouble::MALFORMED)
}

/// `None` when it is broken.
fn read_from(input: &mut Input<'_>) -> Option<Header> {
    match input.byte()? {
        ENCODED_HEADER => Some(Header::Packed(input.streams()?)),
        HEADER => {
            let mut archive = Archive::default();
            loop {
                match input.byte()? {
                    END => return Some(Header::Plain(archive)),
                    ARCHIVE_PROPERTIES => input.properties()?,
                    ADDITIONAL_STREAMS => drop(input.streams()?),
                    MAIN_STREAMS => archive = input.streams()?,
                    FILES => archive.names = input.files()?,
                    _ => return None,
                }
            }
        }
        _ => None,
    }
}

struct Input<'a> {
    rest: &'a [u8],
    /// The header names more folders or files than are read.
    too_many: bool,
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// A number: the high bits of the first byte tell how many bytes follow.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0;
        for index in 0..more {
            value |= u64::from(self.byte()?) << (8 * index);
        }
        if more < 7 {
            let high = u64::from(first) & ((1 << (7 - more)) - 1);
            value |= high << (8 * more);
        }
        Some(value)
    }

    /// A number of things, at most so many.
    fn count(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.number()?)
            .ok()
            .filter(|count| *count <= most)
    }

    /// A number of folders or files, at most so many; that there are more is remembered.
    fn limited(&mut self, most: usize) -> Option<usize> {
        let count = self.number()?;
        let within = usize::try_from(count).ok().filter(|count| *count <= most);
        self.too_many |= within.is_none();
        within
    }

    fn properties(&mut self) -> Option<()> {
        while self.byte()? != END {
            let size = self.count(self.rest.len())?;
            self.take(size)?;
        }
        Some(())
    }

    /// One bit a thing, high bits first, unless a byte says that all are set.
    fn bits(&mut self, count: usize, may_be_all: bool) -> Option<Vec<bool>> {
        if may_be_all && self.byte()? != 0 {
            return Some(vec![true; count]);
        }
        let bytes = self.take(count.div_ceil(8))?;
        let bit = |index: usize| {
            bytes
                .get(index / 8)
                .is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
        };
        Some((0..count).map(bit).collect())
    }

    fn digests(&mut self, count: usize) -> Option<Vec<bool>> {
        let defined = self.bits(count, true)?;
        self.take(4 * defined.iter().filter(|defined| **defined).count())?;
        Some(defined)
    }

    fn streams(&mut self) -> Option<Archive> {
        let mut archive = Archive::default();
        let mut digested: Vec<bool> = Vec::new();
        loop {
            match self.byte()? {
                END => break,
                PACK_INFO => archive.packed = self.pack_info()?,
                UNPACK_INFO => digested = self.unpack_info(&mut archive.folders)?,
                SUBSTREAMS => self.substreams(&mut archive.folders, &digested)?,
                _ => return None,
            }
        }
        // Each folder takes the packed streams behind those of the one before.
        let mut first = 0;
        for folder in &mut archive.folders {
            folder.first_packed = first;
            first += folder.packed_streams.len();
        }
        Some(archive)
    }

    fn pack_info(&mut self) -> Option<Vec<(u64, u64)>> {
        let mut offset = self.number()?;
        let count = self.limited(MAX_FOLDERS)?;
        let mut places = Vec::new();
        loop {
            match self.byte()? {
                END => return Some(places),
                SIZE => {
                    for _ in 0..count {
                        let size = self.number()?;
                        places.push((offset, size));
                        offset = offset.checked_add(size)?;
                    }
                }
                CRC => drop(self.digests(count)?),
                _ => return None,
            }
        }
    }

    fn unpack_info(&mut self, folders: &mut Vec<Folder>) -> Option<Vec<bool>> {
        let mut digested = Vec::new();
        loop {
            match self.byte()? {
                END => return Some(digested),
                FOLDER => {
                    let count = self.limited(MAX_FOLDERS)?;
                    // A header of another place is what no program writes.
                    if self.byte()? != 0 {
                        return None;
                    }
                    for _ in 0..count {
                        folders.push(self.folder()?);
                    }
                }
                UNPACK_SIZE => {
                    for folder in folders.iter_mut() {
                        for _ in 0..folder.output_count() {
                            folder.sizes.push(self.number()?);
                        }
                        folder.files = vec![folder.size()];
                    }
                }
                CRC => digested = self.digests(folders.len())?,
                _ => return None,
            }
        }
    }

    fn folder(&mut self) -> Option<Folder> {
        let mut folder = Folder::default();
        for _ in 0..self.count(MAX_CODERS)? {
            let flags = self.byte()?;
            let method = self.take((flags & 0xf).into())?.to_vec();
            let (inputs, outputs) = if flags & 0x10 == 0 {
                (1, 1)
            } else {
                (self.count(MAX_STREAMS)?, self.count(MAX_STREAMS)?)
            };
            let properties = if flags & 0x20 == 0 {
                Vec::new()
            } else {
                let size = self.count(self.rest.len())?;
                self.take(size)?.to_vec()
            };
            folder.coders.push(Coder {
                method,
                inputs,
                outputs,
                properties,
            });
        }
        let bonds = folder.output_count().checked_sub(1)?;
        for _ in 0..bonds {
            let input = self.count(MAX_CODERS * MAX_STREAMS)?;
            let output = self.count(MAX_CODERS * MAX_STREAMS)?;
            folder.bonds.push((input, output));
        }
        let inputs = folder.input_count();
        let packed = inputs.checked_sub(bonds)?;
        if packed == 1 {
            let bound = folder.bonds.iter().map(|(bound, _)| *bound);
            let free = first_free(inputs, bound)?;
            folder.packed_streams.push(free);
        } else {
            for _ in 0..packed {
                let input = self.count(MAX_CODERS * MAX_STREAMS)?;
                folder.packed_streams.push(input);
            }
        }
        Some(folder)
    }

    fn substreams(&mut self, folders: &mut [Folder], digested: &[bool]) -> Option<()> {
        let mut kind = self.byte()?;
        if kind == STREAM_COUNT {
            let mut all = 0;
            for folder in folders.iter_mut() {
                let count = self.limited(MAX_FILES)?;
                all += count;
                if all > MAX_FILES {
                    self.too_many = true;
                    return None;
                }
                folder.files = vec![folder.size(); count];
            }
            kind = self.byte()?;
        }
        // Of several files, the sizes of all but the last are stated.
        if kind == SIZE {
            for folder in folders.iter_mut() {
                let mut left = folder.size();
                let last = folder.files.len().checked_sub(1);
                for (index, file) in folder.files.iter_mut().enumerate() {
                    if Some(index) != last {
                        *file = self.number()?;
                        left = left.checked_sub(*file)?;
                    } else {
                        *file = left;
                    }
                }
            }
            kind = self.byte()?;
        }
        if kind == CRC {
            let known = |index: usize, folder: &Folder| {
                folder.files.len() == 1 && digested.get(index) == Some(&true)
            };
            let unknown = folders
                .iter()
                .enumerate()
                .filter(|(index, folder)| !known(*index, folder))
                .map(|(_, folder)| folder.files.len())
                .sum();
            self.digests(unknown)?;
            kind = self.byte()?;
        }
        (kind == END).then_some(())
    }

    /// The names of the files that have content.
    fn files(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.limited(MAX_FILES)?;
        let mut names: Vec<Vec<u8>> = Vec::new();
        let mut empty = Vec::new();
        loop {
            let kind = self.byte()?;
            if kind == END {
                break;
            }
            let size = self.count(self.rest.len())?;
            let mut own = Input {
                rest: self.take(size)?,
                too_many: false,
            };
            match kind {
                EMPTY_STREAM => empty = own.bits(count, false)?,
                NAMES if own.byte()? == 0 => {
                    let units: Vec<u16> = own
                        .rest
                        .chunks_exact(2)
                        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
                        .collect();
                    names = units
                        .split(|unit| *unit == 0)
                        .take(count)
                        .map(|name| String::from_utf16_lossy(name).into_bytes())
                        .collect();
                }
                _ => {}
            }
        }
        let has_content = |index: usize| !empty.get(index).copied().unwrap_or(false);
        Some(
            names
                .into_iter()
                .enumerate()
                .filter(|(index, _)| has_content(*index))
                .map(|(_, name)| name)
                .collect(),
        )
    }
}
