//! Definitions in memory that nobody can change or truncate.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::Errno;

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// A memory file whose content and length are fixed for good (`memfd_create(2)` with seals), so
/// that mapping it is safe.
#[derive(Debug)]
pub struct Sealed(OwnedFd);

/// Why there is no sealed copy.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("definitions can't be copied into memory: {step}")]
    Io {
        step: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("expected definitions of at most {limit} bytes, got more; build a smaller set")]
    TooLarge { limit: u64 },
    #[error("expected a memory file sealed against writing, growing and shrinking")]
    NotSealed,
}

fn failed(step: &'static str) -> impl Fn(io::Error) -> SealError {
    move |source| SealError::Io { step, source }
}

impl Sealed {
    /// Copies bytes.
    ///
    /// # Errors
    /// When the system has no memory file for them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let mut memory = memory_file()?;
        memory.write_all(bytes).map_err(failed("writing"))?;
        Self::seal(memory)
    }

    /// Copies a file from its beginning, of at most `limit` bytes.
    ///
    /// # Errors
    /// When it is larger or can't be read.
    pub fn from_file(file: &File, limit: u64) -> Result<Self, SealError> {
        let mut memory = memory_file()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut at = 0u64;
        loop {
            let read = file.read_at(&mut chunk, at).map_err(failed("reading"))?;
            let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Self::seal(memory);
            };
            at += read as u64;
            if at > limit {
                return Err(SealError::TooLarge { limit });
            }
            memory.write_all(bytes).map_err(failed("writing"))?;
        }
    }

    /// Takes a descriptor that came from elsewhere, if it is sealed.
    ///
    /// # Errors
    /// When it is not.
    pub fn from_fd(descriptor: OwnedFd) -> Result<Self, SealError> {
        let seals = fcntl_get_seals(&descriptor).map_err(|_| SealError::NotSealed)?;
        if seals.contains(wanted()) {
            Ok(Self(descriptor))
        } else {
            Err(SealError::NotSealed)
        }
    }

    fn seal(memory: File) -> Result<Self, SealError> {
        let seals = wanted() | SealFlags::SEAL;
        fcntl_add_seals(&memory, seals).map_err(|error| failed("sealing")(error.into()))?;
        Self::from_fd(memory.into())
    }

    /// The same memory under another descriptor.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn try_clone(&self) -> Result<Self, SealError> {
        let again = self.0.try_clone().map_err(failed("duplicating"))?;
        Ok(Self(again))
    }
}

fn wanted() -> SealFlags {
    SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK
}

fn memory_file() -> Result<File, SealError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 don't know NOEXEC_SEAL.
    let descriptor = match memfd_create("garrison-definitions", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("garrison-definitions", flags),
        other => other,
    };
    descriptor
        .map(File::from)
        .map_err(|error| failed("making a memory file")(error.into()))
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_copy_can_be_neither_written_nor_cut() {
        let sealed = Sealed::from_bytes(b"definitions").unwrap();
        let file = File::from(sealed.try_clone().unwrap().0);
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(3).is_err());
        assert!(file.set_len(30).is_err());
        let mut content = [0; 11];
        file.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(&content, b"definitions");
    }

    #[test]
    fn a_file_that_can_change_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(matches!(
            Sealed::from_fd(file.into()),
            Err(SealError::NotSealed)
        ));
        assert!(matches!(
            Sealed::from_fd(memory_file().unwrap().into()),
            Err(SealError::NotSealed)
        ));
    }

    #[test]
    fn a_file_above_the_limit_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 100]).unwrap();
        assert!(Sealed::from_file(&file, 100).is_ok());
        assert!(matches!(
            Sealed::from_file(&file, 99),
            Err(SealError::TooLarge { limit: 99 })
        ));
    }
}
