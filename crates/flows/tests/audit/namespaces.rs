//! The judge in network namespaces.

use std::process::{Command, Stdio};

use crate::asked::Asked;
use crate::peer::{self, Peer};

pub(crate) struct Namespaces(Peer);

/// What nft did.
#[derive(serde::Deserialize)]
pub(crate) struct Judge {
    pub(crate) json: String,
    pub(crate) passed: Vec<bool>,
}

impl Namespaces {
    /// `None` where it can't run here.
    pub(crate) fn start(test: &str) -> Option<Self> {
        if !peer::has_programs(test, &["nft", "ip", "python3", "unshare"]) {
            return None;
        }
        let allowed = Command::new("unshare")
            .args(["-n", "nft", "list", "ruleset"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !allowed.is_ok_and(|status| status.success()) {
            skip::skip(test, "network namespaces need root");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(["-n", "python3"]).arg(peer::file("filter.py"));
        Some(Self(Peer::start(&mut command)))
    }

    pub(crate) fn ask(
        &mut self,
        place: &str,
        ruleset: &str,
        asked: &[Asked],
    ) -> Result<Judge, String> {
        let questions: Vec<(&str, &str, u16)> = asked
            .iter()
            .map(|asked| {
                (
                    asked.transport.as_str(),
                    asked.host.as_str(),
                    asked.port.parse().unwrap(),
                )
            })
            .collect();
        let answer = self
            .0
            .ask(&serde_json::json!({ "place": place, "ruleset": ruleset, "ask": questions }));
        serde_json::from_str(&answer).map_err(|_| answer)
    }
}
