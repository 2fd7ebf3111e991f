//! Who may enter: enrolment tokens for machines, API tokens for programs, accounts for people.

use model::{ApiTokenId, EnrolmentTokenId, GroupId, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// An enrolment token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EnrolmentTokenInfo {
    pub id: EnrolmentTokenId,
    pub name: String,
    pub group: GroupId,
    pub group_name: String,
    pub uses: u32,
    pub max_uses: u32,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub revoked: bool,
    pub created_by: String,
}

/// A new enrolment token.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolmentToken {
    /// 1 to 100 characters.
    pub name: String,
    /// The default group when absent.
    pub group: Option<GroupId>,
    /// 1 to 100,000.
    pub max_uses: u32,
    /// 60 seconds to 90 days.
    pub valid_seconds: u32,
}

/// A fresh enrolment token; its text is told this once.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreatedEnrolmentToken {
    pub info: EnrolmentTokenInfo,
    /// The text form of [`crate::EnrolmentToken`].
    pub text: String,
}

/// An API token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiTokenInfo {
    pub id: ApiTokenId,
    pub name: String,
    pub role: Role,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub last_used: Option<Timestamp>,
    pub revoked: bool,
    pub created_by: String,
}

/// A new API token. Its role is at most its maker's.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// 1 to 100 characters.
    pub name: String,
    pub role: Role,
    /// 60 seconds to 366 days.
    pub valid_seconds: u32,
}

/// A fresh API token; its text is told this once.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreatedApiToken {
    pub info: ApiTokenInfo,
    /// `garrison-api-1.` and base64url; goes into `Authorization: Bearer`.
    pub text: String,
}

/// A person's account.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub created: Timestamp,
    pub last_sign_in: Option<Timestamp>,
}

/// A new account.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 1 to 64 characters of `a-z 0-9 . _ -`, unique.
    pub name: String,
    pub role: Role,
    /// 12 to 1024 characters.
    pub password: String,
}

/// Changes an account. Absent fields stay. A change of role, password or state ends its sessions.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    pub password: Option<String>,
}

/// The caller.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Myself {
    /// A user's or an API token's name.
    pub name: String,
    pub role: Role,
    pub user: Option<UserId>,
}
