//! Zstandard (RFC 8878): one member, of one or more frames, skippable ones between.

use std::io::{self, BufRead, Read};

use model::verdict::Remark;
use zstd::stream::read::Decoder;

use super::fed::Yielding;
use super::{Content, Members, UNNAMED};

/// Frames that need a larger window are not read: 128 MiB, what `zstd --ultra --long` needs.
const WINDOW_LOG: u32 = 27;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let _ = match reader(bytes) {
        Ok(mut reader) => members.member(
            UNNAMED,
            Content::Packed {
                reader: &mut reader,
                packed_bytes: bytes.len() as u64,
            },
        ),
        Err(_) => members.member(UNNAMED, Content::Unreadable(Remark::Malformed)),
    };
}

/// What comes out of these frames; reading fails with [`io::ErrorKind::OutOfMemory`] when one needs
/// a larger window.
pub(super) fn reader<R: BufRead>(packed: R) -> io::Result<impl Read + use<R>> {
    let decoder = Yielding::new(packed, |fed| {
        let mut decoder = Decoder::with_buffer(fed)?;
        decoder.window_log_max(WINDOW_LOG)?;
        Ok::<_, io::Error>(decoder)
    })?;
    Ok(MemoryAware(decoder))
}

/// Tells "needs more memory than allowed" from "broken", which the library says in words only.
struct MemoryAware<R>(R);

impl<R: Read> Read for MemoryAware<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            if error.to_string().contains("memory") {
                io::Error::from(io::ErrorKind::OutOfMemory)
            } else {
                error
            }
        })
    }
}
