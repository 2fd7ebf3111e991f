//! Reading the file that was passed. It is copied, not mapped: whoever owns it may change or
//! truncate it at any time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use model::ScanFailure;
use rustix::fs::fstat;
use rustix::io::{Errno, pread};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// A file's bytes as far as the limit allows.
pub(crate) struct FileContent {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of the whole file.
    pub(crate) size: u64,
}

/// Reads a file of any size up to `limit` bytes.
pub(crate) fn read(file: BorrowedFd<'_>, limit: u64) -> Result<FileContent, ScanFailure> {
    let unreadable = |error: Errno| ScanFailure::Unreadable {
        reason: io::Error::from(error).to_string(),
    };
    let stated = size(file).map_err(unreadable)?;
    // Files that the kernel makes up as they are read say that they are empty.
    let expected = if stated == 0 {
        limit
    } else {
        stated.min(limit)
    };
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while bytes.len() < expected {
        let start = bytes.len();
        let end = expected.min(start + CHUNK_BYTES);
        // The whole file at once: growing step by step would need twice the memory.
        let needed = if stated == 0 { end } else { expected };
        if bytes.try_reserve_exact(needed - start).is_err() {
            return Err(ScanFailure::OutOfMemory { member: Vec::new() });
        }
        bytes.resize(end, 0);
        let room = bytes.get_mut(start..).unwrap_or_default();
        match pread(file, room, start as u64) {
            Ok(read) => {
                bytes.truncate(start + read);
                if read == 0 {
                    break;
                }
            }
            Err(Errno::INTR) => bytes.truncate(start),
            Err(error) => return Err(unreadable(error)),
        }
    }
    let now = size(file).map_err(unreadable)?;
    if (stated > 0 && bytes.len() < expected) || now < stated {
        return Err(ScanFailure::Changed);
    }
    let size = stated.max(bytes.len() as u64);
    Ok(FileContent { bytes, size })
}

fn size(file: BorrowedFd<'_>) -> Result<u64, Errno> {
    let status = fstat(file.as_fd())?;
    Ok(u64::try_from(status.st_size).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_sparse_file_is_read_up_to_the_limit() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 40).unwrap();
        let content = read(file.as_fd(), 3 << 20).unwrap();
        assert_eq!((content.bytes.len(), content.size), (3 << 20, 1 << 40));
    }

    #[test]
    fn bytes_are_those_of_the_file_and_an_empty_one_is_empty() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(read(file.as_fd(), 100).unwrap().bytes, b"");
        file.write_all(b"content").unwrap();
        let content = read(file.as_fd(), 100).unwrap();
        assert_eq!(
            (content.bytes.as_slice(), content.size),
            (&b"content"[..], 7)
        );
    }

    #[test]
    fn what_can_not_be_read_says_why() {
        let folder = File::open("/").unwrap();
        let Err(ScanFailure::Unreadable { reason }) = read(folder.as_fd(), 100) else {
            panic!("expected a folder to be unreadable");
        };
        assert!(reason.contains("directory"), "{reason}");
    }
}
