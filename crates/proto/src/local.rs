//! Local command ↔ agent, over the agent's Unix socket. The kernel tells the agent who its peer
//! is. Each message is one JSON text in a frame of a 4-byte little-endian length; descriptors go
//! beside it as ancillary data.

use model::event::Initiator;
use model::health::AgentState;
use model::network::NetworkReport;
use model::verdict::ScanTotals;
use model::{
    DefinitionRevision, DeviceId, EndpointPath, FileReport, Hashes, QuarantineId, ScanId, Timestamp,
};
use serde::{Deserialize, Serialize};

/// The largest frame.
pub const MAX_FRAME: usize = 4 << 20;

/// What a local command asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Status,
    /// The definitions in use; the answer carries a descriptor.
    Definitions,
    /// A scan by the caller begins.
    ScanBegan {
        scan: ScanId,
        paths: Vec<EndpointPath>,
    },
    /// The caller's scan found something; with `quarantine` a descriptor of the file comes along,
    /// and only root or the file's owner is obeyed.
    ScanFound {
        scan: ScanId,
        report: Box<FileReport>,
        quarantine: bool,
    },
    /// The caller's scan ended.
    ScanEnded {
        scan: ScanId,
        totals: ScanTotals,
        cancelled: bool,
    },
    QuarantineList,
    /// Root, or the file's owner at the time it was quarantined.
    QuarantineRestore {
        quarantine: QuarantineId,
    },
    QuarantineDelete {
        quarantine: QuarantineId,
    },
    /// Check in now.
    CheckIn,
    /// Check the network now; at most one check a minute is made for long.
    CheckNetwork,
}

/// What the agent answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Status {
        status: Box<AgentStatus>,
    },
    Definitions {
        revision: DefinitionRevision,
        /// The public key that signed them: 64 hexadecimal digits.
        key: String,
    },
    Quarantined {
        item: QuarantineItem,
    },
    Quarantine {
        items: Vec<QuarantineItem>,
    },
    Done,
    Refused {
        reason: String,
    },
}

/// The agent as it sees itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentStatus {
    pub device: Option<DeviceId>,
    pub manager: Option<String>,
    pub connected: bool,
    pub last_check_in: Option<Timestamp>,
    pub awaiting_approval: bool,
    pub certificate_expires: Option<Timestamp>,
    pub state: AgentState,
    /// What of the worker's cage is active on this host.
    pub sandbox: Vec<String>,
    pub sandbox_missing: Vec<String>,
    /// What the last check of the network found; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkReport>,
}

/// A file in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineItem {
    pub id: QuarantineId,
    pub path: EndpointPath,
    pub owner_uid: u32,
    pub size: u64,
    pub hashes: Hashes,
    pub rules: Vec<String>,
    pub quarantined: Timestamp,
    pub initiator: Initiator,
}
