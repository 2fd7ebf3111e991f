//! LZMA alone (the format of LZMA Utils and of old RPM packages): one member.

use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;
use model::verdict::Remark;

use super::xz::MemoryAware;
use super::{Content, Members, UNNAMED};
use crate::limits::LZMA_MEMORY_BYTES;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let Ok(stream) = Stream::new_lzma_decoder(LZMA_MEMORY_BYTES) else {
        let _ = members.member(UNNAMED, Content::Unreadable(Remark::Malformed));
        return;
    };
    let mut reader = MemoryAware(XzDecoder::new_stream(bytes, stream));
    let content = Content::Packed {
        reader: &mut reader,
        packed_bytes: bytes.len() as u64,
    };
    let _ = members.member(UNNAMED, content);
}
