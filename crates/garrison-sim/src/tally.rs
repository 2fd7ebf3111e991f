//! What all agents together have seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::histogram::Histogram;

/// Other kinds of errors than the first so many are counted together.
const MAX_KINDS: usize = 64;
const OTHER: &str = "other";

/// Counters that all agents share. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Arc<Mutex<Counts>>);

/// What was counted since the last [`Tally::take`].
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    /// From sending a check-in to its whole answer.
    pub(crate) latency: Histogram,
    /// From the time that a check-in was due to the time that it was sent.
    pub(crate) lateness: Histogram,
    pub(crate) enrolled: u64,
    /// Check-ins that a notification asked for.
    pub(crate) notified: u64,
    pub(crate) events: u64,
    pub(crate) commands: u64,
    pub(crate) renewals_wanted: u64,
    /// Notification streams that ended and were opened again.
    pub(crate) streams_reopened: u64,
    pub(crate) errors: BTreeMap<String, ErrorCount>,
}

/// One kind of error.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorCount {
    pub(crate) count: u64,
    /// The text of the first.
    pub(crate) example: String,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Counts::new())))
    }

    pub(crate) fn check_in(&self, latency: Duration, lateness: Duration) {
        let mut counts = self.counts();
        counts.latency.add(latency);
        counts.lateness.add(lateness);
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts());
    }

    pub(crate) fn error(&self, kind: &str, text: &str) {
        let mut counts = self.counts();
        let known = counts.errors.len() < MAX_KINDS || counts.errors.contains_key(kind);
        let kind = if known { kind } else { OTHER };
        let entry = counts.errors.entry(kind.to_owned()).or_default();
        if entry.count == 0 {
            entry.example = text.chars().take(300).collect();
        }
        entry.count += 1;
    }

    /// What was counted so far; counting begins anew.
    pub(crate) fn take(&self) -> Counts {
        std::mem::replace(&mut self.counts(), Counts::new())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn new() -> Self {
        Self {
            latency: Histogram::new(),
            lateness: Histogram::new(),
            enrolled: 0,
            notified: 0,
            events: 0,
            commands: 0,
            renewals_wanted: 0,
            streams_reopened: 0,
            errors: BTreeMap::new(),
        }
    }
}
