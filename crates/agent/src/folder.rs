//! The agent's folder: what lies where, and that one agent at a time uses it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// The folder, locked for this process.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    _lock: File,
}

/// Why the folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: {doing} failed ({source}); choose a folder that this user may write with --data", path = .path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path}: another agent uses this folder; stop it first, or give this one a folder of its own with --data",
        path = .path.display()
    )]
    InUse { path: PathBuf },
}

impl Folder {
    /// Makes the folder if there is none, closes it to others, and locks it.
    ///
    /// # Errors
    /// When it can't be made, or another process uses it.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let failed = |doing| {
            move |source| FolderError::Io {
                path: root.to_owned(),
                doing,
                source,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed("making the folder"))?;
        let root = std::fs::canonicalize(root).map_err(failed("opening the folder"))?;
        std::fs::set_permissions(&root, Permissions::from_mode(0o700))
            .map_err(failed("setting its rights"))?;
        let path = root.join("agent.lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("making its lock file"))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(FolderError::InUse { path: root }),
            Err(error) => return Err(failed("locking it")(error.into())),
        }
        for sub in ["identity", "definitions"] {
            match DirBuilder::new().mode(0o700).create(root.join(sub)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed("making a folder in it")(error));
                }
                _ => {}
            }
        }
        Ok(Self { root, _lock: lock })
    }

    /// The folder itself, with no link in its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("agent.redb")
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.root.join("identity")
    }

    pub(crate) fn policy(&self) -> PathBuf {
        self.root.join("policy.json")
    }

    pub(crate) fn network(&self) -> PathBuf {
        self.root.join("network.json")
    }

    pub(crate) fn definitions(&self) -> PathBuf {
        self.root.join("definitions").join("current.gdef")
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_at_a_time_uses_a_folder_that_others_can_not_enter() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/agent");
        let folder = Folder::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let second = Folder::open(&path).unwrap_err();
        assert!(matches!(second, FolderError::InUse { .. }));
        assert!(second.to_string().contains("--data"), "{second}");
        drop(folder);
        Folder::open(&path).unwrap();
    }
}
