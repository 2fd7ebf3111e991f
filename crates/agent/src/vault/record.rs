//! What the vault notes beside each item: all that a restore needs.

use std::ffi::OsString;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::local::QuarantineItem;
use rustix::fs::{Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use serde::{Deserialize, Serialize};

use crate::walk::FileKey;

/// Extended attributes of one file: bytes of all names, and of one value. Linux's own limits.
const MAX_NAMES: usize = 64 << 10;
const MAX_VALUE: usize = 64 << 10;

/// The note beside an item.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) item: QuarantineItem,
    pub(super) phase: Phase,
    attributes: Attributes,
}

/// What is being done with the item; after a crash it is done to its end, or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Phase {
    /// The copy is whole; the original is about to go.
    Taking {
        device: u64,
        inode: u64,
    },
    Kept,
    /// A restored file with this number is about to get its name.
    Restoring {
        device: u64,
        inode: u64,
    },
    Deleting,
}

/// A file's attributes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    uid: u32,
    gid: u32,
    /// Permissions with the set-id and sticky bits.
    mode: u32,
    /// Seconds and nanoseconds.
    accessed: (i64, i64),
    modified: (i64, i64),
    /// Name and value, both base64.
    extended: Vec<(String, String)>,
}

impl Record {
    /// Reads the attributes of an open file.
    pub(super) fn new(item: QuarantineItem, file: BorrowedFd<'_>, stat: &Stat) -> io::Result<Self> {
        Ok(Self {
            item,
            phase: Phase::Taking {
                device: stat.st_dev,
                inode: stat.st_ino,
            },
            attributes: Attributes {
                uid: stat.st_uid,
                gid: stat.st_gid,
                mode: stat.st_mode & 0o7777,
                accessed: (stat.st_atime, nanoseconds(stat.st_atime_nsec)),
                modified: (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
                extended: extended(file)?,
            },
        })
    }

    /// Gives a restored file its attributes. Answers what could not be given: without root's rights
    /// an agent can't give files away.
    pub(super) fn apply(&self, file: BorrowedFd<'_>) -> io::Result<Vec<String>> {
        let attributes = &self.attributes;
        let mut missing = Vec::new();
        let now = rustix::fs::fstat(file)?;
        let owner = (now.st_uid != attributes.uid).then(|| Uid::from_raw(attributes.uid));
        let group = (now.st_gid != attributes.gid).then(|| Gid::from_raw(attributes.gid));
        if owner.is_some() && rustix::fs::fchown(file, owner, None).is_err() {
            missing.push(format!("owner {}", attributes.uid));
        }
        if group.is_some() && rustix::fs::fchown(file, None, group).is_err() {
            missing.push(format!("group {}", attributes.gid));
        }
        // A set-id bit is meant for the owner it was given with.
        let mode = if missing.is_empty() {
            attributes.mode
        } else {
            attributes.mode & 0o777
        };
        for (name, value) in &attributes.extended {
            let decoded = STANDARD.decode(name).ok().zip(STANDARD.decode(value).ok());
            let given = decoded.is_some_and(|(name, value)| {
                let name = OsString::from_vec(name);
                rustix::fs::fsetxattr(file, name, &value, XattrFlags::empty()).is_ok()
            });
            if !given {
                missing.push(format!("attribute {name} (base64)"));
            }
        }
        // After the owner: a change of owner clears the set-id bits.
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
        let time = |(tv_sec, tv_nsec): (i64, i64)| Timespec { tv_sec, tv_nsec };
        rustix::fs::futimens(
            file,
            &Timestamps {
                last_access: time(attributes.accessed),
                last_modification: time(attributes.modified),
            },
        )?;
        Ok(missing)
    }
}

impl Phase {
    /// The number of the file that a phase is about.
    pub(super) const fn key(self) -> Option<FileKey> {
        match self {
            Self::Taking { device, inode } | Self::Restoring { device, inode } => {
                Some(FileKey { device, inode })
            }
            Self::Kept | Self::Deleting => None,
        }
    }
}

fn extended(file: BorrowedFd<'_>) -> io::Result<Vec<(String, String)>> {
    let mut names = vec![0; MAX_NAMES];
    let length = match rustix::fs::flistxattr(file, names.as_mut_slice()) {
        Ok(length) => length,
        // A file system without them.
        Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    names.truncate(length);
    let mut found = Vec::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0; MAX_VALUE];
        let name_text = std::ffi::OsStr::from_bytes(name);
        match rustix::fs::fgetxattr(file, name_text, value.as_mut_slice()) {
            Ok(length) => value.truncate(length),
            // Removed meanwhile, or not to be read by us.
            Err(
                rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP | rustix::io::Errno::PERM,
            ) => {
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        found.push((STANDARD.encode(name), STANDARD.encode(value)));
    }
    Ok(found)
}

fn nanoseconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(0)
}
