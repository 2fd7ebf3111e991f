//! Definitions: what is current, who published it, which devices lag.

use askama::Template;
use proto::api::definition::DefinitionsInfo;
use proto::api::device::Device;

use crate::console::frame::Frame;
use crate::console::moment;

/// The page of definitions.
#[derive(Template)]
#[template(path = "definitions.html")]
pub struct DefinitionsPage {
    pub frame: Frame,
    pub sentence: String,
    pub current: Option<DefinitionsInfo>,
    pub history: Vec<DefinitionsInfo>,
    pub lagging: Vec<Device>,
}

impl DefinitionsPage {
    /// Puts the revisions into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        history: Vec<DefinitionsInfo>,
        lagging: Vec<Device>,
        lagging_total: u64,
    ) -> Self {
        let words = frame.words;
        let current = history.iter().find(|info| info.current).cloned();
        let sentence = match &current {
            None => words.t("definitions.says_none").to_owned(),
            Some(info) => {
                let first = words.with(
                    "definitions.says",
                    &[
                        ("revision", &info.revision),
                        ("when", &moment::relative(words, info.published, frame.now)),
                        ("by", &info.published_by),
                    ],
                );
                let lag = if lagging_total == 0 {
                    words.t("definitions.says_no_lag").to_owned()
                } else {
                    words.count("definitions.says_lag", lagging_total)
                };
                format!("{first} {lag}")
            }
        };
        Self {
            frame,
            sentence,
            current,
            history,
            lagging,
        }
    }
}
