//! Enrolment tokens.

use askama::Template;
use model::Timestamp;
use proto::Page;
use proto::api::access::{CreatedEnrolmentToken, EnrolmentTokenInfo};
use proto::api::group::Group;

use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::meaning::{Badge, Meaning};

/// The list of tokens, and a fresh one, once.
#[derive(Template)]
#[template(path = "enrolment.html")]
pub struct EnrolmentPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub page: Page<EnrolmentTokenInfo>,
    pub groups: Vec<Group>,
    pub fresh: Option<CreatedEnrolmentToken>,
    /// Why the form that was sent can't be taken.
    pub wrong: Option<String>,
}

/// Whether a token can still be used.
#[must_use]
pub fn badge(token: &EnrolmentTokenInfo, now: &Timestamp) -> Badge {
    if token.revoked {
        (Meaning::Neutral, "enrolment.revoked")
    } else if token.expires.millis() <= now.millis() {
        (Meaning::Neutral, "enrolment.expired")
    } else if token.uses >= token.max_uses {
        (Meaning::Neutral, "enrolment.used_up")
    } else {
        (Meaning::Good, "enrolment.usable")
    }
}
