//! Events: what agents report. Each batch is taken wholly or not at all, and counts once however
//! often it comes.

pub mod http;
mod ingest;
pub mod rules;
mod store;
mod timeline;

use model::DeviceId;
use proto::api::Changed;

use crate::connections::Taken;

pub use ingest::ingest;
pub(crate) use store::{TABLES, prune};
pub use timeline::latest;

/// A batch while it is taken: whose it is, and what it changed.
pub(crate) struct Batch {
    pub(crate) device: DeviceId,
    pub(crate) hostname: String,
    /// Whether the device's own numbers changed (open detections, lost events).
    pub(crate) device_changed: bool,
    changes: Vec<(Changed, String)>,
    /// Reports of the network, to be made known once the transaction stands.
    pub(crate) reports: Vec<Taken>,
}

/// Changes of one batch that are told one by one; beyond it, the whole list is said to have
/// changed.
const MAX_TOLD: usize = 50;

impl Batch {
    pub(crate) fn changed(&mut self, what: Changed, id: impl ToString) {
        let change = (what, id.to_string());
        if !self.changes.contains(&change) && self.changes.len() <= MAX_TOLD {
            self.changes.push(change);
        }
    }
}
