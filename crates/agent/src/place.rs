//! Places in the file system, reached without following a link: a folder that nobody can have
//! exchanged for a link to somewhere else, and a name in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat};

use crate::walk::FileKey;

/// A name in an open folder.
#[derive(Debug)]
pub(crate) struct Place {
    folder: OwnedFd,
    name: OsString,
}

impl Place {
    /// Opens the folder of an absolute path, one component after the other.
    ///
    /// # Errors
    /// When a component is missing, no folder, or a link; or the path has no plain file name.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let plain = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "expected an absolute path of a file",
            )
        };
        let name = path.file_name().ok_or_else(plain)?;
        let parent = path.parent().ok_or_else(plain)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
        let mut components = parent.components();
        if components.next() != Some(Component::RootDir) {
            return Err(plain());
        }
        for component in components {
            let Component::Normal(component) = component else {
                return Err(plain());
            };
            // A folder that may be passed but not read is enough on the way.
            folder = rustix::fs::openat(&folder, component, flags | OFlags::PATH, Mode::empty())?;
        }
        Ok(Self {
            folder,
            name: name.to_owned(),
        })
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(crate) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// What stands here, links not followed.
    pub(crate) fn stat(&self) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this very file stands here.
    pub(crate) fn holds(&self, key: FileKey) -> io::Result<bool> {
        Ok(self.stat()?.is_some_and(|stat| key_of(&stat) == key))
    }

    /// Removes the name.
    pub(crate) fn unlink(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.folder,
            &self.name,
            AtFlags::empty(),
        )?)
    }

    /// Makes a change of names in the folder durable, as far as the folder may be opened for it.
    pub(crate) fn sync(&self) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if let Ok(folder) = rustix::fs::openat(&self.folder, ".", flags, Mode::empty()) {
            let _ = rustix::fs::fsync(folder);
        }
    }
}

/// What a file is, whatever its name.
pub(crate) fn key_of(stat: &Stat) -> FileKey {
    FileKey {
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

/// Where the kernel says that an open file lies, with no link in the path.
///
/// # Errors
/// When /proc is not mounted, or the path is longer than the system can say.
pub(crate) fn real_path(file: BorrowedFd<'_>) -> io::Result<PathBuf> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let target = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(target.to_bytes())))
}
