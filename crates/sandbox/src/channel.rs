//! Frames over a Unix socket pair: four bytes of length, little-endian, then JSON. A frame may
//! carry two descriptors, which travel with its first byte.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recv, recvmsg, send as send_bytes, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Descriptors of one frame.
const MAX_DESCRIPTORS: usize = 2;
/// Bytes of one frame. A verdict at all its limits stays below it.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// Why nothing was sent or received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the other side has closed")]
    Closed,
    #[error("no answer in time")]
    TimedOut,
    #[error("expected a frame of at most {MAX_FRAME_BYTES} bytes, got {0}")]
    TooLong(usize),
    #[error("expected at most {MAX_DESCRIPTORS} descriptors, got {0}")]
    TooManyDescriptors(usize),
    #[error("a frame could not be read or written as JSON")]
    Form(#[from] serde_json::Error),
    #[error("the socket failed")]
    Io(#[from] io::Error),
}

/// Sends one frame.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    message: &impl Serialize,
    attached: &[BorrowedFd<'_>],
) -> Result<(), ChannelError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    let prefix = u32::try_from(length)
        .ok()
        .filter(|_| length <= MAX_FRAME_BYTES)
        .ok_or(ChannelError::TooLong(length))?;
    for (place, byte) in frame.iter_mut().zip(prefix.to_le_bytes()) {
        *place = byte;
    }
    let mut sent = 0;
    if !attached.is_empty() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(attached)) {
            return Err(ChannelError::TooManyDescriptors(attached.len()));
        }
        let parts = [IoSlice::new(&frame)];
        sent = again(|| sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL))?;
    }
    while let Some(rest) = frame.get(sent..).filter(|rest| !rest.is_empty()) {
        sent += again(|| send_bytes(socket, rest, SendFlags::NOSIGNAL))?;
    }
    Ok(())
}

/// Receives one frame, until `deadline` if there is one.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    deadline: Option<Instant>,
) -> Result<(T, Vec<OwnedFd>), ChannelError> {
    let mut prefix = [0u8; 4];
    let (first, attached) = receive_first(socket, &mut prefix, deadline)?;
    let rest = prefix.get_mut(first..).unwrap_or_default();
    receive_all(socket, rest, deadline)?;
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    if length > MAX_FRAME_BYTES {
        return Err(ChannelError::TooLong(length));
    }
    let mut frame = vec![0; length];
    receive_all(socket, &mut frame, deadline)?;
    Ok((serde_json::from_slice(&frame)?, attached))
}

fn receive_first(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    deadline: Option<Instant>,
) -> Result<(usize, Vec<OwnedFd>), ChannelError> {
    wait(socket, deadline)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = again(|| recvmsg(socket, &mut parts, &mut control, flags))?;
    if received.bytes == 0 {
        return Err(ChannelError::Closed);
    }
    let attached = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        })
        .flatten()
        .collect();
    Ok((received.bytes, attached))
}

fn receive_all(
    socket: BorrowedFd<'_>,
    mut buffer: &mut [u8],
    deadline: Option<Instant>,
) -> Result<(), ChannelError> {
    while !buffer.is_empty() {
        wait(socket, deadline)?;
        let (_, received) = again(|| recv(socket, &mut *buffer, RecvFlags::empty()))?;
        if received == 0 {
            return Err(ChannelError::Closed);
        }
        buffer = buffer.get_mut(received..).unwrap_or_default();
    }
    Ok(())
}

/// Whether bytes come, or the other side closes, before the deadline.
pub(crate) fn has_come(socket: BorrowedFd<'_>, deadline: Instant) -> Result<bool, ChannelError> {
    match wait(socket, Some(deadline)) {
        Ok(()) => Ok(true),
        Err(ChannelError::TimedOut) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits for bytes, or for the other side to close.
fn wait(socket: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<(), ChannelError> {
    let Some(deadline) = deadline else {
        return Ok(());
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChannelError::TimedOut);
        }
        let left = Timespec::try_from(left).unwrap_or(Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        });
        let mut sockets = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        match poll(&mut sockets, Some(&left)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

/// Repeats what a signal interrupted.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, ChannelError> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(ChannelError::Closed),
            other => return Ok(other.map_err(io::Error::from)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_frame_arrives_with_its_descriptor() {
        let (left, right) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"through").unwrap();
        send(left.as_fd(), &"hello", &[file.as_fd()]).unwrap();
        send(left.as_fd(), &"again", &[]).unwrap();
        let (text, mut descriptors) = receive::<String>(right.as_fd(), None).unwrap();
        assert_eq!(text, "hello");
        let mut arrived = std::fs::File::from(descriptors.pop().unwrap());
        arrived.rewind().unwrap();
        let mut content = String::new();
        arrived.read_to_string(&mut content).unwrap();
        assert_eq!(content, "through");
        let (text, descriptors) = receive::<String>(right.as_fd(), None).unwrap();
        assert_eq!((text.as_str(), descriptors.len()), ("again", 0));
    }

    #[test]
    fn silence_ends_at_the_deadline_and_closing_at_once() {
        let (left, right) = UnixStream::pair().unwrap();
        let soon = Instant::now() + Duration::from_millis(20);
        let silence = receive::<String>(right.as_fd(), Some(soon));
        assert!(matches!(silence, Err(ChannelError::TimedOut)));
        drop(left);
        let later = Instant::now() + Duration::from_secs(600);
        let closed = receive::<String>(right.as_fd(), Some(later));
        assert!(matches!(closed, Err(ChannelError::Closed)));
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_read() {
        let (mut left, right) = UnixStream::pair().unwrap();
        left.write_all(&u32::MAX.to_le_bytes()).unwrap();
        let refused = receive::<String>(right.as_fd(), None);
        assert!(matches!(refused, Err(ChannelError::TooLong(_))));
    }
}
