//! bzip2: one member, of one or more streams.

use std::convert::Infallible;

use bzip2::bufread::MultiBzDecoder;

use super::fed::Yielding;
use super::{Content, Members, UNNAMED};

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let Ok(mut reader) = Yielding::new(bytes, |fed| Ok::<_, Infallible>(MultiBzDecoder::new(fed)));
    let content = Content::Packed {
        reader: &mut reader,
        packed_bytes: bytes.len() as u64,
    };
    let _ = members.member(UNNAMED, content);
}
