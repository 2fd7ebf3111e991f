//! The site's flows and the link to the cloud.

use askama::Template;
use proto::api::network::{CloudLink, SiteFlow};

use crate::console::frame::Frame;
use crate::console::meaning::{Badge, Meaning};

/// The network page.
#[derive(Template)]
#[template(path = "network.html")]
pub struct NetworkPage {
    pub frame: Frame,
    pub sentence: String,
    pub flows: Vec<SiteFlow>,
    pub cloud: CloudLink,
}

impl NetworkPage {
    /// Puts the flows into words.
    #[must_use]
    pub fn new(frame: Frame, flows: Vec<SiteFlow>, cloud: CloudLink) -> Self {
        let listening = flows.iter().filter(|flow| flow.listening).count();
        let words = frame.words;
        let sentence = format!(
            "{} {}",
            words.count("network.says_listening", listening as u64),
            words.count("network.says_flows", flows.len() as u64),
        );
        Self {
            frame,
            sentence,
            flows,
            cloud,
        }
    }
}

/// Whether this manager listens on a flow.
#[must_use]
pub fn badge(flow: &SiteFlow) -> Badge {
    if flow.listening {
        (Meaning::Good, "network.listening")
    } else if flow.to == "manager" {
        (Meaning::Critical, "network.not_listening")
    } else {
        (Meaning::Neutral, "network.elsewhere")
    }
}
