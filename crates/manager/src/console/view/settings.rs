//! The audit log, accounts and API tokens.

use askama::Template;
use model::Timestamp;
use proto::Page;
use proto::api::access::{ApiTokenInfo, CreatedApiToken, User};
use proto::api::audit::AuditLine;

use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::meaning::{Badge, Meaning};

/// The audit log.
#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub page: Page<AuditLine>,
}

/// People's accounts.
#[derive(Template)]
#[template(path = "users.html")]
pub struct UsersPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub page: Page<User>,
    pub wrong: Option<String>,
}

/// Programs' tokens.
#[derive(Template)]
#[template(path = "api_tokens.html")]
pub struct ApiTokensPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub page: Page<ApiTokenInfo>,
    pub fresh: Option<CreatedApiToken>,
    pub wrong: Option<String>,
}

/// Whether an API token can still be used.
#[must_use]
pub fn badge(token: &ApiTokenInfo, now: &Timestamp) -> Badge {
    if token.revoked {
        (Meaning::Neutral, "enrolment.revoked")
    } else if token.expires.millis() <= now.millis() {
        (Meaning::Neutral, "enrolment.expired")
    } else {
        (Meaning::Good, "enrolment.usable")
    }
}
