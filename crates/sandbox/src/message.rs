//! What parent and worker say to each other. Both are of one build, so the form may change with
//! any version.

use model::FileOutcome;
use scan::Limits;
use serde::{Deserialize, Serialize};

use crate::protection::Protection;

/// Parent to worker. Each comes with one descriptor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Once, first; the descriptor is the sealed definitions.
    Start {
        /// Public keys, in their text form.
        trusted: Vec<String>,
        memory_bytes: u64,
    },
    /// The descriptor is the file.
    Scan { limits: Limits },
}

/// Worker to parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Confined, definitions loaded.
    Ready { protections: Vec<Protection> },
    /// Can't work; the worker ends.
    Refused { reason: String },
    /// A member is about to be read.
    Opening { member: Vec<String> },
    /// The answer to [`Order::Scan`].
    Outcome { outcome: FileOutcome },
}
