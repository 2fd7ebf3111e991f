//! bzip2: one member, of one or more streams.

use bzip2::bufread::MultiBzDecoder;

use super::{Content, Members, UNNAMED};

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let mut reader = MultiBzDecoder::new(bytes);
    let content = Content::Packed {
        reader: &mut reader,
        packed_bytes: bytes.len() as u64,
    };
    let _ = members.member(UNNAMED, content);
}
