//! The cloud's folder: what lies where, and who works in it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub(crate) const CLOUD_DB: &str = "cloud.db";
pub(crate) const CA_CERTIFICATE: &str = "ca.pem";
pub(crate) const CA_KEY: &str = "ca.key";
pub(crate) const PORTS: &str = "ports.json";
pub(crate) const FIRST_TOKEN: &str = "first-site-token";
pub(crate) const READY: &str = "ready.json";
const LOCK: &str = "lock";

/// The folder of one cloud.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

/// The right to work in a folder, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "held, not read")] File);

/// The folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: can't be {doing}; check that the disk has room and that this user may write there", path = .path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path}: another cloud works in this folder{holder}; stop it, or name another folder",
        path = .path.display()
    )]
    InUse { path: PathBuf, holder: String },
}

impl Folder {
    pub(crate) fn at(root: &Path) -> Self {
        Self(root.to_owned())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder, for its owner alone.
    pub(crate) fn make(&self) -> Result<(), FolderError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|source| FolderError::Io {
                path: self.0.clone(),
                doing: "made",
                source,
            })
    }

    /// Takes the folder for this process. The kernel lets go of it however the process ends.
    pub(crate) fn lock(&self) -> Result<FolderLock, FolderError> {
        let path = self.path(LOCK);
        let failed = |source| FolderError::Io {
            path: path.clone(),
            doing: "locked",
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse {
                    path: self.0.clone(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let id = std::process::id();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{id}"))
            .map_err(failed)?;
        Ok(FolderLock(file))
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(32).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!(" (process {})", text.trim()),
        Ok(_) | Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_folder_is_for_one_at_a_time() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::at(&outer.path().join("cloud"));
        folder.make().unwrap();
        assert_eq!(
            std::fs::metadata(folder.root()).unwrap().mode() & 0o777,
            0o700
        );
        let lock = folder.lock().unwrap();
        let error = folder.lock().unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(lock);
        folder.lock().unwrap();
    }
}
