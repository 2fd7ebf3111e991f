//! Where a catalogue's facts come from, and what changed when.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::FlowId;
use crate::text::Text;

/// A document that facts were taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub id: FlowId,
    pub title: String,
    /// ISO 639-1.
    pub language: String,
    /// SHA-256 of the text that was read, hexadecimal.
    pub sha256: String,
    /// Of the document, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}

/// Where facts of a row come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// The keys of the row that it is about; empty: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
    /// One of the catalogue's sources.
    pub source: FlowId,
    /// Lines of its text, counted from 1: `12` or `12-17`, several with commas.
    pub lines: String,
    pub confidence: Confidence,
}

impl Fact {
    /// The lines, first and last of each run; `None` when the text is not of that form, or they
    /// don't rise.
    #[must_use]
    pub fn line_ranges(&self) -> Option<Vec<(u32, u32)>> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for run in self.lines.split(',') {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            let number = |text: &str| text.trim().parse::<u32>().ok();
            let (first, last) = (number(first)?, number(last)?);
            let before = ranges.last().map_or(0, |(_, last)| *last);
            if first <= before || last < first {
                return None;
            }
            ranges.push((first, last));
        }
        Some(ranges)
    }
}

/// How sure a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The source says it.
    Stated,
    /// It follows from what the source says.
    Inferred,
    /// The source is damaged or contradicts itself there.
    Garbled,
}

/// A change of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The catalogue's version that brought it.
    pub version: String,
    pub date: Date,
    pub kind: ChangeKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowId>,
    /// What it means for rules that exist.
    pub impact: Text,
    /// From when, where that is not the date of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Date>,
}

/// What happened to the rows of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

/// A day, month or year: `2024-11-11`, `2020-11` or `2020`, as exact as its source is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(String);

/// Text that was expected to be a date and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a date such as 2024-11-11, 2024-11 or 2024, got {0:?}")]
pub struct DateError(String);

impl Date {
    /// Reads a date.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, DateError> {
        let mut parts = text.split('-');
        let part = |text: Option<&str>, length: usize, most: u32| {
            text.is_none_or(|text| {
                text.len() == length
                    && text.bytes().all(|byte| byte.is_ascii_digit())
                    && text
                        .parse()
                        .is_ok_and(|number| (1..=most).contains(&number))
            })
        };
        let plain = part(parts.next(), 4, 9999)
            && part(parts.next(), 2, 12)
            && part(parts.next(), 2, 31)
            && parts.next().is_none();
        if plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(DateError(text.chars().take(80).collect()))
        }
    }

    /// The date as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        Self::parse(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_runs_that_rise() {
        let lines = |text: &str| {
            Fact {
                about: Vec::new(),
                source: FlowId::parse("page").unwrap(),
                lines: text.to_owned(),
                confidence: Confidence::Stated,
            }
            .line_ranges()
        };
        assert_eq!(lines("3, 12-17,20"), Some(vec![(3, 3), (12, 17), (20, 20)]));
        for text in ["", "0", "a", "7-3", "5,5", "12-17,13", "1-2-3"] {
            assert_eq!(lines(text), None, "{text:?}");
        }
    }

    #[test]
    fn dates_are_as_exact_as_their_source() {
        for text in ["2024-11-11", "2020-11", "2020"] {
            assert_eq!(Date::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "24-11-11",
            "2024-13",
            "2024-1-1",
            "2024-11-11-1",
            "2024-11-32",
        ] {
            assert!(Date::parse(text).is_err(), "{text:?}");
        }
    }
}
