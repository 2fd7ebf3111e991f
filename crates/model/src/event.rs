//! What an agent reports. Classes follow OCSF 1.3 (schema.ocsf.io): each body names the class
//! that it maps to.

use serde::{Deserialize, Serialize};

use crate::definition::DefinitionRevision;
use crate::hash::Hashes;
use crate::id::{CommandId, QuarantineId, ScanId};
use crate::network::NetworkReport;
use crate::path::EndpointPath;
use crate::time::Timestamp;
use crate::verdict::{FileReport, RuleMatch, ScanTotals};

/// The place of an event in its spool: 1, 2, 3 …, without holes. With [`SpoolId`] it names an
/// event of a device once and for all.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// Names one spool: a random number made with it. An agent whose disk was put back to an earlier
/// state makes a new one, so that no sequence ever means two events.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct SpoolId(pub String);

/// Who asked for a scan, or did something with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Initiator {
    /// The manager, by a signed command.
    Manager { command: CommandId },
    /// A local user, by the local command; the kernel vouches for the number.
    LocalUser { uid: u32 },
    /// The policy's response to a detection.
    Policy,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remediation {
    Quarantined,
    Restored,
    Deleted,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    pub sequence: Sequence,
    /// By the device's clock.
    pub time: Timestamp,
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum EventBody {
    /// A rule matched a file. OCSF Detection Finding (2004).
    DetectionFinding {
        path: EndpointPath,
        size: u64,
        /// Hashes of the file itself (each match carries those of the member that it hit).
        hashes: Option<Hashes>,
        matches: Vec<RuleMatch>,
        definitions: DefinitionRevision,
        initiator: Initiator,
        scan: Option<ScanId>,
    },
    /// A file was quarantined, restored or deleted. OCSF File Remediation Activity (7002).
    FileRemediation {
        remediation: Remediation,
        quarantine: QuarantineId,
        path: EndpointPath,
        hashes: Hashes,
        initiator: Initiator,
    },
    /// A scan began or ended. OCSF Scan Activity (6007).
    ScanActivity {
        scan: ScanId,
        initiator: Initiator,
        paths: Vec<EndpointPath>,
        /// Absent at the beginning.
        totals: Option<ScanTotals>,
        /// Whether it was stopped before its end.
        cancelled: bool,
        definitions: Option<DefinitionRevision>,
    },
    /// A file could not be judged, or not wholly. OCSF Scan Activity (6007).
    ScanProblem {
        scan: Option<ScanId>,
        report: Box<FileReport>,
    },
    /// What became of a command. OCSF Device Config State Change (5019).
    CommandResult {
        command: CommandId,
        outcome: CommandOutcome,
    },
    /// The agent refused something that came from its manager. OCSF Application Error (6008).
    Refused { what: String, reason: String },
    /// The agent started. OCSF Application Lifecycle (6002).
    AgentStarted { agent_version: String },
    /// What works and what is lost of the network, complete. OCSF Compliance Finding (2003).
    NetworkReport { report: Box<NetworkReport> },
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum CommandOutcome {
    Done,
    Failed { reason: String },
    Refused { reason: String },
}

impl EventBody {
    /// OCSF `class_uid`.
    #[must_use]
    pub const fn class_uid(&self) -> u32 {
        match self {
            Self::DetectionFinding { .. } => 2004,
            Self::FileRemediation { .. } => 7002,
            Self::ScanActivity { .. } | Self::ScanProblem { .. } => 6007,
            Self::CommandResult { .. } => 5019,
            Self::Refused { .. } => 6008,
            Self::AgentStarted { .. } => 6002,
            Self::NetworkReport { .. } => 2003,
        }
    }

    /// Whether the byte budget gives this up only when nothing else is left.
    #[must_use]
    pub const fn is_kept_longest(&self) -> bool {
        match self {
            Self::DetectionFinding { .. }
            | Self::FileRemediation { .. }
            | Self::CommandResult { .. } => true,
            Self::ScanActivity { .. }
            | Self::ScanProblem { .. }
            | Self::Refused { .. }
            | Self::AgentStarted { .. }
            | Self::NetworkReport { .. } => false,
        }
    }
}

/// A run of events that the budget evicted before delivery: nobody will ever see them, and the
/// manager is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Gap {
    pub first: Sequence,
    pub last: Sequence,
}
