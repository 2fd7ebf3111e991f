//! The site's network: flows as configured, and the link to the cloud.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// A flow of the catalogue as it is at this site.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SiteFlow {
    /// The catalogue's identifier, such as `agent-channel`.
    pub id: String,
    pub purpose: String,
    pub from: String,
    pub to: String,
    pub transport: String,
    /// The port in use at this site; the catalogue's where this manager has no part in the flow.
    pub port: u16,
    /// The address that this manager listens on, or dials.
    pub address: Option<String>,
    pub upper_layer: String,
    pub required: bool,
    /// What is lost when it is blocked.
    pub breaks: Vec<String>,
    /// Whether this manager listens on it now.
    pub listening: bool,
    pub connections: u64,
}

/// The link to the cloud.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CloudLink {
    pub state: CloudState,
    /// `host:port`, when enrolled.
    pub address: Option<String>,
    pub last_delivery: Option<Timestamp>,
    /// Pings that wait for delivery.
    pub waiting: u64,
    /// Why the last try failed.
    pub failure: Option<String>,
}

/// Whether the manager works with a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloudState {
    NotEnrolled,
    Connected,
    Unreachable,
}

/// Enrols this manager in a cloud.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudEnrolment {
    /// The text of a token that the cloud made.
    pub token: String,
    /// What the cloud's operators are to call this site. 1 to 100 characters.
    pub name: String,
}
