//! Devices.

use model::health::AgentState;
use model::{DeviceId, GroupId, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStanding {
    Approved,
    /// A fork that waits for a person.
    AwaitingApproval,
    /// Two held its identity; it lives on as its forks.
    Suspended,
    Revoked,
}

/// A device as lists and its page show it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Device {
    pub id: DeviceId,
    /// A label; not unique.
    pub hostname: String,
    pub group: GroupId,
    pub group_name: String,
    pub standing: DeviceStanding,
    /// The device that this one is a fork of.
    pub fork_of: Option<DeviceId>,
    /// Whether its notification stream is open.
    pub connected: bool,
    pub enrolled: Timestamp,
    pub last_seen: Option<Timestamp>,
    /// The device's clock less the manager's, at the last check-in, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    pub certificate_expires: Timestamp,
    /// As of the last check-in.
    pub state: Option<AgentState>,
    pub open_detections: u64,
    /// Sequences that the device's budget evicted before delivery.
    pub events_lost: u64,
    /// Whether policy and definitions are the group's and the site's newest.
    pub up_to_date: bool,
}

/// How many devices.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceCounts {
    pub total: u64,
    pub connected: u64,
    pub awaiting_approval: u64,
    pub suspended: u64,
    pub revoked: u64,
    /// Approved devices with a critical health issue.
    pub critical: u64,
    /// Approved devices that haven't checked in for three of their intervals.
    pub silent: u64,
}

/// Changes a device. Absent fields stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    pub group: Option<GroupId>,
}
