//! Zstandard (RFC 8878): one member, of one or more frames, skippable ones between.

use std::io::{self, Read};

use model::verdict::Remark;
use zstd::stream::read::Decoder;

use super::{Content, Members, UNNAMED};

/// Frames that need a larger window are not read: 128 MiB, what `zstd --ultra --long` needs.
const WINDOW_LOG: u32 = 27;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let decoder = Decoder::with_buffer(bytes).and_then(|mut decoder| {
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(decoder)
    });
    let _ = match decoder {
        Ok(decoder) => members.member(
            UNNAMED,
            Content::Packed {
                reader: &mut MemoryAware(decoder),
                packed_bytes: bytes.len() as u64,
            },
        ),
        Err(_) => members.member(UNNAMED, Content::Unreadable(Remark::Malformed)),
    };
}

/// Tells "needs more memory than allowed" from "broken", which the library says in words only.
struct MemoryAware<'a>(Decoder<'static, &'a [u8]>);

impl Read for MemoryAware<'_> {
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
