//! Files embedded as objects, and what encryption leaves to see.

use flate2::bufread::ZlibDecoder;
use memchr::memchr;

use super::{Entry, File};
use crate::containers::{Content, Members};
use crate::definitions::bytes::{slice, u16_at, u32_at};

const NATIVE: &str = "\u{1}Ole10Native";
const POWERPOINT: &str = "PowerPoint Document";
/// A record of PowerPoint with an object, and the instance that says it is packed.
const OBJECT_RECORD: u16 = 0x1011;
const PACKED_INSTANCE: u16 = 1;
/// How the main stream of Word begins.
const WORD_MARK: u16 = 0xa5ec;
const CONTAINER_VERSION: u16 = 0xf;

/// Hands over the files that a stream embeds.
pub(super) fn visit(
    file: &File<'_>,
    entry: &Entry,
    path: &str,
    members: &mut dyn Members,
) -> Option<()> {
    if entry.name.eq_ignore_ascii_case(NATIVE) {
        return file.look_at(entry, members, |stream, members| {
            let Some((name, content)) = native(stream) else {
                return Some(());
            };
            let name = [path.as_bytes(), b"/", name].concat();
            members
                .member(&name, Content::Plain(content))
                .continue_value()
        });
    }
    if entry.name.eq_ignore_ascii_case(POWERPOINT) {
        return file.look_at(entry, members, powerpoint);
    }
    Some(())
}

/// A packaged file: its size, names, and the file.
fn native(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = stream.get(6..)?;
    let (name, rest) = until_zero(rest)?;
    let (_, rest) = until_zero(rest)?;
    let (_, rest) = until_zero(rest.get(8..)?)?;
    let size = usize::try_from(u32_at(rest, 0)?).ok()?;
    let content = rest.get(4..)?;
    Some((name, content.get(..size).unwrap_or(content)))
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Objects in the records of PowerPoint ([MS-PPT]), each OLE2 itself and mostly packed.
fn powerpoint(stream: &[u8], members: &mut dyn Members) -> Option<()> {
    let mut at = 0;
    let mut number = 0;
    while let Some(header) = slice(stream, at, 8) {
        let (Some(version), Some(kind), Some(size)) =
            (u16_at(header, 0), u16_at(header, 2), u32_at(header, 4))
        else {
            break;
        };
        at += header.len();
        // What is in a container follows its header.
        if version & 0xf == CONTAINER_VERSION {
            continue;
        }
        let rest = stream.get(at..).unwrap_or_default();
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let data = rest.get(..size).unwrap_or(rest);
        at += data.len();
        if kind != OBJECT_RECORD {
            continue;
        }
        number += 1;
        let name = format!("object {number}");
        // The unpacked size comes before.
        let flow = match data.get(4..) {
            Some(packed) if version >> 4 == PACKED_INSTANCE => members.member(
                name.as_bytes(),
                Content::Packed {
                    reader: &mut ZlibDecoder::new(packed),
                    packed_bytes: packed.len() as u64,
                },
            ),
            _ => members.member(name.as_bytes(), Content::Plain(data)),
        };
        flow.continue_value()?;
    }
    Some(())
}

/// Whether the document can't be read without a password, by the marks of its program.
pub(super) fn is_encrypted(file: &File<'_>) -> bool {
    let head = |name: &str, length: usize| file.stream(name).map(|entry| file.head(entry, length));
    let word = head("WordDocument", 12)
        .filter(|head| u16_at(head, 0) == Some(WORD_MARK))
        .and_then(|head| u16_at(&head, 10))
        .is_some_and(|flags| flags & 0x0100 != 0);
    let powerpoint = head("Current User", 16)
        .and_then(|head| u32_at(&head, 12))
        .is_some_and(|mark| mark == 0xf3d1_c4df);
    let excel = ["Workbook", "Book"]
        .iter()
        .any(|name| head(name, 4096).is_some_and(|head| has_password_record(&head)));
    file.stream("EncryptedPackage").is_some() || word || powerpoint || excel
}

/// Looks for the record of a password among the first records of a workbook.
fn has_password_record(head: &[u8]) -> bool {
    const PASSWORD: u16 = 0x2f;
    let mut at = 0;
    while let (Some(kind), Some(size)) = (u16_at(head, at), u16_at(head, at + 2)) {
        if kind == PASSWORD {
            return true;
        }
        at += 4 + usize::from(size);
    }
    false
}
