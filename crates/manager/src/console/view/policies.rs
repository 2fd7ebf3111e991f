//! Policies.

use askama::Template;
use model::policy::{Exclusion, Response};
use proto::Page;
use proto::api::group::NamedPolicy;

use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::view::raw;

/// The list of policies.
#[derive(Template)]
#[template(path = "policies.html")]
pub struct PoliciesPage {
    pub frame: Frame,
    pub address: Address,
    pub page: Page<NamedPolicy>,
}

/// One policy and its form.
#[derive(Template)]
#[template(path = "policy.html")]
pub struct PolicyPage {
    pub frame: Frame,
    pub named: NamedPolicy,
    pub sentence: String,
    /// Devices that a change reaches.
    pub devices: u64,
    /// One a line: what is excluded, and why behind a `#`.
    pub paths: String,
    pub rules: String,
    pub wrong: Option<String>,
    pub raw: String,
}

impl PolicyPage {
    /// Puts the policy into words.
    #[must_use]
    pub fn new(frame: Frame, named: NamedPolicy, devices: u64, wrong: Option<String>) -> Self {
        let words = frame.words;
        let (mut paths, mut rules) = (String::new(), String::new());
        for exclusion in &named.policy.exclusions {
            let (text, what, reason) = match exclusion {
                Exclusion::Path { path, reason } => (&mut paths, path.as_str(), reason),
                Exclusion::Rule { rule, reason } => (&mut rules, rule.as_str(), reason),
            };
            text.push_str(what);
            if !reason.is_empty() {
                text.push_str(" # ");
                text.push_str(reason);
            }
            text.push('\n');
        }
        Self {
            sentence: format!(
                "{} {}",
                words.count("policies.says_groups", named.groups),
                words.count("policies.says_devices", devices)
            ),
            raw: raw(&named),
            frame,
            devices,
            paths,
            rules,
            wrong,
            named,
        }
    }
}

/// Key of the word for a response.
#[must_use]
pub const fn response_word(response: &Response) -> &'static str {
    match response {
        Response::Report => "policies.report",
        Response::Quarantine => "policies.quarantine",
    }
}
