//! How an agent is.

use serde::{Deserialize, Serialize};

use crate::definition::DefinitionRevision;
use crate::network::NetworkState;

/// What an agent runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostFacts {
    /// A label, not an identity.
    pub hostname: String,
    /// Such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    pub kernel: String,
    /// Such as `x86_64`.
    pub architecture: String,
    pub agent_version: String,
    /// Whether the agent runs with root's rights; without them it scans what its user can read.
    pub privileged: bool,
}

/// Something that keeps an agent from doing all of its work. Each names what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HealthIssue {
    /// A stable name such as `no_definitions`, `clock_skew`, `spool_near_budget`, `sandbox_partial`.
    pub kind: String,
    pub severity: Severity,
    /// One sentence: what is wrong and what to do.
    pub message: String,
}

/// How bad.
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
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Informative,
    Warning,
    Critical,
}

/// What was lost, counted since the spool was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LossCounters {
    /// Events that the byte budget evicted before they were delivered.
    pub events_evicted: u64,
    /// Events refused because nothing more could be written (disk full).
    pub events_unwritten: u64,
}

/// An agent's state, as every check-in carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentState {
    pub host: HostFacts,
    /// The policy revision in force; 0 before the first.
    pub policy_revision: u64,
    /// The definitions in use; absent before the first.
    pub definitions: Option<DefinitionRevision>,
    pub issues: Vec<HealthIssue>,
    pub losses: LossCounters,
    /// Bytes and events that wait for delivery.
    pub spooled_bytes: u64,
    pub spooled_events: u64,
    /// Files in quarantine.
    pub quarantined: u64,
    /// Absent before the first check of the network, or where it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkState>,
}
