//! Mach-O for several processors: one file for each, side by side.

use model::verdict::Remark;

use super::{Content, Members};
use crate::definitions::bytes::slice;

const HEADER_BYTES: usize = 8;
const ARCHITECTURE_BYTES: usize = 20;
const MAX_ARCHITECTURES: usize = 32;

/// Whether this is such a file; Java classes begin alike, with a larger number behind.
pub(super) fn is_universal(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xca\xfe\xba\xbe") && count(bytes).is_some()
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let array = slice(bytes, at, 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(array)).ok()
}

fn count(bytes: &[u8]) -> Option<usize> {
    number(bytes, 4).filter(|count| *count <= MAX_ARCHITECTURES)
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    for index in 0..count(bytes).unwrap_or(0) {
        let at = HEADER_BYTES + index * ARCHITECTURE_BYTES;
        let place = number(bytes, at + 8).zip(number(bytes, at + 12));
        // What begins within the headers would hold itself.
        let content = place
            .filter(|(start, _)| *start >= at + ARCHITECTURE_BYTES)
            .and_then(|(start, size)| {
                let rest = bytes.get(start..)?;
                Some(rest.get(..size).unwrap_or(rest))
            });
        let Some(content) = content else {
            members.remark(Remark::Malformed);
            return;
        };
        let name = format!("architecture {index}");
        if members
            .member(name.as_bytes(), Content::Plain(content))
            .is_break()
        {
            return;
        }
    }
}
