//! What everybody reported last, in memory. The database is the truth that it is loaded from and
//! that each report is written to first.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use ::store::{Database, StoreError};
use model::network::{Outcome, Trigger};
use model::{DeviceId, Timestamp};

use super::account::{AccountId, Held, Told};
use super::feature::Marks;
use super::store;

/// Whose connections they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reporter {
    Device(DeviceId),
    /// The manager itself.
    Manager,
}

/// What a reporter said last.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// Grows with each report of this reporter.
    pub(super) number: i64,
    /// The reporter's own time of the check; names the report.
    pub(super) named: Timestamp,
    /// The same by the manager's clock.
    pub(super) checked: Timestamp,
    pub(super) received: Timestamp,
    pub(super) result: Outcome,
    pub(super) trigger: Trigger,
    pub(super) omitted: u64,
    /// Features that at least one of the checks was about.
    pub(super) covered: Marks,
    pub(super) held: Vec<Held>,
}

/// The last report of every reporter.
#[derive(Debug, Default)]
pub struct Book(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reports: HashMap<Reporter, Arc<Report>>,
    /// Each account once.
    accounts: HashMap<AccountId, Arc<Told>>,
}

impl Reporter {
    const MANAGER: &'static str = "manager";

    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        if text == Self::MANAGER {
            return Ok(Self::Manager);
        }
        crate::devices::parse_id(text).map(Self::Device)
    }

    pub(super) const fn device(self) -> Option<DeviceId> {
        match self {
            Self::Device(device) => Some(device),
            Self::Manager => None,
        }
    }
}

impl fmt::Display for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => device.fmt(f),
            Self::Manager => f.write_str(Self::MANAGER),
        }
    }
}

impl Book {
    /// Reads the last report of every reporter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(database: &Database) -> Result<Self, StoreError> {
        let book = Self::default();
        for (reporter, report) in store::load(database).await? {
            book.put(reporter, report);
        }
        Ok(book)
    }

    /// Takes the place of what the reporter said before. An older report changes nothing.
    pub(super) fn put(&self, reporter: Reporter, mut report: Report) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let newer = |known: &Arc<Report>| known.number < report.number;
        if !inner.reports.get(&reporter).is_none_or(newer) {
            return;
        }
        for held in &mut report.held {
            let id = held.account.id.clone();
            let known = inner
                .accounts
                .entry(id)
                .or_insert_with(|| Arc::clone(&held.account));
            held.account = Arc::clone(known);
        }
        inner.reports.insert(reporter, Arc::new(report));
    }

    /// Drops what the reporter said.
    pub(super) fn forget(&self, reporter: Reporter) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.reports.remove(&reporter);
    }

    /// Drops accounts that nobody gives any more.
    pub(super) fn tidy(&self) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.accounts.retain(|_, told| Arc::strong_count(told) > 1);
    }

    /// The last report of one.
    pub(super) fn find(&self, reporter: Reporter) -> Option<Arc<Report>> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.reports.get(&reporter).cloned()
    }

    /// Looks at all last reports at once.
    pub(super) fn with<T>(&self, look: impl FnOnce(&HashMap<Reporter, Arc<Report>>) -> T) -> T {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        look(&inner.reports)
    }
}
