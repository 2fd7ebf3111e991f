//! HTML: what it carries in `data:` addresses in base64 (RFC 2397). Normalised text is another
//! matter.

use memchr::memmem;

use super::mail::Base64;
use super::{Content, Members};

const MARK: &[u8] = b";base64,";
/// How far before the mark the address begins.
const ADDRESS_BYTES: usize = 256;

/// Whether there is anything to open.
pub(super) fn carries_data(bytes: &[u8]) -> bool {
    memmem::find(bytes, MARK).is_some()
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    for (number, at) in memmem::find_iter(bytes, MARK).enumerate() {
        let before = bytes
            .get(at.saturating_sub(ADDRESS_BYTES)..at)
            .unwrap_or_default();
        if memmem::rfind(before, b"data:").is_none() {
            continue;
        }
        let rest = bytes.get(at + MARK.len()..).unwrap_or_default();
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\'' | b'<' | b'>' | b')');
        let end = rest.iter().position(is_end).unwrap_or(rest.len());
        let text = rest.get(..end).unwrap_or(rest);
        let name = format!("data {}", number + 1);
        let content = Content::Packed {
            reader: &mut Base64::new(text),
            packed_bytes: text.len() as u64,
        };
        if members.member(name.as_bytes(), content).is_break() {
            return;
        }
    }
}
