//! Small files of the agent's own: written whole or not at all, for their owner's eyes only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Larger files of this kind are not ours.
const MAX_BYTES: u64 = 16 << 20;

/// Why a file of the agent's own can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: {doing} failed ({source}); check the folder's rights and the room on its disk", path = .path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{path} is damaged: {reason}", path = .path.display())]
    Damaged { path: PathBuf, reason: String },
}

/// Replaces a file's content durably; its mode becomes 0600.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    let write = || -> io::Result<()> {
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        sync_folder(path)
    };
    write().map_err(|source| {
        let _ = std::fs::remove_file(&draft);
        failed(path, "writing", source)
    })
}

/// Overwrites a file in place with as many bytes as it has: for a full disk, where [`replace`]
/// finds no room. A power cut meanwhile may leave half of each.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() != bytes.len() as u64 {
            return Err(io::Error::other("it has another size"));
        }
        file.write_all(bytes)?;
        file.sync_data()
    };
    write().map_err(|source| failed(path, "overwriting", source))
}

/// [`replace`], with JSON.
pub(crate) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| failed(path, "writing", io::Error::other(error)))?;
    replace(path, &text)
}

/// Reads a file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "opening", error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(path, "reading", error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(damaged(
            path,
            format!("it is larger than {MAX_BYTES} bytes"),
        ));
    }
    Ok(Some(bytes))
}

/// [`read`], of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| damaged(path, error.to_string()))
}

/// [`read`], of text.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| damaged(path, "it is not text".to_owned()))
}

/// Removes a file, if there is one.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed(path, "removing", error))
        }
        _ => Ok(()),
    }
}

/// Makes a change of names durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn failed(path: &Path, doing: &'static str, source: io::Error) -> FileError {
    FileError::Io {
        path: path.to_owned(),
        doing,
        source,
    }
}

fn damaged(path: &Path, reason: String) -> FileError {
    FileError::Damaged {
        path: path.to_owned(),
        reason,
    }
}
