//! Where every part of the agent puts its events.

use std::sync::Arc;

use model::Timestamp;
use model::event::EventBody;
use tokio::sync::Notify;

use crate::spool::{Spool, SpoolError};

/// Appends events to the spool and has them delivered soon. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) spool: Spool,
    /// Told after each append.
    pub(crate) fresh: Arc<Notify>,
}

impl Journal {
    pub(crate) fn new(spool: Spool) -> Self {
        Self {
            spool,
            fresh: Arc::new(Notify::new()),
        }
    }

    /// Appends an event. What can't be written is counted by the spool, and the work goes on.
    pub(crate) fn record(&self, body: EventBody) {
        self.record_all(&[body]);
    }

    /// Appends an event that somebody will try again when it can't be written.
    pub(crate) fn try_record(&self, body: EventBody) -> Result<(), SpoolError> {
        let appended = self.spool.append(Timestamp::now(), &[body]);
        if let Err(error) = &appended {
            tracing::error!("an event was not recorded: {error}");
        }
        self.fresh.notify_one();
        appended.map(drop)
    }

    /// Appends several in one write.
    pub(crate) fn record_all(&self, bodies: &[EventBody]) {
        if let Err(error) = self.spool.append(Timestamp::now(), bodies) {
            tracing::error!("{} events were not recorded: {error}", bodies.len());
        }
        self.fresh.notify_one();
    }

    /// Records that something from the manager was refused.
    pub(crate) fn refused(&self, what: impl Into<String>, reason: impl std::fmt::Display) {
        let (what, reason) = (what.into(), reason.to_string());
        tracing::error!("refused {what}: {reason}");
        self.record(EventBody::Refused { what, reason });
    }
}
