//! Frames: a 4-byte little-endian length, then JSON; a descriptor may come beside the length.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use proto::local::MAX_FRAME;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const HEADER: usize = 4;

/// Sends a message, with a descriptor beside it.
pub(super) fn send(
    stream: &UnixStream,
    message: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len())
        .ok()
        .filter(|_| text.len() <= MAX_FRAME)
        .ok_or_else(|| bad("expected a message of at most 4 MiB"))?;
    let header = length.to_le_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(bad("no room for a descriptor"));
    }
    let sent = rustix::net::sendmsg(
        stream.as_fd(),
        &[IoSlice::new(&header)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )?;
    if sent != HEADER {
        return Err(bad("the message was cut"));
    }
    (&*stream).write_all(&text)
}

/// Receives a message and the descriptor beside it; `None` when the other side is done.
pub(super) fn receive<T: DeserializeOwned>(
    stream: &UnixStream,
) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut header = [0; HEADER];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::net::recvmsg(
        stream.as_fd(),
        &mut [IoSliceMut::new(&mut header)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    // Descriptors beyond the first are closed here.
    let descriptor = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .next();
    if received.bytes == 0 {
        return Ok(None);
    }
    let rest = header.get_mut(received.bytes..).unwrap_or_default();
    (&*stream).read_exact(rest)?;
    let length = u32::from_le_bytes(header) as usize;
    if length > MAX_FRAME {
        return Err(bad("expected a message of at most 4 MiB"));
    }
    let mut text = Vec::new();
    stream.take(length as u64).read_to_end(&mut text)?;
    if text.len() != length {
        return Err(bad("the message was cut"));
    }
    let message = serde_json::from_slice(&text)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some((message, descriptor)))
}

fn bad(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use proto::local::Request;
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn a_message_and_its_descriptor_arrive() {
        let (left, right) = UnixStream::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        send(&left, &Request::Status, Some(file.as_fd())).unwrap();
        send(&left, &Request::CheckIn, None).unwrap();
        let (first, descriptor) = receive::<Request>(&right).unwrap().unwrap();
        assert!(matches!(first, Request::Status));
        assert_ne!(descriptor.unwrap().as_raw_fd(), file.as_raw_fd());
        let (second, descriptor) = receive::<Request>(&right).unwrap().unwrap();
        assert!(matches!(second, Request::CheckIn) && descriptor.is_none());
        drop(left);
        assert!(receive::<Request>(&right).unwrap().is_none());
    }

    #[test]
    fn too_long_cut_and_senseless_messages_are_refused() {
        for bytes in [
            &u32::MAX.to_le_bytes()[..],
            &[5, 0, 0, 0, b'{'],
            &[2, 0],
            &[2, 0, 0, 0, b'{', b'}'],
        ] {
            let (left, right) = UnixStream::pair().unwrap();
            (&left).write_all(bytes).unwrap();
            drop(left);
            assert!(receive::<Request>(&right).is_err(), "{bytes:?}");
        }
    }
}
