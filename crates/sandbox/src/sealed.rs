//! Definitions that nobody can change under their readers: a memory file that is sealed, or a file
//! that lies where it is and that only root and this very user may write.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, memfd_create};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::guarded;

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes read at a time to be compared.
const READ_BYTES: usize = 256 << 10;

/// Definitions whose bytes may be mapped and stay what they were. Either a memory file
/// (`memfd_create(2)`) that carries seals, or a file in place that is guarded (see
/// [`Sealed::from_file`]): whoever could change that could change this process just as well.
#[derive(Debug)]
pub struct Sealed {
    descriptor: OwnedFd,
    kept: Kept,
}

/// Where sealed definitions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// In a memory file of their own, which takes memory for all of them.
    InMemory,
    /// In their file: what of it is in memory is the kernel's page cache.
    InPlace,
}

/// Why definitions can't be kept from being changed.
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

    /// Takes a descriptor that is open for reading alone, for a file of at most `limit` bytes: a
    /// sealed memory file as it is; a file in place if it belongs to root or to this process's
    /// user, nobody else may write it, nobody has it open for writing, and it lies on a disk of
    /// this machine or in its memory. Anything else is copied, which takes as much memory as the
    /// file is large.
    ///
    /// # Errors
    /// When it is larger or can't be read.
    pub fn from_file(file: OwnedFd, limit: u64) -> Result<Self, SealError> {
        let kept = if is_sealed(&file) {
            Kept::InMemory
        } else if guarded::is_guarded(file.as_fd()) {
            Kept::InPlace
        } else {
            return Self::copy(&File::from(file), limit);
        };
        let size = rustix::fs::fstat(&file)
            .map_err(|error| failed("looking at the file")(error.into()))?
            .st_size;
        if u64::try_from(size).unwrap_or(u64::MAX) > limit {
            return Err(SealError::TooLarge { limit });
        }
        Ok(Self {
            descriptor: file,
            kept,
        })
    }

    /// What a pool has sealed and a template was given.
    pub(crate) const fn from_pool(descriptor: OwnedFd, kept: Kept) -> Self {
        Self { descriptor, kept }
    }

    /// Copies a file from its beginning.
    fn copy(file: &File, limit: u64) -> Result<Self, SealError> {
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

    fn seal(memory: File) -> Result<Self, SealError> {
        let seals = wanted() | SealFlags::SEAL;
        fcntl_add_seals(&memory, seals).map_err(|error| failed("sealing")(error.into()))?;
        Ok(Self {
            descriptor: memory.into(),
            kept: Kept::InMemory,
        })
    }

    pub(crate) const fn kept(&self) -> Kept {
        self.kept
    }

    /// Whether they stay in their file, so that only what is read of them takes memory.
    #[must_use]
    pub const fn is_in_place(&self) -> bool {
        matches!(self.kept, Kept::InPlace)
    }

    /// Their bytes, read front to back without being mapped, and how many they are.
    ///
    /// # Errors
    /// When the file can't be looked at.
    pub fn reader(&self) -> Result<(impl Read, u64), SealError> {
        let again = self.try_clone()?;
        let file = File::from(again.descriptor);
        let length = file
            .metadata()
            .map_err(failed("looking at the file"))?
            .len();
        let reader = BufReader::with_capacity(READ_BYTES, AtPlace { file, at: 0 });
        Ok((reader, length))
    }

    /// The same definitions under another descriptor.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn try_clone(&self) -> Result<Self, SealError> {
        Ok(Self {
            descriptor: self.descriptor.try_clone().map_err(failed("duplicating"))?,
            kept: self.kept,
        })
    }
}

/// Reads from a place of its own, and leaves the descriptor's alone, which others share.
struct AtPlace {
    file: File,
    at: u64,
}

impl Read for AtPlace {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn wanted() -> SealFlags {
    SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK
}

fn is_sealed(file: &OwnedFd) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(wanted()))
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
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A file with this content and mode, open for reading alone.
    fn file(content: &[u8], mode: u32) -> (tempfile::TempPath, OwnedFd) {
        let mut named = tempfile::NamedTempFile::new().unwrap();
        named.write_all(content).unwrap();
        let path = named.into_temp_path();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let opened = File::open(&path).unwrap();
        (path, opened.into())
    }

    fn content(sealed: &Sealed) -> Vec<u8> {
        let mut content = Vec::new();
        let (mut reader, length) = sealed.reader().unwrap();
        reader.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, length);
        content
    }

    #[test]
    fn a_sealed_copy_can_be_neither_written_nor_cut() {
        let sealed = Sealed::from_bytes(b"definitions").unwrap();
        let file = File::from(sealed.try_clone().unwrap().descriptor);
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(3).is_err());
        assert!(file.set_len(30).is_err());
        assert_eq!(content(&sealed), b"definitions");
        let again = Sealed::from_file(sealed.try_clone().unwrap().descriptor, 11).unwrap();
        assert_eq!(again.kept, Kept::InMemory);
    }

    #[test]
    fn a_file_that_others_may_write_is_copied_and_one_of_our_own_is_not() {
        for (mode, kept) in [
            (0o600, Kept::InPlace),
            (0o644, Kept::InPlace),
            (0o620, Kept::InMemory),
            (0o602, Kept::InMemory),
        ] {
            let (path, opened) = file(b"definitions", mode);
            let sealed = Sealed::from_file(opened, 11).unwrap();
            assert_eq!(sealed.kept, kept, "{mode:o}");
            assert_eq!(content(&sealed), b"definitions");
            if kept == Kept::InMemory {
                std::fs::write(&path, b"other bytes").unwrap();
                assert_eq!(content(&sealed), b"definitions");
            }
        }
    }

    #[test]
    fn a_file_that_is_open_for_writing_is_copied() {
        let (path, opened) = file(b"definitions", 0o600);
        let writer = File::options().append(true).open(&path).unwrap();
        let sealed = Sealed::from_file(opened.try_clone().unwrap(), 11).unwrap();
        assert_eq!(sealed.kept, Kept::InMemory);
        drop(writer);
        let sealed = Sealed::from_file(opened, 11).unwrap();
        assert_eq!(sealed.kept, Kept::InPlace);
        // Nor may the descriptor itself be one for writing.
        let both = File::options().read(true).write(true).open(&path).unwrap();
        let sealed = Sealed::from_file(both.into(), 11).unwrap();
        assert_eq!(sealed.kept, Kept::InMemory);
    }

    #[test]
    fn a_strangers_file_is_copied() {
        if !rustix::process::geteuid().is_root() {
            skip::skip(
                "a_strangers_file_is_copied",
                "only root can give a file away",
            );
            return;
        }
        let (path, opened) = file(b"definitions", 0o600);
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        let sealed = Sealed::from_file(opened, 11).unwrap();
        assert_eq!(sealed.kept, Kept::InMemory);
    }

    #[test]
    fn a_memory_file_without_seals_is_copied() {
        let mut memory = memory_file().unwrap();
        memory.write_all(b"definitions").unwrap();
        let again = memory.try_clone().unwrap();
        let sealed = Sealed::from_file(again.into(), 11).unwrap();
        memory.write_at(b"x", 0).unwrap();
        assert_eq!(content(&sealed), b"definitions");
    }

    #[test]
    fn a_file_above_the_limit_is_refused() {
        for mode in [0o600, 0o666] {
            let (_path, opened) = file(&[7; 100], mode);
            assert!(Sealed::from_file(opened.try_clone().unwrap(), 100).is_ok());
            assert!(matches!(
                Sealed::from_file(opened, 99),
                Err(SealError::TooLarge { limit: 99 })
            ));
        }
    }
}
