//! ar (`ar(5)`), with the long names of GNU and BSD. Debian packages are such archives.

use model::verdict::Remark;

use super::{Content, Members};
use crate::definitions::bytes::slice;

const MAGIC: &[u8] = b"!<arch>\n";
const HEADER_BYTES: usize = 60;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let mut at = MAGIC.len();
    let mut long_names: &[u8] = &[];
    while let Some(header) = slice(bytes, at, HEADER_BYTES) {
        let size = number(header.get(48..58).unwrap_or_default());
        let (Some(size), true) = (size, header.ends_with(b"`\n")) else {
            members.remark(Remark::Malformed);
            return;
        };
        let rest = bytes.get(at + HEADER_BYTES..).unwrap_or_default();
        let stated = usize::try_from(size).ok().and_then(|size| rest.get(..size));
        let mut content = stated.unwrap_or(rest);
        let field = header.get(..16).unwrap_or_default().trim_ascii_end();
        let mut name = field.strip_suffix(b"/").unwrap_or(field);
        if field == b"//" {
            long_names = content;
        } else if let Some(place) = field.strip_prefix(b"/").and_then(number) {
            name = long_name(long_names, place).unwrap_or(field);
        } else if let Some(length) = field.strip_prefix(b"#1/").and_then(number)
            && let Some((long, data)) = usize::try_from(length)
                .ok()
                .and_then(|length| content.split_at_checked(length))
        {
            name = long.split(|byte| *byte == 0).next().unwrap_or(long);
            content = data;
        }
        // Lists of symbols and of names are no files, but bytes that could be anything.
        if !content.is_empty() && members.member(name, Content::Plain(content)).is_break() {
            return;
        }
        let Some(stated) = stated else {
            members.remark(Remark::Malformed);
            return;
        };
        at = (at + HEADER_BYTES + stated.len()).next_multiple_of(2);
    }
    if at < bytes.len() {
        members.remark(Remark::Malformed);
    }
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

fn long_name(names: &[u8], place: u64) -> Option<&[u8]> {
    let rest = names.get(usize::try_from(place).ok()?..)?;
    let name = rest.split(|byte| *byte == b'\n').next()?;
    Some(name.strip_suffix(b"/").unwrap_or(name))
}
