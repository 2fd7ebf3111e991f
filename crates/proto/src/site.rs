//! Manager ↔ cloud, over the flow `manager-cloud`.
//!
//! | request | certificate | body → answer |
//! |---|---|---|
//! | `POST /site/v1/enrol` | none | [`SiteEnrolRequest`] → [`SiteEnrolAnswer`] |
//! | `POST /site/v1/renew` | site | [`crate::agent::RenewRequest`] → [`crate::agent::RenewAnswer`] |
//! | `POST /site/v1/pings` | site | [`PingBatch`] → [`PingReceipt`] |
//! | `GET /site/v1/pings/rules` | site | → [`crate::Page`] of [`RulePings`] |
//! | `GET /health` | none | → [`crate::api::Health`] |

use model::{DefinitionRevision, DefinitionType, Maturity, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

/// A site asks to be taken in by a cloud.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteEnrolRequest {
    /// The secret of the token.
    pub secret: String,
    /// PKCS#10 in PEM.
    pub certificate_request: String,
    pub site: SiteId,
    /// A label, such as `Lyon`.
    pub name: String,
}

/// The cloud takes the site in.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SiteEnrolAnswer {
    pub certificate: String,
    pub ca_certificate: String,
    pub server_time: Timestamp,
}

/// Pings: how often which rule hit, and no file, path, host or hash with it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PingBatch {
    /// Grows with each batch of a site; a batch that comes again is counted once.
    pub sequence: u64,
    pub pings: Vec<Ping>,
}

/// The most pings in one batch.
pub const MAX_PINGS: usize = 1000;

/// Hits of one rule in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    pub rule: String,
    pub definition_type: DefinitionType,
    pub maturity: Maturity,
    pub definitions: DefinitionRevision,
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// Matches, and devices that had them.
    pub hits: u64,
    pub devices: u64,
}

/// The batch is counted.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PingReceipt {
    pub counted_through: u64,
}

/// What the cloud knows of one rule, over all sites.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RulePings {
    pub rule: String,
    pub definition_type: DefinitionType,
    pub hits: u64,
    pub sites: u64,
    pub last_hour: Timestamp,
}
