//! What a rule set does with an endpoint, and why.

use serde::Serialize;

/// What becomes of an endpoint's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All of them pass.
    Permitted,
    /// Some pass, some don't.
    Partly,
    /// None passes.
    Blocked,
    /// It depends on what nobody said.
    Unknown,
}

impl Verdict {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Partly => "partly blocked",
            Self::Blocked => "blocked",
            Self::Unknown => "not judged",
        }
    }
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Cause {
    /// In the file, counted from 1 (of rules as JSON, the number of the rule); 0: no single line.
    pub line: usize,
    pub text: String,
}

impl Cause {
    pub(super) fn new(line: usize, text: impl Into<String>) -> Self {
        Self {
            line,
            text: text.into(),
        }
    }
}

/// A kind of connection of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) verdict: Verdict,
    pub(super) causes: Vec<Cause>,
}

impl Part {
    pub(super) const fn permitted() -> Self {
        Self {
            verdict: Verdict::Permitted,
            causes: Vec::new(),
        }
    }

    /// Both must let it pass.
    pub(super) fn and(&mut self, other: Self) {
        let rank = |verdict: Verdict| match verdict {
            Verdict::Permitted => 0,
            Verdict::Unknown => 1,
            Verdict::Partly => 2,
            Verdict::Blocked => 3,
        };
        match rank(other.verdict).cmp(&rank(self.verdict)) {
            std::cmp::Ordering::Greater => *self = other,
            std::cmp::Ordering::Equal => self.causes.extend(other.causes),
            std::cmp::Ordering::Less => {}
        }
    }
}

/// Whether TLS would be broken open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opened {
    No,
    Yes(Cause),
    Maybe(Cause),
}

/// The answer for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) causes: Vec<Cause>,
    /// What to add so that it is permitted.
    pub(super) lines: Vec<String>,
    pub(super) opened: Opened,
    /// What to add so that its TLS stays closed.
    pub(super) bypass: Vec<String>,
}

impl Judged {
    pub(super) fn unknown(why: &str) -> Self {
        Self {
            verdict: Verdict::Unknown,
            causes: vec![Cause::new(0, why)],
            lines: Vec::new(),
            opened: Opened::No,
            bypass: Vec::new(),
        }
    }

    /// All kinds of its connections together.
    pub(super) fn of(parts: Vec<Part>) -> Self {
        let all = |verdict: Verdict| parts.iter().all(|part| part.verdict == verdict);
        let any = |verdict: Verdict| parts.iter().any(|part| part.verdict == verdict);
        let verdict = if all(Verdict::Permitted) {
            Verdict::Permitted
        } else if all(Verdict::Blocked) {
            Verdict::Blocked
        } else if any(Verdict::Blocked) || any(Verdict::Partly) {
            Verdict::Partly
        } else {
            Verdict::Unknown
        };
        let wanted = |part: &Part| match verdict {
            Verdict::Permitted => false,
            Verdict::Blocked | Verdict::Unknown => part.verdict == verdict,
            Verdict::Partly => matches!(part.verdict, Verdict::Blocked | Verdict::Partly),
        };
        let mut causes: Vec<Cause> = parts
            .into_iter()
            .filter(wanted)
            .flat_map(|part| part.causes)
            .collect();
        causes.sort();
        causes.dedup();
        Self {
            verdict,
            causes,
            lines: Vec::new(),
            opened: Opened::No,
            bypass: Vec::new(),
        }
    }
}
