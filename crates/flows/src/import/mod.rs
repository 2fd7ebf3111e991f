//! Reading lists that others keep: bytes in, a catalogue and a report out.
//!
//! What a list doesn't say stays unknown in the catalogue, with a caveat, and stands in the
//! report with its line; nothing is guessed. A row that is unknown reaches no perimeter rule.

mod aerleon;
mod build;
mod cells;
mod csv;
mod m365;
pub mod page;
#[cfg(test)]
mod tests;
mod yaml;

use serde::Serialize;

use crate::catalogue::{Catalogue, CatalogueError};
use crate::flow::Direction;
use crate::id::FlowId;

pub use aerleon::aerleon;
pub use csv::csv;
pub use m365::m365;

/// Larger files are refused.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Rows beyond this number refuse the file.
pub const MAX_ROWS: usize = 20_000;
/// Endpoints (hosts times ports) of one row; a row with more becomes unknown.
pub const MAX_ENDPOINTS: usize = 2_000;
/// Endpoints of the whole catalogue; more refuse the file.
pub const MAX_ALL_ENDPOINTS: usize = 200_000;
/// Characters of a cell that are read; a longer cell becomes unknown.
pub const MAX_CELL: usize = 16 * 1024;
/// Issues that are kept; the rest are counted.
pub const MAX_ISSUES: usize = 1_000;

/// What the one who imports knows beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// The catalogue's id.
    pub id: FlowId,
    /// What people call the source, such as a file's name or a page's title.
    pub title: String,
    pub vendor: String,
    pub product: String,
    /// The language of the list's words (ISO 639-1).
    pub language: String,
    /// The way in which the rows' connections are opened, where neither the row nor the format
    /// says it. While it is unknown, the rows reach no perimeter rule.
    pub direction: Direction,
    /// Files that belong to it: definitions of networks and services (Aerleon), the answers about
    /// versions and changes (Microsoft 365). The first of a pair is its name.
    pub companions: Vec<(String, Vec<u8>)>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            id: FlowId::from_static("imported"),
            title: "an imported list".to_owned(),
            vendor: "unknown".to_owned(),
            product: "unknown".to_owned(),
            language: "en".to_owned(),
            direction: Direction::Unknown,
            companions: Vec::new(),
        }
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub catalogue: Catalogue,
    pub report: ImportReport,
}

impl Imported {
    /// The catalogue as a TOML file.
    ///
    /// # Errors
    /// When a text can't be written in TOML.
    pub fn toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(&self.catalogue)
    }
}

/// What was understood, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Rows (or items, or terms) that became flows.
    pub flows: usize,
    /// Flows of which nothing is unknown.
    pub understood: usize,
    pub issues: Vec<Issue>,
    /// Issues beyond the first [`MAX_ISSUES`].
    pub more_issues: usize,
}

/// Something in the list that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Counted from 1; the number of the item where the format has no lines.
    pub line: usize,
    /// The column or key.
    pub column: String,
    /// Its first characters.
    pub text: String,
    /// What was expected, and what became of it.
    pub what: String,
}

impl ImportReport {
    pub(super) fn issue(&mut self, line: usize, column: &str, text: &str, what: impl Into<String>) {
        if self.issues.len() >= MAX_ISSUES {
            self.more_issues += 1;
            return;
        }
        self.issues.push(Issue {
            line,
            column: column.to_owned(),
            text: excerpt(text),
            what: what.into(),
        });
    }

    /// The report for people, one line an issue.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut out = format!(
            "{} flows, {} of them without anything unknown.\n",
            self.flows, self.understood
        );
        for issue in &self.issues {
            let Issue {
                line,
                column,
                text,
                what,
            } = issue;
            let _ = writeln!(out, "line {line}, {column}: {what}: {text:?}");
        }
        if self.more_issues > 0 {
            let _ = writeln!(out, "and {} more that are not listed", self.more_issues);
        }
        out
    }
}

/// The first characters of a text, for messages.
fn excerpt(text: &str) -> String {
    const SHOWN: usize = 120;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// A file that no catalogue can be made of.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the file has {bytes} bytes, at most {MAX_BYTES} are read; split it")]
    TooLarge { bytes: usize },
    #[error("the file has more than {MAX_ROWS} rows; split it")]
    TooManyRows,
    #[error(
        "the page names more than {} hosts and ports; save the part with the list alone",
        page::MAX_MENTIONS
    )]
    TooManyMentions,
    #[error("the list gives more than {MAX_ALL_ENDPOINTS} pairs of host and port; split it")]
    TooManyEndpoints,
    #[error(
        "expected a first line that names columns for hosts and ports (such as \"host\" and \"port\"), got {got:?}; name the columns"
    )]
    NoColumns { got: String },
    #[error("the file holds no row")]
    Empty,
    #[error("expected {expected}, got {got}")]
    Shape { expected: &'static str, got: String },
    #[error("expected JSON")]
    Json(#[from] serde_json::Error),
    #[error("{file}: expected YAML, got something else at line {line}: {problem}")]
    Yaml {
        file: String,
        line: usize,
        problem: String,
    },
    #[error("the rows make no valid catalogue")]
    Catalogue(#[from] CatalogueError),
}
