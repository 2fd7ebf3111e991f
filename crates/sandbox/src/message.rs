//! What a pool, its template and its workers say to each other. All are of one build, so the form
//! may change with any version.

use model::FileOutcome;
use scan::Limits;
use scan::yara::RulePart;
use serde::{Deserialize, Serialize};

use crate::protection::Protection;
use crate::sealed::Kept;

/// Pool to template.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TemplateOrder {
    /// Once, first; comes with the sealed definitions.
    Open {
        /// Public keys, in their text form.
        trusted: Vec<String>,
        /// How they are kept from being changed.
        kept: Kept,
        /// Of the template and of each worker.
        memory_bytes: u64,
    },
    /// Once, second: load what most files need.
    Load,
    /// Load parts of the YARA rules besides.
    LoadParts { parts: Vec<RulePart> },
    /// Make a worker; comes with its socket and its error output.
    Fork,
    /// Tell how a worker ended, which it has.
    Reap { process: i32 },
}

/// Template to pool.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TemplateReport {
    /// Confined, and the definitions are those expected.
    Opened {
        protections: Vec<Protection>,
    },
    Loaded,
    /// Comes with a descriptor of the worker's process.
    Forked {
        process: i32,
    },
    /// As `wait(2)` tells it; nothing when it is no worker, or still runs.
    Ended {
        status: Option<i32>,
    },
    /// Can't do it.
    Refused {
        reason: String,
    },
}

/// Pool to worker; comes with the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Scan {
        limits: Limits,
        #[serde(default)]
        names: Option<Names>,
    },
}

/// What a file is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Names {
    pub(crate) path: String,
    pub(crate) owner: String,
}

/// Worker to pool.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Confined, and ready for files.
    Ready { protections: Vec<Protection> },
    /// Can't work; the worker ends.
    Refused { reason: String },
    /// A member is about to be read.
    Opening { member: Vec<String> },
    /// The answer to [`Order::Scan`].
    Outcome {
        outcome: Box<FileOutcome>,
        /// Parts of the YARA rules that the worker had to load for the file.
        late: Vec<RulePart>,
    },
}
