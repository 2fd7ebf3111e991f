//! The ledger: what the documents behind the vendors' catalogues name, and whether Garrison does
//! it.
//!
//! Two lists come together here: the systems (`catalogue/coverage.toml`, each with its state and
//! tests) and the rows of the vendors' catalogues (each with its counterpart). [`rows`] is for
//! programs, [`markdown`] is docs/coverage.md.

mod paper;
mod row;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::id::FlowId;
use crate::origin::Confidence;

pub use paper::markdown;
pub use row::{Citation, Listener, Row, rows};

const TEXT: &str = include_str!("../catalogue/coverage.toml");

/// The systems of the documents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    #[serde(rename = "document")]
    pub documents: Vec<Document>,
    #[serde(rename = "system")]
    pub systems: Vec<System>,
}

/// A document, and the catalogue's source that it became.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Three digits.
    pub number: String,
    pub catalogue: FlowId,
    pub source: FlowId,
}

/// A system or feature that documents name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    pub id: FlowId,
    pub name: String,
    /// Numbers of the documents that name it.
    pub documents: Vec<String>,
    pub state: State,
    /// What of it works.
    #[serde(default)]
    pub does: String,
    /// Names of test functions that show it.
    #[serde(default)]
    pub tests: Vec<String>,
    #[serde(default)]
    pub lacks: String,
    /// Where documents tell of it outside of their lists.
    #[serde(default)]
    pub told: Vec<Told>,
}

/// Lines of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    pub document: String,
    /// Counted from 1: `12` or `12-17`.
    pub lines: String,
}

/// How far Garrison does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    NotYet,
    Partly,
    Works,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "not yet",
            Self::Partly => "partly",
            Self::Works => "works",
        })
    }
}

impl Ledger {
    /// The ledger, read once.
    #[must_use]
    pub fn built_in() -> &'static Self {
        #[expect(
            clippy::expect_used,
            reason = "the text is built in, and a test reads the same text"
        )]
        static READ: LazyLock<Ledger> =
            LazyLock::new(|| Ledger::parse(TEXT).expect("the built-in ledger is valid"));
        &READ
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The system of that id.
    #[must_use]
    pub fn system(&self, id: &FlowId) -> Option<&System> {
        self.systems.iter().find(|system| system.id == *id)
    }

    /// The number of the document that became the source.
    #[must_use]
    pub fn number(&self, catalogue: &Catalogue, source: &FlowId) -> Option<&str> {
        self.documents
            .iter()
            .find(|one| one.catalogue == catalogue.id && one.source == *source)
            .map(|one| one.number.as_str())
    }

    /// What in it, or in the vendors' catalogues, leads nowhere or claims too much; one sentence
    /// each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for system in &self.systems {
            let id = &system.id;
            if !seen.insert(id) {
                problems.push(format!("system {id} occurs twice"));
            }
            if system.state == State::Works && system.tests.is_empty() {
                problems.push(format!("system {id} works, and no test shows it"));
            }
            if system.state != State::NotYet && system.does.is_empty() {
                problems.push(format!("system {id} does not say what it does"));
            }
            let told = system.told.iter().map(|told| &told.document);
            for number in system.documents.iter().chain(told) {
                if !self.documents.iter().any(|one| one.number == *number) {
                    problems.push(format!("system {id} names no document with {number:?}"));
                }
            }
        }
        for document in &self.documents {
            let known = Catalogue::built_in(document.catalogue.as_str())
                .is_some_and(|own| own.sources.iter().any(|one| one.id == document.source));
            if !known {
                problems.push(format!(
                    "document {}: {} has no source {}",
                    document.number, document.catalogue, document.source
                ));
            }
        }
        let rows = rows();
        for row in &rows {
            for id in row.systems.iter().filter(|id| self.system(id).is_none()) {
                problems.push(format!("{} {}: no system {id}", row.catalogue, row.flow));
            }
            if row.systems.is_empty() {
                problems.push(format!("{} {}: no system", row.catalogue, row.flow));
            }
            if row.state == State::Works && (row.listeners.is_empty() || row.tests.is_empty()) {
                problems.push(format!(
                    "{} {}: works without a listener and a test",
                    row.catalogue, row.flow
                ));
            }
        }
        for system in &self.systems {
            let in_rows = rows.iter().any(|row| row.systems.contains(&system.id));
            if !in_rows && system.told.is_empty() {
                problems.push(format!(
                    "system {} has no row and is told of nowhere",
                    system.id
                ));
            }
        }
        problems
    }
}

/// The lines with what a source says; what it garbles or what is inferred counts elsewhere.
const fn says(confidence: Confidence) -> bool {
    match confidence {
        Confidence::Stated => true,
        Confidence::Inferred | Confidence::Garbled => false,
    }
}

#[cfg(test)]
mod tests;
