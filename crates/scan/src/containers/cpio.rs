//! cpio (`cpio(5)`): the portable ASCII formats, old (`odc`) and new (`newc`, `crc`), and the
//! binary one in both orders of bytes.

use model::verdict::Remark;

use super::{Content, Members};
use crate::definitions::bytes::slice;

/// The name of the entry behind the last one.
const TRAILER: &[u8] = b"TRAILER!!!";
const FILE_TYPE_BITS: u64 = 0o170_000;
const REGULAR: u64 = 0o100_000;

/// What a header says.
struct Entry {
    mode: u64,
    header_bytes: usize,
    name_bytes: u64,
    data_bytes: u64,
    /// Names and data end at multiples of this.
    alignment: usize,
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let mut at = 0;
    while let Some(entry) = entry(bytes.get(at..).unwrap_or_default()) {
        let Some((name, data_at)) = name(bytes, at, &entry) else {
            members.remark(Remark::Malformed);
            return;
        };
        if name == TRAILER {
            return;
        }
        let rest = bytes.get(data_at..).unwrap_or_default();
        let length = usize::try_from(entry.data_bytes).unwrap_or(usize::MAX);
        let data = rest.get(..length);
        let is_data = entry.mode & FILE_TYPE_BITS == REGULAR || entry.mode & FILE_TYPE_BITS == 0;
        if is_data && entry.data_bytes > 0 {
            let content = Content::Plain(data.unwrap_or(rest));
            if members.member(name, content).is_break() {
                return;
            }
        }
        let next = data
            .and_then(|data| data_at.checked_add(data.len()))
            .and_then(|end| end.checked_next_multiple_of(entry.alignment));
        let Some(next) = next else {
            members.remark(Remark::Malformed);
            return;
        };
        at = next;
    }
    // Archives end with the trailer.
    members.remark(Remark::Malformed);
}

/// The name of the entry at `at`, and where its data begins.
fn name<'a>(bytes: &'a [u8], at: usize, entry: &Entry) -> Option<(&'a [u8], usize)> {
    let name_at = at.checked_add(entry.header_bytes)?;
    let length = usize::try_from(entry.name_bytes).ok()?;
    let name = slice(bytes, name_at, length)?;
    let data_at = name_at
        .checked_add(length)?
        .checked_next_multiple_of(entry.alignment)?;
    let end = name.iter().position(|byte| *byte == 0);
    Some((name.get(..end.unwrap_or(length))?, data_at))
}

fn entry(header: &[u8]) -> Option<Entry> {
    match header.get(..6)? {
        b"070701" | b"070702" => {
            let number = |field: usize| digits(header, 6 + 8 * field, 8, 16);
            Some(Entry {
                mode: number(1)?,
                header_bytes: 110,
                name_bytes: number(11)?,
                data_bytes: number(6)?,
                alignment: 4,
            })
        }
        b"070707" => Some(Entry {
            mode: digits(header, 18, 6, 8)?,
            header_bytes: 76,
            name_bytes: digits(header, 59, 6, 8)?,
            data_bytes: digits(header, 65, 11, 8)?,
            alignment: 1,
        }),
        [0xc7, 0x71, ..] => binary(header, u16::from_le_bytes),
        [0x71, 0xc7, ..] => binary(header, u16::from_be_bytes),
        _ => None,
    }
}

/// A binary header: words of 16 bits; sizes are two words, the high one first.
fn binary(header: &[u8], order: fn([u8; 2]) -> u16) -> Option<Entry> {
    let word = |index: usize| {
        let pair = slice(header, 2 * index, 2)?.try_into().ok()?;
        Some(u64::from(order(pair)))
    };
    Some(Entry {
        mode: word(3)?,
        header_bytes: 26,
        name_bytes: word(10)?,
        data_bytes: word(11)? << 16 | word(12)?,
        alignment: 2,
    })
}

fn digits(header: &[u8], at: usize, length: usize, radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(slice(header, at, length)?).ok()?;
    u64::from_str_radix(text.trim_matches([' ', '\0']), radix).ok()
}
