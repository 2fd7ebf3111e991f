//! Detections and quarantine.

use model::event::Initiator;
use model::{
    DefinitionRevision, DetectionId, DeviceId, EndpointPath, Hashes, QuarantineId, RuleMatch,
    ScanId, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Where a person's work on a detection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Triage {
    Open,
    InProgress,
    /// It was what the rule says.
    Confirmed,
    FalsePositive,
    /// It was known and wanted, such as a test.
    Expected,
}

impl Triage {
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::InProgress,
        Self::Confirmed,
        Self::FalsePositive,
        Self::Expected,
    ];

    /// The name in APIs and command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Confirmed => "confirmed",
            Self::FalsePositive => "false_positive",
            Self::Expected => "expected",
        }
    }
}

/// Where the detected file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Where it was found, as far as the manager knows.
    InPlace,
    /// A command to quarantine, restore or delete is under way.
    Pending,
    Quarantined,
    Restored,
    Deleted,
}

/// A detection: one file's content at one path on one device. Seen again, it counts up.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Detection {
    pub id: DetectionId,
    pub device: DeviceId,
    pub hostname: String,
    pub path: EndpointPath,
    pub size: u64,
    pub hashes: Option<Hashes>,
    pub matches: Vec<RuleMatch>,
    pub definitions: DefinitionRevision,
    pub initiator: Initiator,
    pub scan: Option<ScanId>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub times_seen: u64,
    pub triage: Triage,
    pub triage_note: String,
    pub file: FileState,
    pub quarantine: Option<QuarantineId>,
    /// Why the last command for this file failed.
    pub last_failure: Option<String>,
}

/// How many detections.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DetectionCounts {
    pub total: u64,
    pub open: u64,
    pub in_progress: u64,
    /// Open ones of the last 24 hours.
    pub open_last_day: u64,
}

/// A person's judgement.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriageChange {
    pub triage: Triage,
    /// Kept when absent. At most 4000 characters.
    pub note: Option<String>,
}

/// A file in some device's quarantine.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Quarantined {
    pub id: QuarantineId,
    pub device: DeviceId,
    pub hostname: String,
    pub path: EndpointPath,
    pub hashes: Hashes,
    pub initiator: Initiator,
    pub quarantined: Timestamp,
    pub file: FileState,
    pub detection: Option<DetectionId>,
}
