//! Whole files, by name, in one folder.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A folder of blobs. A blob is there whole or not at all, whenever the process dies.
///
/// Calls block; async code runs them on a blocking thread.
#[derive(Debug, Clone)]
pub struct FolderBlobs {
    folder: PathBuf,
}

/// A failure with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error(
        "expected a blob's name (1 to 120 characters of a-z A-Z 0-9 . _ -, not beginning with a dot), got {0:?}"
    )]
    Name(String),
    #[error("{path}: {source}; check that the disk has room and that this user may write there", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: larger than the limit of {limit} bytes", path = path.display())]
    TooLarge { path: PathBuf, limit: u64 },
}

impl FolderBlobs {
    /// Opens the folder, makes it where it is missing, and removes what a dead process left half
    /// written.
    ///
    /// # Errors
    /// When the folder can't be made or read.
    pub fn open(folder: &Path) -> Result<Self, BlobError> {
        let blobs = Self {
            folder: folder.to_owned(),
        };
        fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
        for entry in fs::read_dir(folder).map_err(|source| io_error(folder, source))? {
            let entry = entry.map_err(|source| io_error(folder, source))?;
            if entry.file_name().to_string_lossy().starts_with(".half-") {
                fs::remove_file(entry.path()).map_err(|source| io_error(&entry.path(), source))?;
            }
        }
        Ok(blobs)
    }

    /// Where a blob lies.
    ///
    /// # Errors
    /// When the name is none.
    pub fn path(&self, name: &str) -> Result<PathBuf, BlobError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let good =
            (1..=120).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain);
        if good {
            Ok(self.folder.join(name))
        } else {
            Err(BlobError::Name(name.chars().take(130).collect()))
        }
    }

    /// Writes a blob, in place of the one of that name.
    ///
    /// # Errors
    /// When the disk refuses; then what was there before is still there.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = self.path(name)?;
        let half = self.folder.join(format!(".half-{name}"));
        let written = (|| {
            let mut file = File::create(&half)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&half, &path)?;
            File::open(&self.folder)?.sync_all()
        })();
        written.map_err(|source| {
            let _ = fs::remove_file(&half);
            io_error(&path, source)
        })
    }

    /// Reads a blob of at most `limit` bytes; `None` when there is none of that name.
    ///
    /// # Errors
    /// When it is larger, or can't be read.
    pub fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path(name)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error(&path, source)),
        };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| io_error(&path, source))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
            return Err(BlobError::TooLarge { path, limit });
        }
        Ok(Some(bytes))
    }

    /// Removes a blob; fine when there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, name: &str) -> Result<(), BlobError> {
        let path = self.path(name)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path, error)),
            _ => Ok(()),
        }
    }

    /// The names of all blobs, sorted.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn list(&self) -> Result<Vec<String>, BlobError> {
        let error = |source| io_error(&self.folder, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            let name = name.to_string_lossy();
            if self.path(&name).is_ok() {
                names.push(name.into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

fn io_error(path: &Path, source: io::Error) -> BlobError {
    BlobError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_reads_back_is_replaced_whole_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        blobs.write("2.gdef", b"two").unwrap();
        blobs.write("1.gdef", b"one").unwrap();
        blobs.write("2.gdef", b"zwei").unwrap();
        assert_eq!(
            blobs.read("2.gdef", 4).unwrap().as_deref(),
            Some(&b"zwei"[..])
        );
        assert_eq!(blobs.list().unwrap(), ["1.gdef", "2.gdef"]);
        blobs.remove("1.gdef").unwrap();
        blobs.remove("1.gdef").unwrap();
        assert_eq!(blobs.read("1.gdef", 4).unwrap(), None);
    }

    #[test]
    fn a_blob_above_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        blobs.write("big", b"12345").unwrap();
        assert!(matches!(
            blobs.read("big", 4),
            Err(BlobError::TooLarge { limit: 4, .. })
        ));
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        for name in ["../x", "a/b", "", ".half-x", ".."] {
            assert!(
                matches!(blobs.write(name, b"x"), Err(BlobError::Name(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn what_was_left_half_written_is_gone_after_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".half-9.gdef"), b"half").unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        assert!(blobs.list().unwrap().is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
