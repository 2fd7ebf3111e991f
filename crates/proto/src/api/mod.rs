//! Programs and people ↔ manager, over the flows `api` and `console`.
//!
//! Lists are paged ([`crate::Page`]); `limit` is 1 to 500, 50 when not said. Errors are
//! [`crate::Problem`]. A `POST` may carry `Idempotency-Key` (1 to 128 visible characters): the same
//! key, caller and body within 24 hours give the same answer again, and nothing is done twice.

pub mod access;
pub mod audit;
pub mod connection;
pub mod definition;
pub mod detection;
pub mod device;
pub mod group;
pub mod network;
pub mod scan;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The default and the largest number of items on a page.
pub const PAGE_DEFAULT: u32 = 50;
/// See [`PAGE_DEFAULT`].
pub const PAGE_MAX: u32 = 500;

/// Whether a service can work. `GET /health`, without a credential.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// `manager` or `cloud`.
    pub service: String,
    pub version: String,
    pub ready: bool,
    pub time: Timestamp,
}

/// The answers to "are we protected, what needs me now".
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Overview {
    pub devices: device::DeviceCounts,
    pub detections: detection::DetectionCounts,
    pub definitions: Option<definition::DefinitionsInfo>,
    /// Devices whose definitions are not the site's newest.
    pub devices_with_older_definitions: u64,
    /// Events that agents' budgets evicted before delivery.
    pub events_lost: u64,
    pub cloud: network::CloudLink,
    /// How the devices' connections are, and the manager's own.
    pub connections: connection::Connections,
    pub time: Timestamp,
}

/// A line of the change stream (`GET /api/v1/changes`, server-sent events): what to read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    pub what: Changed,
    /// The object's identifier; absent when a whole list changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    Device,
    Detection,
    Quarantine,
    Scan,
    Group,
    Policy,
    EnrolmentToken,
    Definitions,
    Audit,
    Cloud,
    /// What a device, or the manager itself, reports of its connections.
    Connection,
    /// Changes were dropped because the reader was slow; read everything again.
    All,
}
