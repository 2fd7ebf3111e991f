//! The four meanings, and what of ours carries which. A meaning always stands with an icon and a
//! word, never as a colour alone.

use std::borrow::Borrow;
use std::time::Duration;

use model::Timestamp;
use model::health::Severity;
use proto::api::detection::{FileState, Triage};
use proto::api::device::{Device, DeviceStanding};
use proto::api::network::CloudState;
use proto::api::scan::ScanState;

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Critical,
    Warning,
    Good,
    Informative,
    /// None of the four.
    Neutral,
}

impl Meaning {
    /// The name of the CSS class and of the icon.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Good => "good",
            Self::Informative => "informative",
            Self::Neutral => "neutral",
        }
    }
}

impl From<Severity> for Meaning {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Critical,
            Severity::Warning => Self::Warning,
            Severity::Informative => Self::Informative,
        }
    }
}

/// A meaning and the key of its word in the catalogue.
pub type Badge = (Meaning, &'static str);

/// A device that is not connected and said nothing for this long is silent. (Three of the default
/// intervals between check-ins.)
pub const SILENT_AFTER: Duration = Duration::from_secs(180);

/// How a device is, in one word.
#[must_use]
pub fn device(device: &Device, now: impl Borrow<Timestamp>) -> Badge {
    let now = *now.borrow();
    match device.standing {
        DeviceStanding::Revoked => return (Meaning::Neutral, "device.revoked"),
        DeviceStanding::Suspended => return (Meaning::Critical, "device.suspended"),
        DeviceStanding::AwaitingApproval => return (Meaning::Warning, "device.awaiting"),
        DeviceStanding::Approved => {}
    }
    let (Some(state), Some(last_seen)) = (&device.state, device.last_seen) else {
        return (Meaning::Informative, "device.new");
    };
    let worst = state.issues.iter().map(|issue| issue.severity).max();
    if worst == Some(Severity::Critical) {
        (Meaning::Critical, "device.unprotected")
    } else if !device.connected && now.since(last_seen) > SILENT_AFTER {
        (Meaning::Warning, "device.silent")
    } else if !device.up_to_date {
        (Meaning::Warning, "device.outdated")
    } else if worst == Some(Severity::Warning) {
        (Meaning::Warning, "device.impaired")
    } else {
        (Meaning::Good, "device.protected")
    }
}

/// Where a person's work stands.
#[must_use]
pub fn triage(triage: impl Borrow<Triage>) -> Badge {
    match triage.borrow() {
        Triage::Open => (Meaning::Critical, "triage.open"),
        Triage::InProgress => (Meaning::Warning, "triage.in_progress"),
        Triage::Confirmed => (Meaning::Neutral, "triage.confirmed"),
        Triage::FalsePositive => (Meaning::Neutral, "triage.false_positive"),
        Triage::Expected => (Meaning::Neutral, "triage.expected"),
    }
}

/// Where the file is.
#[must_use]
pub fn file(state: impl Borrow<FileState>) -> Badge {
    match state.borrow() {
        FileState::InPlace => (Meaning::Warning, "file.in_place"),
        FileState::Pending => (Meaning::Informative, "file.pending"),
        FileState::Quarantined => (Meaning::Good, "file.quarantined"),
        FileState::Restored => (Meaning::Neutral, "file.restored"),
        FileState::Deleted => (Meaning::Good, "file.deleted"),
    }
}

/// How far a scan is.
#[must_use]
pub fn scan(state: impl Borrow<ScanState>) -> Badge {
    match state.borrow() {
        ScanState::Waiting => (Meaning::Informative, "scan.waiting"),
        ScanState::Running => (Meaning::Informative, "scan.running"),
        ScanState::Done => (Meaning::Good, "scan.done"),
        ScanState::Cancelled => (Meaning::Neutral, "scan.cancelled"),
        ScanState::Failed => (Meaning::Critical, "scan.failed"),
        ScanState::Expired => (Meaning::Warning, "scan.expired"),
    }
}

/// The link to the cloud.
#[must_use]
pub fn cloud(state: impl Borrow<CloudState>) -> Badge {
    match state.borrow() {
        CloudState::NotEnrolled => (Meaning::Neutral, "cloud.not_enrolled"),
        CloudState::Connected => (Meaning::Good, "cloud.connected"),
        CloudState::Unreachable => (Meaning::Warning, "cloud.unreachable"),
    }
}
