//! The documents' texts, where this machine has them: never committed.

use std::path::PathBuf;

use flows::{Catalogue, Source};
use sha2::{Digest, Sha256};

/// A document, and the catalogue with rows from it.
pub(crate) struct Document {
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) source: &'static Source,
    pub(crate) text: String,
}

impl Document {
    /// The lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines.map(|(index, line)| (index + 1, line))
    }
}

/// The documents that catalogues were made from, found by their hash beside the corpora; `None`
/// (and a line that the runner counts) where they aren't here.
pub(crate) fn documents(test: &str) -> Option<Vec<Document>> {
    let Some(folder) = std::env::var_os("GARRISON_CORPUS").map(PathBuf::from) else {
        skip::skip(test, "GARRISON_CORPUS is not set");
        return None;
    };
    let folder = folder.join("../seeds");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        skip::skip(test, "there is no folder of documents beside the corpora");
        return None;
    };
    let texts: Vec<(String, String)> = entries
        .map(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let hash: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            (hash, String::from_utf8(bytes).unwrap())
        })
        .collect();
    let mut found = Vec::new();
    for id in vendors() {
        let catalogue = Catalogue::built_in(id).unwrap();
        for source in &catalogue.sources {
            let (_, text) = texts
                .iter()
                .find(|(hash, _)| *hash == source.sha256)
                .unwrap_or_else(|| panic!("no document has the hash of {}", source.id));
            found.push(Document {
                catalogue,
                source,
                text: text.clone(),
            });
        }
    }
    assert_eq!(found.len(), 5);
    Some(found)
}

/// The ids of the vendors' catalogues.
pub(crate) fn vendors() -> impl Iterator<Item = &'static str> {
    flows::built_in::ids().filter(|id| *id != flows::built_in::GARRISON)
}
