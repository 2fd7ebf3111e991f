//! The per-host registry: where local commands find the agents of this machine.
//!
//! An agent enters itself as `ID.json` beside its socket `ID.sock`: as root in
//! `/run/garrison/agents`, else in `$XDG_RUNTIME_DIR/garrison/agents`, else in
//! `/tmp/garrison-UID/agents`. A local command believes root's entries and its own user's, and no
//! others: each folder must belong to whom it should, and be closed to everybody else's writing.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::file::{self, FileError};

/// A Unix socket's path must fit in here, with the zero behind it.
const MAX_SOCKET_PATH: usize = 107;
const ROOTS: &str = "/run/garrison/agents";

/// An agent's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub pid: u32,
    /// The agent's folder.
    pub data: PathBuf,
    pub socket: PathBuf,
    pub version: String,
}

/// Why an agent can't enter itself.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{path}: {doing} failed ({source})", path = .path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{path} belongs to somebody else or others may write there; remove it, or set XDG_RUNTIME_DIR to a folder of this user", path = .path.display())]
    NotOurs { path: PathBuf },
    #[error(transparent)]
    File(#[from] FileError),
}

/// This agent's entry, which goes when this is dropped.
#[derive(Debug)]
pub struct Registered {
    entry: Entry,
    file: PathBuf,
}

impl Registered {
    /// Enters the agent of the folder `data`. `folder` names another registry than the usual.
    ///
    /// # Errors
    /// When no registry can be used.
    pub fn enter(data: &Path, folder: Option<&Path>) -> Result<Self, RegistryError> {
        let folders = match folder {
            Some(folder) => vec![folder.to_owned()],
            None => own_folders(rustix::process::geteuid().as_raw()),
        };
        let mut last = None;
        for folder in folders {
            match prepare(&folder) {
                Ok(()) => return Self::enter_in(data, &folder),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| RegistryError::NotOurs {
            path: PathBuf::from(ROOTS),
        }))
    }

    fn enter_in(data: &Path, folder: &Path) -> Result<Self, RegistryError> {
        remove_stale(folder);
        let id = id(data);
        let entry = Entry {
            pid: std::process::id(),
            data: data.to_owned(),
            socket: folder.join(format!("{id}.sock")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(Self {
            file: folder.join(format!("{id}.json")),
            entry,
        })
    }

    /// Makes the entry visible, once its socket is served.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn publish(&self) -> Result<(), RegistryError> {
        file::replace_json(&self.file, &self.entry)?;
        set_mode(&self.file, 0o644)
    }

    /// Where to serve.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.entry.socket
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(&self.entry.socket);
    }
}

/// The agents of this machine that a command of this user may believe, root's first. With `data`,
/// only the one of that folder. With `folder`, those of that registry.
#[must_use]
pub fn find(data: Option<&Path>, folder: Option<&Path>) -> Vec<Entry> {
    let wanted = data.map(|data| std::fs::canonicalize(data).unwrap_or_else(|_| data.to_owned()));
    let uid = rustix::process::geteuid().as_raw();
    let mut folders = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => own_folders(uid),
    };
    if folder.is_none() && uid != 0 {
        folders.insert(0, PathBuf::from(ROOTS));
    }
    let mut found = Vec::new();
    for folder in folders {
        if !is_closed(&folder, &[0, uid]) {
            continue;
        }
        for entry in entries(&folder) {
            if wanted.as_ref().is_none_or(|wanted| entry.data == *wanted) {
                found.push(entry);
            }
        }
    }
    found
}

fn own_folders(uid: u32) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if uid == 0 {
        folders.push(PathBuf::from(ROOTS));
    } else if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
        && runtime.is_absolute()
    {
        folders.push(runtime.join("garrison").join("agents"));
    }
    folders.push(PathBuf::from(format!("/tmp/garrison-{uid}/agents")));
    // 16 digits, a dot and "sock", after a slash.
    folders.retain(|folder| folder.as_os_str().len() + 22 <= MAX_SOCKET_PATH);
    folders
}

/// Makes the folder and the one above it, where they are missing, and looks whose they are.
fn prepare(folder: &Path) -> Result<(), RegistryError> {
    let uid = rustix::process::geteuid().as_raw();
    let above = folder.parent().unwrap_or(folder);
    for path in [above, folder] {
        match DirBuilder::new().mode(0o755).create(path) {
            // The umask may have closed it to the users who are to reach the socket.
            Ok(()) => set_mode(path, 0o755)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(RegistryError::Io {
                    path: path.to_owned(),
                    doing: "making it",
                    source,
                });
            }
        }
    }
    if is_closed(folder, &[uid]) {
        Ok(())
    } else {
        Err(RegistryError::NotOurs {
            path: folder.to_owned(),
        })
    }
}

/// Whether a folder is one, belongs to one of `owners`, and only its owner may write to it.
fn is_closed(folder: &Path, owners: &[u32]) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|metadata| {
        metadata.is_dir() && owners.contains(&metadata.uid()) && metadata.mode() & 0o022 == 0
    })
}

fn entries(folder: &Path) -> Vec<Entry> {
    let Ok(listing) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in listing.flatten().map(|entry| entry.path()) {
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && let Ok(Some(entry)) = file::read_json::<Entry>(&path)
            && entry.socket.parent() == Some(folder)
        {
            found.push(entry);
        }
    }
    found
}

/// Removes what agents that were killed left behind.
fn remove_stale(folder: &Path) {
    for entry in entries(folder) {
        if std::os::unix::net::UnixStream::connect(&entry.socket).is_err() {
            let _ = std::fs::remove_file(&entry.socket);
            let _ = std::fs::remove_file(entry.socket.with_extension("json"));
        }
    }
}

/// The name of the agent of a folder: one agent at a time uses a folder, so the name is its own.
fn id(data: &Path) -> String {
    let digest = sha2::Sha256::digest(data.as_os_str().as_encoded_bytes());
    hex::encode(digest).chars().take(16).collect()
}

fn set_mode(path: &Path, mode: u32) -> Result<(), RegistryError> {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|source| {
        RegistryError::Io {
            path: path.to_owned(),
            doing: "setting its rights",
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn an_agent_is_found_by_its_folder_while_it_runs() {
        let parent = tempfile::tempdir().unwrap();
        let registry = parent.path().join("agents");
        let data = parent.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let data = std::fs::canonicalize(data).unwrap();
        let registered = Registered::enter(&data, Some(&registry)).unwrap();
        assert!(find(None, Some(&registry)).is_empty(), "not yet published");
        let _listener = UnixListener::bind(registered.socket()).unwrap();
        registered.publish().unwrap();
        assert_eq!(find(Some(&data), Some(&registry)).len(), 1);
        assert!(find(Some(parent.path()), Some(&registry)).is_empty());
        drop(registered);
        assert!(find(None, Some(&registry)).is_empty());
        assert_eq!(std::fs::read_dir(&registry).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_agent_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let registry = parent.path().join("agents");
        let dead = Registered::enter(Path::new("/dead"), Some(&registry)).unwrap();
        drop(UnixListener::bind(dead.socket()).unwrap());
        dead.publish().unwrap();
        std::mem::forget(dead);
        let _next = Registered::enter(Path::new("/next"), Some(&registry)).unwrap();
        assert_eq!(std::fs::read_dir(&registry).unwrap().count(), 0);
    }

    #[test]
    fn a_registry_that_others_may_write_is_not_believed_nor_used() {
        let parent = tempfile::tempdir().unwrap();
        let registry = parent.path().join("agents");
        let registered = Registered::enter(Path::new("/a"), Some(&registry)).unwrap();
        registered.publish().unwrap();
        std::fs::set_permissions(&registry, Permissions::from_mode(0o777)).unwrap();
        assert!(find(None, Some(&registry)).is_empty());
        let refused = Registered::enter(Path::new("/b"), Some(&registry)).unwrap_err();
        assert!(matches!(refused, RegistryError::NotOurs { .. }));
    }
}
