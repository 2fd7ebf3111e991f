//! The data folder of a local installation: where it is by default, what stands in it, and the
//! lock that keeps two from running on it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::failure::Failure;

/// A local installation, as `garrison up` lays it out.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder that was named, or the user's own.
    ///
    /// # Errors
    /// When none was named and the environment has no home folder.
    pub(crate) fn find(named: Option<PathBuf>) -> anyhow::Result<Self> {
        let root = match named {
            Some(root) => root,
            None => default_root(|name| std::env::var_os(name).map(PathBuf::from))?,
        };
        let root = std::path::absolute(&root).map_err(Failure::usage)?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn manager(&self) -> PathBuf {
        self.root.join("manager")
    }

    pub(crate) fn cloud(&self) -> PathBuf {
        self.root.join("cloud")
    }

    pub(crate) fn agent(&self) -> PathBuf {
        self.root.join("agent")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// What `up` keeps of compiled definitions.
    pub(crate) fn definitions(&self) -> PathBuf {
        self.root.join("definitions")
    }

    /// Makes the folder and those below it, for their owner alone.
    ///
    /// # Errors
    /// When one can't be made.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        for folder in [
            self.root.clone(),
            self.manager(),
            self.cloud(),
            self.agent(),
            self.logs(),
            self.definitions(),
        ] {
            make_private(&folder)?;
        }
        Ok(())
    }
}

/// Makes a folder (and those above it) that only its owner enters.
pub(crate) fn make_private(folder: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| {
            Failure::misuse(format!(
                "{}: expected a folder that can be made and written: {error}; choose another with --data",
                folder.display()
            ))
        })
}

fn default_root(variable: impl Fn(&str) -> Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    if let Some(state) = absolute("XDG_STATE_HOME") {
        return Ok(state.join("garrison"));
    }
    match absolute("HOME") {
        Some(home) => Ok(home.join(".local/state/garrison")),
        None => Err(Failure::misuse(
            "expected a home folder in HOME or XDG_STATE_HOME, found none; name a data folder with --data",
        )),
    }
}

/// A folder's lock; it ends with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("{path}: process {holder} works on this data folder; stop it first, or name another folder with --data", path = .path.display())]
    Held { path: PathBuf, holder: String },
    #[error("{path}: the lock file can't be used", path = .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// How long between two tries.
const LOCK_POLL: Duration = Duration::from_millis(25);

impl Lock {
    /// Takes the lock, waiting for at most `patience`.
    ///
    /// # Errors
    /// When another process holds it all that time.
    pub(crate) fn take(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        let until = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(io(error.into())),
            }
            if Instant::now() >= until {
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            std::thread::sleep(LOCK_POLL);
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        file.write_all(std::process::id().to_string().as_bytes())
            .map_err(io)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(20).read_to_string(&mut text));
    let text = text.trim();
    if read.is_ok() && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.to_owned()
    } else {
        "(of unknown number)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<PathBuf> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| PathBuf::from(value))
        }
    }

    #[test]
    fn the_state_folder_of_the_user_is_the_default() {
        let root = |pairs: &[(&str, &str)]| default_root(environment(pairs)).unwrap();
        assert_eq!(
            root(&[("HOME", "/home/eve"), ("XDG_STATE_HOME", "/state")]),
            Path::new("/state/garrison")
        );
        assert_eq!(
            root(&[("HOME", "/home/eve"), ("XDG_STATE_HOME", "relative")]),
            Path::new("/home/eve/.local/state/garrison")
        );
        let error = default_root(environment(&[])).unwrap_err().to_string();
        assert!(error.contains("--data"), "{error}");
    }

    #[test]
    fn a_second_taker_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("up.lock");
        let first = Lock::take(&path, Duration::ZERO).unwrap();
        let error = Lock::take(&path, Duration::ZERO).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {} works", std::process::id())),
            "{error}"
        );
        drop(first);
        assert!(Lock::take(&path, Duration::ZERO).is_ok());
    }

    #[test]
    fn folders_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let data = Folder::find(Some(folder.path().join("data"))).unwrap();
        data.make().unwrap();
        for made in [data.root().to_owned(), data.agent(), data.logs()] {
            let mode = made.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", made.display());
        }
    }
}
