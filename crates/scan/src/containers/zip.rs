//! zip (PKWARE's APPNOTE.TXT 6.3.10), read as extractors read it: by the central directory, whose
//! sizes are believed only as far as the bytes are there. Without a usable directory, local headers
//! are looked for.

mod local;

use std::collections::HashSet;
use std::io::{self, Cursor, Read};

use flate2::bufread::DeflateDecoder;
use memchr::memmem;
use model::verdict::Remark;
use zip::read::{ZipReadOptions, read_zipfile_from_stream_with_options};

use super::{Content, Members, xz, zstd};
use crate::definitions::bytes::{slice, u16_at, u32_at, u64_at};

pub(super) use local::{is_embedded, walk_embedded};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END64_BYTES: usize = 56;
const LOCATOR_BYTES: usize = 20;
/// The end record may be followed by a comment of this many bytes.
const COMMENT_BYTES: usize = 65_535;
const UNKNOWN_32: u32 = u32::MAX;

/// Flags of an entry: encrypted, strongly encrypted, header encrypted.
const ENCRYPTED_FLAGS: u16 = 1 | 1 << 6 | 1 << 13;
/// Methods besides store (0) and deflate (8): deflate64, bzip2, zstd, xz.
const OTHER_METHODS: [u16; 4] = [9, 12, 93, 95];

/// Flag of a local header: the sizes follow the data.
const DESCRIPTOR_FLAG: u16 = 1 << 3;

/// What the directory says of an entry.
#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    name: &'a [u8],
    /// Where its local header is.
    header_at: usize,
    flags: u16,
    method: u16,
    packed_bytes: u64,
    /// As stated; nothing relies on it.
    unpacked_bytes: u64,
    data_at: usize,
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let Some(directory) = Directory::find(bytes) else {
        members.remark(Remark::Malformed);
        local::recover(bytes, &HashSet::new(), members);
        return;
    };
    by_directory(bytes, directory, members);
}

/// Hands over what the directory lists. Returns where the data of its entries begins; `None` when
/// no more are wanted.
fn by_directory(
    bytes: &[u8],
    directory: Directory<'_>,
    members: &mut dyn Members,
) -> Option<HashSet<usize>> {
    let mut ranges = Vec::new();
    let mut malformed = false;
    for entry in directory {
        let Some(entry) = entry else {
            malformed = true;
            break;
        };
        ranges.push((entry.data_at, entry.packed_bytes));
        one(bytes, &entry, members, &mut malformed)?;
    }
    let seen: HashSet<usize> = ranges.iter().map(|(start, _)| *start).collect();
    ranges.sort_unstable();
    let overlaps = ranges
        .iter()
        .zip(ranges.iter().skip(1))
        .any(|((start, length), (next, _))| (*start as u64).saturating_add(*length) > *next as u64);
    if malformed || overlaps {
        members.remark(Remark::Malformed);
    }
    if malformed {
        // The directory leads elsewhere, perhaps to other parts of a split archive.
        local::recover(bytes, &seen, members);
    }
    Some(seen)
}

/// Whether a directory ends these bytes, whatever they begin with.
pub(super) fn ends_like_one(bytes: &[u8]) -> bool {
    Directory::find(bytes).is_some()
}

/// Hands one entry over; `None` when no more are wanted.
fn one(
    bytes: &[u8],
    entry: &Entry<'_>,
    members: &mut dyn Members,
    malformed: &mut bool,
) -> Option<()> {
    let is_folder = entry.name.ends_with(b"/") && entry.packed_bytes == 0;
    if is_folder {
        return Some(());
    }
    if entry.flags & ENCRYPTED_FLAGS != 0 {
        let content = Content::Unreadable(Remark::Encrypted);
        return members.member(entry.name, content).continue_value();
    }
    let rest = bytes.get(entry.data_at..).unwrap_or_default();
    let packed = usize::try_from(entry.packed_bytes)
        .ok()
        .and_then(|length| rest.get(..length))
        .unwrap_or_else(|| {
            *malformed = true;
            rest
        });
    if entry.method == 0 {
        *malformed |= entry.unpacked_bytes != entry.packed_bytes;
        let flow = members.member(entry.name, Content::Plain(packed));
        return flow.continue_value();
    }
    let mut counted = Counted::default();
    let flow = if entry.method == 8 {
        let mut decoder = DeflateDecoder::new(packed);
        let mut reader = counted.over(&mut decoder);
        members.member(
            entry.name,
            Content::Packed {
                reader: &mut reader,
                packed_bytes: packed.len() as u64,
            },
        )
    } else if let Some(mut decoder) = bounded(entry.method, packed) {
        let mut reader = counted.over(&mut *decoder);
        members.member(
            entry.name,
            Content::Packed {
                reader: &mut reader,
                packed_bytes: packed.len() as u64,
            },
        )
    } else if OTHER_METHODS.contains(&entry.method) {
        other_method(entry, packed, &mut counted, members)
    } else {
        members.member(entry.name, Content::Unreadable(Remark::UnknownMethod))
    };
    *malformed |= counted.ended && counted.bytes != entry.unpacked_bytes;
    flow.continue_value()
}

/// Decoders whose memory is limited, for methods that may ask for any amount.
fn bounded(method: u16, packed: &[u8]) -> Option<Box<dyn Read + '_>> {
    match method {
        93 => Some(Box::new(zstd::reader(packed).ok()?)),
        95 => Some(Box::new(xz::reader(packed).ok()?)),
        _ => None,
    }
}

/// Other methods are decoded by the zip library, behind a local header made
/// here: the archive's own may lie.
fn other_method(
    entry: &Entry<'_>,
    packed: &[u8],
    counted: &mut Counted,
    members: &mut dyn Members,
) -> std::ops::ControlFlow<()> {
    let mut header = Vec::with_capacity(LOCAL_BYTES + 1);
    header.extend_from_slice(LOCAL);
    header.extend_from_slice(&63u16.to_le_bytes());
    header.extend_from_slice(&0u16.to_le_bytes());
    header.extend_from_slice(&entry.method.to_le_bytes());
    header.extend_from_slice(&[0; 8]);
    let packed_32 = u32::try_from(packed.len()).unwrap_or(UNKNOWN_32);
    header.extend_from_slice(&packed_32.to_le_bytes());
    header.extend_from_slice(&0u32.to_le_bytes());
    header.extend_from_slice(&1u16.to_le_bytes());
    header.extend_from_slice(&0u16.to_le_bytes());
    header.push(b'm');
    let mut stream = Cursor::new(header).chain(packed);
    let options = ZipReadOptions::new()
        .ignore_crc32(true)
        .override_uncompressed_size(u64::MAX);
    match read_zipfile_from_stream_with_options(&mut stream, options) {
        Ok(Some(mut file)) => {
            let mut reader = counted.over(&mut file);
            members.member(
                entry.name,
                Content::Packed {
                    reader: &mut reader,
                    packed_bytes: packed.len() as u64,
                },
            )
        }
        Ok(None) | Err(_) => members.member(entry.name, Content::Unreadable(Remark::Malformed)),
    }
}

/// How much came out of a decoder, and whether it came to its end.
#[derive(Default)]
struct Counted {
    bytes: u64,
    ended: bool,
}

impl Counted {
    fn over<'a>(&'a mut self, inner: &'a mut dyn Read) -> CountedReader<'a> {
        CountedReader { inner, count: self }
    }
}

struct CountedReader<'a> {
    inner: &'a mut dyn Read,
    count: &'a mut Counted,
}

impl Read for CountedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.bytes = self.count.bytes.saturating_add(read as u64);
        self.count.ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

/// The central directory, entry by entry. The stated number of entries is not believed: what
/// follows an entry shows whether there is another.
struct Directory<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes before the archive, which its offsets don't count.
    prefix: u64,
}

impl<'a> Directory<'a> {
    fn find(bytes: &'a [u8]) -> Option<Self> {
        let window_at = bytes.len().saturating_sub(END_BYTES + COMMENT_BYTES);
        let mut window = bytes.get(window_at..)?;
        // Looking forwards is much faster, and most files have none.
        memmem::find(window, END)?;
        while let Some(found) = memmem::rfind(window, END) {
            if let Some(directory) = Self::at_end_record(bytes, window_at + found) {
                return Some(directory);
            }
            window = window.get(..found)?;
        }
        None
    }

    fn at_end_record(bytes: &'a [u8], end_at: usize) -> Option<Self> {
        let end = slice(bytes, end_at, END_BYTES)?;
        let mut size = u64::from(u32_at(end, 12)?);
        let mut offset = u64::from(u32_at(end, 16)?);
        let mut directory_end = end_at;
        let is_64 = u16_at(end, 10)? == u16::MAX
            || size == u64::from(UNKNOWN_32)
            || offset == u64::from(UNKNOWN_32);
        // The locator names an offset that a prefix falsifies; the record stands right before it.
        if is_64
            && let Some(at) = end_at.checked_sub(LOCATOR_BYTES + END64_BYTES)
            && let Some(end64) = slice(bytes, at, END64_BYTES)
            && end64.starts_with(END64)
        {
            size = u64_at(end64, 40)?;
            offset = u64_at(end64, 48)?;
            directory_end = at;
        }
        let real = (directory_end as u64).checked_sub(size);
        for at in [real, Some(offset)].into_iter().flatten() {
            let start = usize::try_from(at).ok()?;
            if slice(bytes, start, 4) == Some(CENTRAL) {
                return Some(Self {
                    bytes,
                    at: start,
                    prefix: at.saturating_sub(offset),
                });
            }
        }
        None
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let header = slice(self.bytes, self.at, CENTRAL_BYTES)?;
        let name_bytes = usize::from(u16_at(header, 28)?);
        let extra_bytes = usize::from(u16_at(header, 30)?);
        let comment_bytes = usize::from(u16_at(header, 32)?);
        let name_at = self.at + CENTRAL_BYTES;
        let name = slice(self.bytes, name_at, name_bytes)?;
        let extra = slice(self.bytes, name_at + name_bytes, extra_bytes)?;
        self.at = name_at + name_bytes + extra_bytes + comment_bytes;

        let mut wide = Zip64::find(extra);
        let unpacked_bytes = wide.or(u32_at(header, 24)?);
        let packed_bytes = wide.or(u32_at(header, 20)?);
        let offset = wide.or(u32_at(header, 42)?);
        let local_at = usize::try_from(offset.checked_add(self.prefix)?).ok()?;
        let local = slice(self.bytes, local_at, LOCAL_BYTES)?;
        local.starts_with(LOCAL).then_some(())?;
        let local_names = usize::from(u16_at(local, 26)?) + usize::from(u16_at(local, 28)?);
        Some(Entry {
            name,
            header_at: local_at,
            flags: u16_at(header, 8)?,
            method: u16_at(header, 10)?,
            packed_bytes,
            unpacked_bytes,
            data_at: local_at + LOCAL_BYTES + local_names,
        })
    }
}

impl<'a> Iterator for Directory<'a> {
    type Item = Option<Entry<'a>>;

    /// An entry, or `None` inside when it is broken.
    fn next(&mut self) -> Option<Self::Item> {
        (slice(self.bytes, self.at, 4) == Some(CENTRAL)).then(|| {
            let before = self.at;
            let entry = self.entry();
            // Always onwards, also behind a broken entry.
            if self.at == before {
                self.at = self.bytes.len();
            }
            entry
        })
    }
}

/// The extra field that holds what 32 bits can't, in the order in which it is missed.
struct Zip64<'a>(&'a [u8]);

impl<'a> Zip64<'a> {
    fn find(mut extra: &'a [u8]) -> Self {
        while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
            let Some(field) = slice(extra, 4, length.into()) else {
                break;
            };
            if id == 1 {
                return Self(field);
            }
            extra = extra.get(4 + usize::from(length)..).unwrap_or_default();
        }
        Self(&[])
    }

    fn or(&mut self, narrow: u32) -> u64 {
        if narrow != UNKNOWN_32 {
            return narrow.into();
        }
        let Some(wide) = u64_at(self.0, 0) else {
            return narrow.into();
        };
        self.0 = self.0.get(8..).unwrap_or_default();
        wide
    }
}
