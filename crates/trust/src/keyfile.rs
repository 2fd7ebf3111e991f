//! Small secret files: written whole or not at all, readable by their owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::secret;

/// Larger files are refused unread, bytes.
pub const MAX_BYTES: u64 = 64 << 10;
/// Owner reads and writes, nobody else does anything.
const MODE: u32 = 0o600;

/// A secret file can't be written or is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{path}: no such file", path = .path.display())]
    Missing { path: PathBuf },
    #[error("{path}: {doing} failed", path = .path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path}: others than its owner may read or change it (mode {mode:03o}), but it holds a secret; run \"chmod 600 {path}\", and make a new secret if somebody may have read it",
        path = .path.display()
    )]
    Permissions { path: PathBuf, mode: u32 },
    #[error("{path}: expected a regular file", path = .path.display())]
    NotAFile { path: PathBuf },
    #[error("{path}: expected a small secret file of at most {MAX_BYTES} bytes, got {size}", path = .path.display())]
    TooLarge { path: PathBuf, size: u64 },
    #[error("{path}: expected text in UTF-8", path = .path.display())]
    NotText { path: PathBuf },
}

/// Writes a file with mode 0600, in place of what was there before. After a crash at any moment
/// either the old or the new content is there, whole.
///
/// # Errors
/// When the folder is missing or can't be written, or the content is larger than [`MAX_BYTES`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_BYTES {
        return Err(KeyFileError::TooLarge {
            path: path.to_owned(),
            size,
        });
    }
    let draft = draft_path(path)?;
    let written = write_draft(&draft, bytes)
        .and_then(|()| std::fs::rename(&draft, path))
        .and_then(|()| sync_folder(path));
    written.map_err(|source| {
        let _ = std::fs::remove_file(&draft);
        failed(path, "writing", source)
    })
}

/// Reads a file that nobody but its owner may read or change.
///
/// # Errors
/// [`KeyFileError::Missing`] when there is none; others when it is readable by group or world, no
/// regular file, or larger than [`MAX_BYTES`].
pub fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let file = open(path)?;
    let metadata = file
        .metadata()
        .map_err(|source| failed(path, "reading", source))?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| failed(path, "reading", source))?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_BYTES {
        return Err(KeyFileError::TooLarge {
            path: path.to_owned(),
            size: size.max(metadata.len()),
        });
    }
    Ok(bytes)
}

/// [`read`], for a file of text.
///
/// # Errors
/// Those of [`read`], and when the content is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, KeyFileError> {
    String::from_utf8(read(path)?).map_err(|_| KeyFileError::NotText {
        path: path.to_owned(),
    })
}

/// Non-blocking, so that a FIFO in the file's place can't hold the caller.
fn open(path: &Path) -> Result<File, KeyFileError> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing {
                path: path.to_owned(),
            },
            _ => failed(path, "opening", source),
        })
}

fn draft_path(path: &Path) -> Result<PathBuf, KeyFileError> {
    let tag =
        secret::random_text().map_err(|error| failed(path, "writing", io::Error::other(error)))?;
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(tag.get(..12).unwrap_or_default());
    name.push(".draft");
    Ok(PathBuf::from(name))
}

fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(draft)?;
    // The umask can only take away; a restrictive one must not take the owner's rights.
    file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn failed(path: &Path, doing: &'static str, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        path: path.to_owned(),
        doing,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_was_written_reads_back_with_mode_0600() {
        let folder = folder();
        let path = folder.path().join("ca.key");
        for content in ["first", "second, and longer", ""] {
            write(&path, content.as_bytes()).unwrap();
            assert_eq!(read_text(&path).unwrap(), content);
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "no draft is left");
    }

    #[test]
    fn a_loose_file_becomes_tight_when_written() {
        let folder = folder();
        let path = folder.path().join("ca.key");
        std::fs::write(&path, "old").unwrap();
        set_mode(&path, 0o644);
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_others_may_read_or_change_is_refused() {
        let folder = folder();
        let path = folder.path().join("ca.key");
        write(&path, b"secret").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o602, 0o644, 0o601] {
            set_mode(&path, mode);
            let error = read(&path).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, KeyFileError::Permissions { .. }), "{text}");
            assert!(
                text.contains("chmod 600") && !text.contains("secret\""),
                "{text}"
            );
        }
        set_mode(&path, 0o400);
        assert_eq!(read(&path).unwrap(), b"secret");
    }

    #[test]
    fn a_missing_file_is_told_apart() {
        let folder = folder();
        let error = read(&folder.path().join("none")).unwrap_err();
        assert!(matches!(error, KeyFileError::Missing { .. }), "{error}");
    }

    #[test]
    fn size_is_bounded_both_ways() {
        let folder = folder();
        let path = folder.path().join("large");
        let largest = vec![1; usize::try_from(MAX_BYTES).unwrap()];
        write(&path, &largest).unwrap();
        assert_eq!(read(&path).unwrap(), largest);
        let larger = vec![1; largest.len() + 1];
        let error = write(&path, &larger).unwrap_err();
        assert!(matches!(error, KeyFileError::TooLarge { .. }), "{error}");
        assert_eq!(read(&path).unwrap(), largest, "the old content stays");
        std::fs::write(&path, &larger).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn folders_and_pipes_are_no_key_files() {
        let folder = folder();
        let error = read(folder.path()).unwrap_err();
        assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error}");
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let error = read(&pipe).unwrap_err();
        assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error}");
    }

    #[test]
    fn writing_into_a_missing_folder_says_where() {
        let folder = folder();
        let path = folder.path().join("none").join("ca.key");
        let error = write(&path, b"x").unwrap_err();
        assert!(error.to_string().contains("none/ca.key"), "{error}");
    }
}
