//! 7z (7-Zip's `7zFormat.txt`): the files of each folder come out of one decoder, one after the
//! other.

mod folder;
mod header;

use std::io::{self, Read};

use model::Limit;
use model::verdict::Remark;

use self::folder::Trouble;
use self::header::{Archive, Header};
use super::{Content, Members};
use crate::definitions::bytes::{slice, u64_at};

pub(super) const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";
const START_BYTES: usize = 32;
/// A header may be this large.
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// Headers packed inside packed headers.
const MAX_PACKED_HEADERS: usize = 4;
/// Bytes that are passed over between two looks at the clock.
const PASSED_BYTES: u64 = 8 << 20;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    match archive(bytes) {
        Ok(archive) => files(bytes, &archive, members),
        Err(Trouble::Remark(remark)) => members.remark(remark),
        Err(Trouble::Limit(limit)) => members.limit(limit),
    }
}

/// Whether an archive begins here whose header is there as well.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    next_header(bytes).is_some_and(|header| !header.is_empty())
}

fn next_header(bytes: &[u8]) -> Option<&[u8]> {
    let start = START_BYTES.checked_add(usize::try_from(u64_at(bytes, 12)?).ok()?)?;
    slice(bytes, start, usize::try_from(u64_at(bytes, 20)?).ok()?)
}

/// Reads the header, unpacking it as often as it is packed.
fn archive(bytes: &[u8]) -> Result<Archive, Trouble> {
    let header = next_header(bytes).ok_or(Trouble::MALFORMED)?;
    if header.is_empty() {
        return Ok(Archive::default());
    }
    if header.len() as u64 > MAX_HEADER_BYTES {
        return Err(Trouble::Limit(Limit::MemberSize));
    }
    let mut header = header.to_vec();
    for _ in 0..MAX_PACKED_HEADERS {
        let packed = match header::read(&header)? {
            Header::Plain(archive) => return Ok(archive),
            Header::Packed(archive) => archive,
        };
        let folder = packed.folders.first().ok_or(Trouble::MALFORMED)?;
        let size = folder.size();
        if size > MAX_HEADER_BYTES {
            return Err(Trouble::Limit(Limit::MemberSize));
        }
        header = Vec::new();
        folder
            .reader(data(bytes), &packed.packed)?
            .take(size)
            .read_to_end(&mut header)
            .map_err(|_| Trouble::MALFORMED)?;
    }
    Err(Trouble::Limit(Limit::Depth))
}

/// What follows the start, which all places count from.
fn data(bytes: &[u8]) -> &[u8] {
    bytes.get(START_BYTES..).unwrap_or_default()
}

fn files(bytes: &[u8], archive: &Archive, members: &mut dyn Members) {
    let mut names = archive.names.iter();
    for folder in &archive.folders {
        let own = names.by_ref().take(folder.files.len());
        let named: Vec<&[u8]> = own.map(Vec::as_slice).collect();
        let flow = match folder.reader(data(bytes), &archive.packed) {
            Ok(mut reader) => members_of(folder, &named, &mut *reader, archive, members),
            Err(Trouble::Limit(limit)) => {
                members.limit(limit);
                Some(())
            }
            Err(Trouble::Remark(remark)) => (0..folder.files.len()).try_for_each(|index| {
                let name = named.get(index).copied().unwrap_or(b"file");
                members
                    .member(name, Content::Unreadable(remark))
                    .continue_value()
            }),
        };
        if flow.is_none() {
            return;
        }
    }
}

fn members_of(
    folder: &folder::Folder,
    names: &[&[u8]],
    reader: &mut dyn Read,
    archive: &Archive,
    members: &mut dyn Members,
) -> Option<()> {
    let packed_bytes = folder.packed_bytes(&archive.packed);
    for (index, size) in folder.files.iter().enumerate() {
        let name = names.get(index).copied().unwrap_or(b"file");
        let mut file = reader.take(*size);
        let mut counted = Whole {
            inner: &mut file,
            failed: false,
        };
        members
            .member(
                name,
                Content::Packed {
                    reader: &mut counted,
                    packed_bytes,
                },
            )
            .continue_value()?;
        // What a limit left of this file comes before the next one.
        let failed = counted.failed;
        if failed || !pass_over(&mut file, members)? {
            members.remark(Remark::Malformed);
            return Some(());
        }
    }
    Some(())
}

/// Reads to the end of a file; whether it could be. `None` when no more is wanted.
fn pass_over<R: Read>(file: &mut io::Take<R>, members: &mut dyn Members) -> Option<bool> {
    while file.limit() > 0 {
        members.goes_on().then_some(())?;
        match io::copy(&mut file.take(PASSED_BYTES), &mut io::sink()) {
            Ok(0) => return Some(true),
            Ok(_) => {}
            Err(_) => return Some(false),
        }
    }
    Some(true)
}

/// A file of a stated size; data that ends before is damage.
struct Whole<'a, R> {
    inner: &'a mut io::Take<R>,
    failed: bool,
}

impl<R: Read> Read for Whole<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        let ends = matches!(read, Ok(0)) && self.inner.limit() > 0 && !buffer.is_empty();
        self.failed |= read.is_err() || ends;
        if ends {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read
    }
}
