//! Groups and policies.

use model::{GroupId, Policy, PolicyId, Timestamp};
use serde::{Deserialize, Serialize};

/// A group of devices.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Group {
    pub id: GroupId,
    pub name: String,
    pub policy: PolicyId,
    pub policy_name: String,
    /// Whether forks of this group's devices are approved by themselves.
    pub approve_forks: bool,
    pub devices: u64,
    pub created: Timestamp,
}

/// A new group.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// 1 to 100 characters, unique.
    pub name: String,
    /// The default policy when absent.
    pub policy: Option<PolicyId>,
    #[serde(default)]
    pub approve_forks: bool,
}

/// Changes a group. Absent fields stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    pub name: Option<String>,
    pub policy: Option<PolicyId>,
    pub approve_forks: Option<bool>,
}

/// A policy with its name.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NamedPolicy {
    pub id: PolicyId,
    pub name: String,
    /// Grows with every change.
    pub revision: u64,
    pub policy: Policy,
    /// Groups that use it.
    pub groups: u64,
    pub changed: Timestamp,
}

/// A new policy, or the whole of a changed one.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// 1 to 100 characters, unique.
    pub name: String,
    pub policy: Policy,
    /// At a change: the revision that was read. When it is no longer the newest, the change is
    /// refused (409), so that nobody overwrites what they haven't seen.
    #[serde(default)]
    pub based_on: Option<u64>,
}
