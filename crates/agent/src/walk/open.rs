//! Looking at what stands behind a name, and opening it without side effects.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use model::verdict::SkipReason;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::path::Arg;

use super::FileKey;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Other(SkipReason),
}

impl Kind {
    pub(super) fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Other(SkipReason::SymbolicLink),
            FileType::Fifo => Self::Other(SkipReason::Fifo),
            FileType::Socket => Self::Other(SkipReason::Socket),
            FileType::CharacterDevice => Self::Other(SkipReason::CharacterDevice),
            FileType::BlockDevice => Self::Other(SkipReason::BlockDevice),
            // Linux knows no others.
            FileType::Unknown => Self::Other(SkipReason::CharacterDevice),
        }
    }
}

/// What a file is, whatever its name.
pub(super) fn key(stat: &Stat) -> FileKey {
    FileKey {
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

/// What stands at a path, links not followed: for the agent's own files, which a walk leaves out.
///
/// # Errors
/// When nothing stands there, or it can't be looked at.
pub fn own_key(path: &Path) -> io::Result<FileKey> {
    stat_path(path).map(|stat| key(&stat))
}

/// Looks without opening.
pub(super) fn stat_path(path: &Path) -> io::Result<Stat> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    Ok(rustix::fs::statat(rustix::fs::CWD, path, flags)?)
}

/// Opens a regular file or a folder that was looked at before. The flags make sure that even what
/// was put in its place meanwhile is opened without waiting and without a side effect.
pub(super) fn open<P: Arg + Copy>(
    parent: BorrowedFd<'_>,
    name: P,
    is_folder: bool,
    expected: &FileKey,
) -> io::Result<(OwnedFd, Stat)> {
    let mut flags = OFlags::RDONLY
        | OFlags::CLOEXEC
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::NOATIME;
    if is_folder {
        flags |= OFlags::DIRECTORY;
    }
    let fd = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        // Only owner and root may leave the time of access alone.
        Err(rustix::io::Errno::PERM) => {
            rustix::fs::openat(parent, name, flags - OFlags::NOATIME, Mode::empty())
        }
        opened => opened,
    }?;
    let stat = rustix::fs::fstat(&fd)?;
    if key(&stat) != *expected {
        return Err(io::Error::other(
            "it was replaced while it was opened; scan it again",
        ));
    }
    Ok((fd, stat))
}
