//! tar: ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU and old archives.

use std::io::Cursor;

use model::verdict::Remark;
use tar::{Archive, EntryType};

use super::{Content, Members};

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let mut archive = Archive::new(Cursor::new(bytes));
    let Ok(entries) = archive.entries_with_seek() else {
        members.remark(Remark::Malformed);
        return;
    };
    for entry in entries {
        let Ok(mut entry) = entry else {
            members.remark(Remark::Malformed);
            return;
        };
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        let flow = match kind {
            // Sparse files are put together by the reader; all others stand as they are.
            EntryType::GNUSparse => {
                let packed_bytes = entry.header().entry_size().unwrap_or(0);
                members.member(
                    &name,
                    Content::Packed {
                        reader: &mut entry,
                        packed_bytes,
                    },
                )
            }
            EntryType::Directory
            | EntryType::Symlink
            | EntryType::Link
            | EntryType::Char
            | EntryType::Block
            | EntryType::Fifo
                if entry.size() == 0 =>
            {
                continue;
            }
            // Others are data for whoever reads them as such, whatever they call themselves.
            _ => {
                let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
                let length = usize::try_from(entry.size()).unwrap_or(usize::MAX);
                let stated = start
                    .checked_add(length)
                    .and_then(|end| bytes.get(start..end));
                let content = stated.or_else(|| bytes.get(start..)).unwrap_or_default();
                let flow = members.member(&name, Content::Plain(content));
                if stated.is_none() {
                    members.remark(Remark::Malformed);
                    return;
                }
                flow
            }
        };
        if flow.is_break() {
            return;
        }
    }
}
