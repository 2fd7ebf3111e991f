//! Where definitions come from.

mod format;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(crate) use format::{ContainerKind, Format, HashedThing, SourceKind};

/// Bytes of one source file.
pub const MAX_SOURCE_BYTES: u64 = 1 << 30;
/// Source files of one build.
pub const MAX_SOURCES: usize = 100_000;
/// Folders inside each other.
const MAX_FOLDER_DEPTH: usize = 32;

/// One source; the end of its name says what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// For messages, and the namespace of YARA rules: relative to the folder that was given, so
    /// that the result doesn't depend on where that stands.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Why sources could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{}: can't be read; check that it exists and that you may read it", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{}: expected a folder or a file whose name ends as a source's does, such as .hdb, .hsb, \
         .mdb, .ndb, .ldb, .cvd, .sha256 or .yar", path.display()
    )]
    UnknownKind { path: PathBuf },
    #[error("{}: expected at most {MAX_SOURCE_BYTES} bytes; split it", path.display())]
    TooLarge { path: PathBuf },
    #[error("more than {MAX_SOURCES} source files; name fewer folders")]
    TooMany,
    #[error("{}: folders more than {MAX_FOLDER_DEPTH} deep; name one further down", path.display())]
    TooDeep { path: PathBuf },
}

/// Reads files, and all sources in folders (others, such as a README, are passed over there).
///
/// # Errors
/// What can't be read, is no source though it was named, or is more than the limits allow.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Source>, LoadError> {
    let mut sources = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(unreadable(path))?;
        if metadata.is_dir() {
            folder(path, "", 0, &mut sources)?;
            continue;
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| Format::of(name).is_some())
            .ok_or_else(|| LoadError::UnknownKind { path: path.clone() })?;
        file(path, name, &mut sources)?;
    }
    Ok(sources)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_owned();
    move |source| LoadError::Unreadable { path, source }
}

fn folder(
    path: &Path,
    prefix: &str,
    depth: usize,
    sources: &mut Vec<Source>,
) -> Result<(), LoadError> {
    if depth > MAX_FOLDER_DEPTH {
        return Err(LoadError::TooDeep {
            path: path.to_owned(),
        });
    }
    let mut entries = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(unreadable(path))? {
        entries.insert(entry.map_err(unreadable(path))?.path());
        if entries.len() > MAX_SOURCES {
            return Err(LoadError::TooMany);
        }
    }
    for entry in entries {
        let Some(own) = entry.file_name() else {
            continue;
        };
        let name = format!("{prefix}{}", own.to_string_lossy());
        // A link may lead in a circle; only what stands here is read.
        let metadata = fs::symlink_metadata(&entry).map_err(unreadable(&entry))?;
        if metadata.is_dir() {
            folder(&entry, &format!("{name}/"), depth + 1, sources)?;
        } else if metadata.is_file() && Format::of(&name).is_some() {
            file(&entry, name, sources)?;
        }
    }
    Ok(())
}

fn file(path: &Path, name: String, sources: &mut Vec<Source>) -> Result<(), LoadError> {
    if sources.len() >= MAX_SOURCES {
        return Err(LoadError::TooMany);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(unreadable(path))?
        .take(MAX_SOURCE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable(path))?;
    if bytes.len() as u64 > MAX_SOURCE_BYTES {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
        });
    }
    sources.push(Source { name, bytes });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_order_and_other_files_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("b")).unwrap();
        for name in ["b/two.yar", "a.hsb", "README.md"] {
            fs::write(root.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        let names: Vec<String> = load(&[root.path().to_owned()])
            .unwrap()
            .into_iter()
            .map(|source| source.name)
            .collect();
        assert_eq!(names, ["a.hsb", "b/two.yar"]);
    }

    #[test]
    fn a_named_file_that_is_no_source_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("notes.txt");
        fs::write(&path, "x").unwrap();
        assert!(matches!(
            load(std::slice::from_ref(&path)),
            Err(LoadError::UnknownKind { .. })
        ));
        assert!(matches!(
            load(&[root.path().join("absent.hdb")]),
            Err(LoadError::Unreadable { .. })
        ));
    }
}
