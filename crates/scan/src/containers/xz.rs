//! xz (the .xz file format, version 1.2): one member, of one or more streams.

use std::io::{self, Read};

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use model::verdict::Remark;

use super::fed::{Fed, Yielding};
use super::{Content, Members, UNNAMED};
use crate::limits::LZMA_MEMORY_BYTES;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let Ok(mut reader) = reader(bytes) else {
        let _ = members.member(UNNAMED, Content::Unreadable(Remark::Malformed));
        return;
    };
    let content = Content::Packed {
        reader: &mut reader,
        packed_bytes: bytes.len() as u64,
    };
    let _ = members.member(UNNAMED, content);
}

/// The streams of a file or a member, one after the other.
type Streams<'a> = MemoryAware<Yielding<XzDecoder<Fed<&'a [u8]>>>>;

/// What comes out of these streams; reading fails with [`io::ErrorKind::OutOfMemory`] when one needs
/// more memory than allowed.
pub(super) fn reader(packed: &[u8]) -> Result<Streams<'_>, liblzma::stream::Error> {
    let stream = Stream::new_stream_decoder(LZMA_MEMORY_BYTES, CONCATENATED)?;
    let reader = Yielding::new(packed, |fed| Ok(XzDecoder::new_stream(fed, stream)))?;
    Ok(MemoryAware(reader))
}

/// Tells "needs more memory than allowed" from "broken".
pub(super) struct MemoryAware<R>(pub(super) R);

impl<R: Read> Read for MemoryAware<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let inner = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>());
            match inner {
                Some(liblzma::stream::Error::MemLimit | liblzma::stream::Error::Mem) => {
                    io::Error::from(io::ErrorKind::OutOfMemory)
                }
                _ => error,
            }
        })
    }
}
