//! The audit log: who did what, when, from where.

use model::{AuditId, Timestamp};
use serde::{Deserialize, Serialize};

/// A line of the audit log. Lines are only ever added.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditLine {
    pub id: AuditId,
    pub time: Timestamp,
    /// A user's or API token's name, `device ID`, or `manager`.
    pub actor: String,
    /// The caller's address; absent for what the manager did by itself.
    pub address: Option<String>,
    /// A stable name such as `device.revoke`, `sign_in.failed`.
    pub action: String,
    /// What it was done to, such as `device 019a…`.
    pub object: String,
    /// A sentence with the particulars; never a secret.
    pub detail: String,
}
