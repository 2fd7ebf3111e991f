//! HTML: what it carries in `data:` addresses in base64 (RFC 2397). Normalised text is another
//! matter.

use memchr::memmem;

use super::mail::Base64;
use super::{Content, Members};

const MARK: &[u8] = b";base64,";

/// Whether there is anything to open.
pub(super) fn carries_data(bytes: &[u8]) -> bool {
    memmem::find(bytes, MARK).is_some()
}

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\'' | b'<' | b'>' | b')');
    let mut earliest = 0;
    for (number, at) in memmem::find_iter(bytes, MARK).enumerate() {
        // The address begins behind the one before, and behind what ends one.
        let before = bytes.get(earliest..at).unwrap_or_default();
        earliest = at + MARK.len();
        let address = before.rsplit(is_end).next().unwrap_or_default();
        if memmem::rfind(address, b"data:").is_none() {
            continue;
        }
        let rest = bytes.get(earliest..).unwrap_or_default();
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
