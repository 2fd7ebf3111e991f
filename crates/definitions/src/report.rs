//! What of the sources can't be used, and why. It never stops the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Entries that a report lists one by one; the others are counted.
pub const MAX_LISTED: usize = 200_000;

/// Why a line or a source is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is not what its format says.
    Malformed,
    /// It is right, and this program has no use for it.
    Unsupported,
    /// It was altered, or nobody vouches for it.
    Unverified,
    /// It is more than a limit allows.
    Limit,
    /// It is for other functionality levels than this program's.
    Level,
    /// It is about what is merely unwanted, and that was not asked for.
    Unwanted,
    /// An ignore list names it.
    Ignored,
}

impl Why {
    /// Whether somebody should look at it: the other reasons are as the sources or the user want it.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        match self {
            Self::Malformed | Self::Unsupported | Self::Unverified | Self::Limit => true,
            Self::Level | Self::Unwanted | Self::Ignored => false,
        }
    }

    /// The name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Unverified => "unverified",
            Self::Limit => "limit",
            Self::Level => "level",
            Self::Unwanted => "unwanted",
            Self::Ignored => "ignored",
        }
    }
}

/// What is wrong with a line, before it is known where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub why: Why,
    /// What was expected and what came.
    pub reason: Cow<'static, str>,
}

impl Problem {
    /// A problem.
    pub fn new(why: Why, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            why,
            reason: reason.into(),
        }
    }

    /// Text that is not what its format says.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Why::Malformed, reason)
    }
}

/// A line or a source that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// The source's name.
    pub source: Arc<str>,
    /// The line, counted from 1; absent when it is the source as a whole.
    pub line: Option<u64>,
    /// The source's format, by its extension: `ldb`.
    pub kind: &'static str,
    pub why: Why,
    pub reason: Cow<'static, str>,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// How many rules of one format were used, and how many not, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub used: u64,
    pub not_used: BTreeMap<Why, u64>,
}

/// What came of the sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By format.
    pub kinds: BTreeMap<&'static str, Tally>,
    /// In the order of the sources, at most [`MAX_LISTED`].
    pub unusable: Vec<Unusable>,
    /// Those beyond [`MAX_LISTED`].
    pub unlisted: u64,
}

impl Report {
    /// Notes what is not used.
    pub(crate) fn add(
        &mut self,
        source: &Arc<str>,
        line: Option<u64>,
        kind: &'static str,
        problem: Problem,
    ) {
        let tally = self.kinds.entry(kind).or_default();
        *tally.not_used.entry(problem.why).or_default() += 1;
        if self.unusable.len() >= MAX_LISTED {
            self.unlisted += 1;
            return;
        }
        self.unusable.push(Unusable {
            source: Arc::clone(source),
            line,
            kind,
            why: problem.why,
            reason: problem.reason,
        });
    }

    /// Notes how many rules of a format are used.
    pub(crate) fn used(&mut self, kind: &'static str, count: u64) {
        // Of a kind that no source has nothing is said.
        if count > 0 {
            self.kinds.entry(kind).or_default().used += count;
        }
    }

    /// How many lines and sources somebody should look at.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.kinds
            .values()
            .flat_map(|tally| &tally.not_used)
            .filter(|(why, _)| why.is_fault())
            .map(|(_, count)| count)
            .sum()
    }

    /// How many lines and sources are not used, for whatever reason.
    #[must_use]
    pub fn not_used(&self) -> u64 {
        self.kinds
            .values()
            .flat_map(|tally| tally.not_used.values())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_counted() {
        let mut report = Report::default();
        let source: Arc<str> = Arc::from("a.hdb");
        for line in 0..MAX_LISTED as u64 + 3 {
            report.add(&source, Some(line), "hdb", Problem::malformed("x"));
        }
        report.add(&source, None, "hdb", Problem::new(Why::Level, "newer"));
        assert_eq!(report.unusable.len(), MAX_LISTED);
        assert_eq!(report.unlisted, 4);
        assert_eq!(report.faults(), MAX_LISTED as u64 + 3);
        assert_eq!(report.not_used(), MAX_LISTED as u64 + 4);
        assert_eq!(report.unusable[1].to_string(), "a.hdb:1: x");
    }
}
