//! Scans and commands.

use model::verdict::ScanTotals;
use model::{CommandId, DeviceId, EndpointPath, GroupId, ScanId, Timestamp};
use serde::{Deserialize, Serialize};

/// Asks for a scan. Exactly one of `devices` and `group`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// 1 to 10,000 devices.
    pub devices: Option<Vec<DeviceId>>,
    pub group: Option<GroupId>,
    /// 1 to 100 absolute paths.
    pub paths: Vec<EndpointPath>,
}

/// A scan, by the manager or by a local user, with its state on each device.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scan {
    pub id: ScanId,
    /// Who asked: a user, an API token, or `local user N on HOST`.
    pub requested_by: String,
    pub requested: Timestamp,
    pub paths: Vec<EndpointPath>,
    pub devices: Vec<ScanOnDevice>,
    pub detections: u64,
}

/// One device's part of a scan.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScanOnDevice {
    pub device: DeviceId,
    pub hostname: String,
    pub state: ScanState,
    pub began: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub totals: Option<ScanTotals>,
    pub failure: Option<String>,
}

/// How far a scan is on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    /// The device hasn't fetched the command yet.
    Waiting,
    Running,
    Done,
    Cancelled,
    Failed,
    /// The command expired before the device came for it.
    Expired,
}

/// A command that was sent off; its outcome shows on the object that it concerns.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommandAccepted {
    pub command: CommandId,
    pub expires: Timestamp,
}
