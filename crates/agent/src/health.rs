//! What keeps the agent from doing all of its work, by name.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::health::{HealthIssue, Severity};

/// The issues that stand.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<&'static str, HealthIssue>>);

impl Board {
    /// Puts an issue up, in place of an older one of the same kind.
    pub(crate) fn set(&self, kind: &'static str, severity: Severity, message: impl Into<String>) {
        let issue = HealthIssue {
            kind: kind.to_owned(),
            severity,
            message: message.into(),
        };
        let mut issues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issues.get(kind) != Some(&issue) {
            tracing::warn!(kind, "{}", issue.message);
            issues.insert(kind, issue);
        }
    }

    /// Takes an issue down.
    pub(crate) fn clear(&self, kind: &'static str) {
        let mut issues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issues.remove(kind).is_some() {
            tracing::info!(kind, "is over");
        }
    }

    /// All that stand.
    #[must_use]
    pub(crate) fn issues(&self) -> Vec<HealthIssue> {
        let issues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        issues.values().cloned().collect()
    }
}
