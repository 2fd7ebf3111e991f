//! Agent ↔ manager, over the flow `agent-channel`.
//!
//! | request | certificate | body → answer |
//! |---|---|---|
//! | `POST /agent/v1/enrol` | none | [`EnrolRequest`] → [`EnrolAnswer`] |
//! | `POST /agent/v1/check-in` | device | [`CheckInRequest`] → [`CheckInAnswer`] |
//! | `POST /agent/v1/events` | device | [`EventBatch`], zstd → [`EventReceipt`] |
//! | `GET /agent/v1/definitions/{revision}` | device | → the file |
//! | `POST /agent/v1/renew` | device | [`RenewRequest`] → [`RenewAnswer`] |
//! | `POST /agent/v1/rekey` | suspended device | [`RenewRequest`] → [`RekeyAnswer`] |
//! | `GET /agent/v1/notifications` | device | → lines of [`Notification`], without end |

use model::event::{Event, Gap, Sequence, SpoolId};
use model::health::{AgentState, HostFacts};
use model::{DefinitionRevision, DeviceId, GroupId, Sha256, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::envelope::Signed;

/// A machine asks to become a device.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// [`crate::EnrolmentToken::secret`].
    pub secret: String,
    /// PKCS#10 in PEM, signed by the device's new key. Only its public key is taken over. The same
    /// key and secret give the same device again, so that a lost answer costs nothing.
    pub certificate_request: String,
    pub host: HostFacts,
}

/// The site takes the machine in.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EnrolAnswer {
    pub device: DeviceId,
    pub site: SiteId,
    pub group: GroupId,
    /// The device's certificate, in PEM.
    pub certificate: String,
    /// The site CA's certificate, in PEM.
    pub ca_certificate: String,
    /// The site's Ed25519 public key for policies, commands and definitions: 64 hexadecimal digits.
    pub site_key: String,
    pub server_time: Timestamp,
}

/// State up.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckInRequest {
    /// One more than the last that was answered; the first is 1.
    pub counter: u64,
    /// [`CheckInAnswer::nonce`] of the last answer; empty at the first.
    pub nonce: String,
    /// Random, made and stored before the first try with this counter, the same at each repetition.
    pub attempt: String,
    /// By the device's clock.
    pub time: Timestamp,
    pub state: AgentState,
}

/// Wants down.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckInAnswer {
    /// [`CheckInRequest::counter`] that this answers.
    pub counter: u64,
    /// To be sent with the next check-in.
    pub nonce: String,
    pub server_time: Timestamp,
    pub standing: Standing,
    /// The group's policy, when the device has an older one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<Signed>,
    /// Commands whose result hasn't arrived yet; some may have been sent before.
    pub commands: Vec<Signed>,
    /// The definitions to use, when the device has others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub definitions: Option<DefinitionsOffer>,
    /// Whether the certificate should be renewed now.
    pub renew_certificate: bool,
}

/// What a device is to its site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Approved,
    /// A fork; gets no policy, no commands and delivers no events until somebody approves it.
    AwaitingApproval,
}

/// Definitions that wait to be fetched.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionsOffer {
    pub revision: DefinitionRevision,
    pub bytes: u64,
    pub sha256: Sha256,
}

/// Events from a spool.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBatch {
    pub spool: SpoolId,
    /// In the order of their sequence. Together with `gaps` they leave no hole after the last
    /// acknowledged sequence.
    pub events: Vec<Event>,
    pub gaps: Vec<Gap>,
}

/// Limits of one [`EventBatch`].
pub mod batch_limits {
    /// Events and gaps in one batch.
    pub const ITEMS: usize = 1000;
    /// Bytes of the JSON text.
    pub const PLAIN_BYTES: usize = 4 << 20;
    /// Bytes on the wire.
    pub const COMPRESSED_BYTES: usize = 1 << 20;
}

/// All up to and with this sequence is stored, and need not be sent again.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventReceipt {
    pub spool: SpoolId,
    pub stored_through: Sequence,
}

/// A device asks for a certificate.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// PKCS#10 in PEM; at `rekey` of a key that the site hasn't seen.
    pub certificate_request: String,
}

/// The new certificate.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RenewAnswer {
    pub certificate: String,
}

/// The new identity of one holder of a suspended one.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RekeyAnswer {
    pub device: DeviceId,
    pub fork_of: DeviceId,
    pub certificate: String,
    pub standing: Standing,
}

/// A line of the notification stream: JSON, ended by a newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Notification {
    /// Check in now.
    CheckIn,
    /// Nothing; sent at least every 30 seconds, so that a dead connection is noticed.
    StillHere,
}
