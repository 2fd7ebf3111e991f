//! What is wrong with sources.

use std::fmt;

/// Errors that one failed build lists; the rest is counted.
const LISTED: usize = 50;

/// One bad line or rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    /// The source's name.
    pub source: String,
    /// The line, counted from 1; absent when it is the source as a whole.
    pub line: Option<usize>,
    /// What was expected and what came.
    pub reason: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.source, self.reason),
            None => write!(f, "{}: {}", self.source, self.reason),
        }
    }
}

/// Why sources could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error(
        "no definitions in the sources: expected files named .hdb, .hsb, .yar or .yara with at \
         least one rule"
    )]
    Empty,
    /// Every bad line and rule, in the order of the sources.
    #[error("{}", list(.0))]
    Sources(Vec<SourceError>),
    #[error("the sources make more than a definitions file can hold: {what}; leave some out")]
    TooLarge { what: &'static str },
    #[error("the YARA rules can't be stored: {reason}")]
    Yara { reason: String },
}

fn list(errors: &[SourceError]) -> String {
    let mut text = format!("{} errors in the sources:", errors.len());
    if errors.len() == 1 {
        text = "1 error in the sources:".into();
    }
    for error in errors.iter().take(LISTED) {
        text.push_str("\n  ");
        text.push_str(&error.to_string());
    }
    if errors.len() > LISTED {
        text.push_str(&format!("\n  and {} more", errors.len() - LISTED));
    }
    text
}
