//! The walk: which files a scan opens, and what it passes over and why.
//!
//! Nothing but regular files is ever opened for reading, so no FIFO can hang the walk and no device
//! is touched. Links met on the way are not followed; a path that somebody named is resolved once,
//! at the beginning. The walk keeps its own stack and never recurses.

mod file_system;
mod open;
mod seen;

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use model::EndpointPath;
use model::verdict::{FileOutcome, FileReport, ScanFailure, SkipReason};
use rustix::fs::{AtFlags, Dir, Stat};

use open::Kind;
pub use open::own_key;
use seen::Seen;

/// Folders inside each other, at most; what lies deeper is reported as unreadable.
pub const MAX_DEPTH: usize = 512;
/// Files with several names and folders remembered at most. Past it, one may be scanned twice.
const MAX_SEEN: usize = 1 << 20;

/// Device and inode number: what a file is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    pub device: u64,
    pub inode: u64,
}

/// What a walk is to leave out.
#[derive(Debug, Clone, Default)]
pub struct Omit {
    /// Paths, and everything below them.
    pub excluded: Vec<PathBuf>,
    /// The agent's own vault and database (see [`own_key`]).
    pub own: Vec<FileKey>,
}

/// What a walk meets.
#[derive(Debug)]
pub enum Found {
    /// A regular file, open for reading.
    File(FoundFile),
    /// Something that is reported without being read.
    Passed(FileReport),
}

/// A regular file, open for reading.
#[derive(Debug)]
pub struct FoundFile {
    pub path: PathBuf,
    pub file: OwnedFd,
    /// Bytes when it was opened.
    pub size: u64,
    /// The number of the user that it belonged to.
    pub owner: u32,
}

/// A walk over files and folders. It ends by itself: give up a walk by dropping it.
#[derive(Debug)]
pub struct Walk {
    starts: std::vec::IntoIter<PathBuf>,
    stack: Vec<Folder>,
    omit: Omit,
    files: Seen,
    folders: Seen,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    entries: Dir,
    device: u64,
}

impl Walk {
    /// Begins a walk over `paths`, in their order.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, omit: Omit) -> Self {
        Self {
            starts: paths.into_iter(),
            stack: Vec::new(),
            omit,
            files: Seen::new(MAX_SEEN),
            folders: Seen::new(MAX_SEEN),
        }
    }

    /// A path that somebody named: links in it are followed, once.
    fn start(&mut self, named: &Path) -> Option<Found> {
        let path = match std::fs::canonicalize(named) {
            Ok(path) => path,
            Err(error) => {
                let named = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
                return Some(failed(&named, &error));
            }
        };
        match open::stat_path(&path) {
            Ok(stat) => self.enter(path.clone(), &path, None, &stat, None),
            Err(error) => Some(failed(&path, &error)),
        }
    }

    /// The next entry of the innermost folder; `None` when it has no more.
    fn step(&mut self) -> Option<Found> {
        let depth = self.stack.len();
        let folder = self.stack.last_mut()?;
        let entry = match folder.entries.read() {
            None => {
                self.stack.pop();
                return None;
            }
            Some(Err(error)) => {
                let found = failed(&folder.path, &error.into());
                self.stack.pop();
                return Some(found);
            }
            Some(Ok(entry)) => entry,
        };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            return None;
        }
        let path = folder.path.join(OsStr::from_bytes(name.to_bytes()));
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let looked_at = folder.entries.fd().and_then(|fd| {
            Ok((
                rustix::fs::statat(fd, name, flags)?,
                fd.try_clone_to_owned(),
            ))
        });
        let (stat, parent) = match looked_at {
            Ok((stat, Ok(parent))) => (stat, parent),
            Ok((_, Err(error))) => return Some(failed(&path, &error)),
            Err(error) => return Some(failed(&path, &error.into())),
        };
        let device = folder.device;
        let is_folder = Kind::of(&stat) == Kind::Folder;
        if is_folder && depth >= MAX_DEPTH {
            let reason = format!(
                "expected at most {MAX_DEPTH} folders inside each other; scan this one by itself"
            );
            return Some(unreadable(&path, reason));
        }
        self.enter(path, name, Some(&parent), &stat, Some(device))
    }

    /// Judges what stands at `path`: opens a file, goes into a folder, passes over the rest.
    fn enter<P: rustix::path::Arg + Copy>(
        &mut self,
        path: PathBuf,
        name: P,
        parent: Option<&OwnedFd>,
        stat: &Stat,
        parent_device: Option<u64>,
    ) -> Option<Found> {
        let key = open::key(stat);
        if self.omit.own.contains(&key) {
            return Some(skipped(&path, SkipReason::OwnData));
        }
        if self
            .omit
            .excluded
            .iter()
            .any(|excluded| path.starts_with(excluded))
        {
            return Some(skipped(&path, SkipReason::Excluded));
        }
        let is_folder = match Kind::of(stat) {
            Kind::File => false,
            Kind::Folder => true,
            Kind::Other(reason) => return Some(skipped(&path, reason)),
        };
        let new = if is_folder {
            self.folders.insert(key)
        } else {
            stat.st_nlink < 2 || self.files.insert(key)
        };
        if !new {
            return Some(skipped(&path, SkipReason::AlreadySeen));
        }
        let opened = match parent {
            Some(parent) => open::open(parent.as_fd(), name, is_folder, &key),
            None => open::open(rustix::fs::CWD, name, is_folder, &key),
        };
        let (fd, stat) = match opened {
            Ok(opened) => opened,
            Err(error) => return Some(failed(&path, &error)),
        };
        // Another file system begins here; inside one, nothing changes.
        if parent_device != Some(key.device) && file_system::is_pseudo(fd.as_fd()) {
            return Some(skipped(&path, SkipReason::PseudoFileSystem));
        }
        if !is_folder {
            return Some(Found::File(FoundFile {
                path,
                file: fd,
                size: u64::try_from(stat.st_size).unwrap_or(0),
                owner: stat.st_uid,
            }));
        }
        match Dir::new(fd) {
            Ok(entries) => self.stack.push(Folder {
                path,
                entries,
                device: key.device,
            }),
            Err(error) => return Some(failed(&path, &error.into())),
        }
        None
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let found = if self.stack.is_empty() {
                let start = self.starts.next()?;
                self.start(&start)
            } else {
                self.step()
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

fn skipped(path: &Path, reason: SkipReason) -> Found {
    passed(path, FileOutcome::Skipped { reason })
}

fn failed(path: &Path, error: &std::io::Error) -> Found {
    unreadable(path, error.to_string())
}

fn unreadable(path: &Path, reason: String) -> Found {
    let failure = ScanFailure::Unreadable { reason };
    passed(path, FileOutcome::Failed { failure })
}

fn passed(path: &Path, outcome: FileOutcome) -> Found {
    Found::Passed(FileReport {
        path: EndpointPath::from_path(path),
        outcome,
    })
}

#[cfg(test)]
mod tests;
