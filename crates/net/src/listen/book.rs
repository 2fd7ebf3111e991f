//! The ports that this process got, kept for its next start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flows::FlowId;
use serde::{Deserialize, Serialize};

/// Larger files are no books of ports.
const MAX_BYTES: u64 = 64 * 1024;

/// A small JSON file of flow → port. One process writes it; a manager and a cloud have one each.
#[derive(Debug)]
pub struct PortBook {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    ports: BTreeMap<FlowId, u16>,
}

/// A book of ports that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PortBookError {
    #[error("{path}: cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path}: expected the ports of the last start, got {reason}; delete the file to let them be chosen anew (agents that hold the old address must then be told the new one)"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error("{path}: cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl PortBook {
    /// Reads the file; one that doesn't exist is an empty book.
    ///
    /// # Errors
    /// When the file can't be read or is damaged.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, PortBookError> {
        let path = path.into();
        let content = match read(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| PortBookError::Damaged {
                path: path.clone(),
                reason: error.to_string(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(source) => return Err(PortBookError::Read { path, source }),
        };
        Ok(Self { path, content })
    }

    /// The port that the flow had last.
    #[must_use]
    pub fn remembered(&self, flow: &FlowId) -> Option<u16> {
        self.content
            .ports
            .get(flow)
            .copied()
            .filter(|port| *port != 0)
    }

    /// Keeps the port, and writes the file if that is news. The file is replaced in one step.
    ///
    /// # Errors
    /// When the file can't be written; the book then remembers nevertheless, until it is dropped.
    pub fn remember(&mut self, flow: &FlowId, port: u16) -> Result<(), PortBookError> {
        if self.content.ports.insert(flow.clone(), port) == Some(port) {
            return Ok(());
        }
        write(&self.path, &self.content).map_err(|source| PortBookError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(io::Error::other(format!(
            "it is larger than {MAX_BYTES} bytes"
        )));
    }
    Ok(text)
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let mut file = fs::File::create(&unfinished)?;
    let mut text = serde_json::to_string_pretty(content)?;
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flows::GarrisonFlow;

    #[test]
    fn ports_are_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ports.json");
        let mut book = PortBook::open(&path).unwrap();
        assert_eq!(book.remembered(&GarrisonFlow::Api.id()), None);
        book.remember(&GarrisonFlow::Api.id(), 4711).unwrap();
        book.remember(&GarrisonFlow::Console.id(), 4712).unwrap();
        let book = PortBook::open(&path).unwrap();
        assert_eq!(book.remembered(&GarrisonFlow::Api.id()), Some(4711));
        assert_eq!(book.remembered(&GarrisonFlow::Console.id()), Some(4712));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_book_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ports.json");
        for damage in [
            "",
            "{",
            "{\"ports\":{\"api\":70000}}",
            "{\"ports\":{\"A P\":1}}",
        ] {
            fs::write(&path, damage).unwrap();
            let error = PortBook::open(&path).unwrap_err();
            assert!(
                matches!(error, PortBookError::Damaged { .. }),
                "{damage}: {error}"
            );
            let text = error.to_string();
            assert!(
                text.contains("ports.json") && text.contains("delete the file"),
                "{text}"
            );
        }
    }
}
