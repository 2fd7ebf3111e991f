//! RPM packages (version 3 and 4 of the format): lead, two headers, and a payload that shows its
//! own compression.

use model::verdict::Remark;

use super::{Content, Members};
use crate::definitions::bytes::slice;

const LEAD_BYTES: usize = 96;
const HEADER_MAGIC: &[u8] = b"\x8e\xad\xe8";
const INTRO_BYTES: usize = 16;
const INDEX_BYTES: usize = 16;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let payload = header_end(bytes, LEAD_BYTES)
        .and_then(|signature_end| signature_end.checked_next_multiple_of(8))
        .and_then(|header_at| header_end(bytes, header_at))
        .and_then(|end| bytes.get(end..));
    let Some(payload) = payload else {
        members.remark(Remark::Malformed);
        return;
    };
    let _ = members.member(b"payload", Content::Plain(payload));
}

/// Where the header that begins at `at` ends.
fn header_end(bytes: &[u8], at: usize) -> Option<usize> {
    let intro = slice(bytes, at, INTRO_BYTES)?;
    if !intro.starts_with(HEADER_MAGIC) {
        return None;
    }
    let number = |at: usize| {
        let array = slice(intro, at, 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(array)).ok()
    };
    let indexes = number(8)?.checked_mul(INDEX_BYTES)?;
    at.checked_add(INTRO_BYTES)?
        .checked_add(indexes)?
        .checked_add(number(12)?)
}
