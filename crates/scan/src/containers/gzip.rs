//! gzip (RFC 1952): one member, of one or more streams one after the other.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use model::Limit;
use model::verdict::Remark;

use super::{Content, Members, UNNAMED};

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let mut streams = Streams::new(bytes);
    let name = streams
        .current
        .as_ref()
        .and_then(|decoder| decoder.header()?.filename())
        .filter(|name| !name.is_empty())
        .unwrap_or(UNNAMED)
        .to_vec();
    let content = Content::Packed {
        reader: &mut streams,
        packed_bytes: bytes.len() as u64,
    };
    let _ = members.member(&name, content);
    if streams.empty_streams > MAX_EMPTY_STREAMS {
        members.limit(Limit::Members);
    }
    if streams.trailing_bytes {
        members.remark(Remark::Malformed);
    }
}

/// Streams without content, one after the other, before the rest is left unread: setting up a
/// decoder for each costs time that no limit on size sees.
const MAX_EMPTY_STREAMS: u32 = 1000;

/// All streams as one reader. What follows the last is padding when it is zeros, and otherwise
/// noted.
struct Streams<'a> {
    current: Option<GzDecoder<&'a [u8]>>,
    empty_streams: u32,
    trailing_bytes: bool,
}

impl<'a> Streams<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            current: Some(GzDecoder::new(bytes)),
            empty_streams: 0,
            trailing_bytes: false,
        }
    }
}

impl Read for Streams<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.current else {
                return Ok(0);
            };
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                self.empty_streams = 0;
                return Ok(read);
            }
            self.empty_streams += 1;
            if self.empty_streams > MAX_EMPTY_STREAMS {
                self.current = None;
                return Ok(0);
            }
            let rest = self.current.take().map_or(&[][..], GzDecoder::into_inner);
            if rest.starts_with(b"\x1f\x8b") {
                self.current = Some(GzDecoder::new(rest));
            } else {
                self.trailing_bytes = rest.iter().any(|byte| *byte != 0);
            }
        }
    }
}
