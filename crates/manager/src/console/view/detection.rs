//! One detection.

use askama::Template;
use model::event::Initiator;
use model::{DefinitionType, Maturity};
use proto::api::detection::{Detection, FileState};

use crate::console::frame::Frame;
use crate::console::meaning;
use crate::console::view::{raw, rule};
use crate::console::words::Words;

/// A detection's page.
#[derive(Template)]
#[template(path = "detection.html")]
pub struct DetectionPage {
    pub frame: Frame,
    pub detection: Detection,
    pub sentence: String,
    pub found_by: String,
    pub may_quarantine: bool,
    pub may_restore: bool,
    pub raw: String,
}

impl DetectionPage {
    /// Puts the detection into words.
    #[must_use]
    pub fn new(frame: Frame, detection: Detection) -> Self {
        let words = frame.words;
        let place = match detection.file {
            FileState::InPlace => "detection.says_in_place",
            FileState::Pending => "detection.says_pending",
            FileState::Quarantined => "detection.says_quarantined",
            FileState::Restored => "detection.says_restored",
            FileState::Deleted => "detection.says_deleted",
        };
        let (_, triage) = meaning::triage(detection.triage);
        Self {
            sentence: format!(
                "{} {} {}",
                words.with(
                    "detection.says",
                    &[("rule", &rule(&detection)), ("device", &detection.hostname)]
                ),
                words.t(place),
                words.with("detection.says_triage", &[("triage", &words.t(triage))]),
            ),
            found_by: found_by(words, &detection.initiator),
            may_quarantine: detection.hashes.is_some()
                && matches!(detection.file, FileState::InPlace | FileState::Restored),
            may_restore: detection.quarantine.is_some() && detection.file == FileState::Quarantined,
            raw: raw(&detection),
            frame,
            detection,
        }
    }
}

/// Who asked for it.
#[must_use]
pub fn found_by(words: &Words, initiator: &Initiator) -> String {
    match initiator {
        Initiator::Manager { .. } => words.t("initiator.manager").to_owned(),
        Initiator::LocalUser { uid } => words.with("initiator.local", &[("uid", uid)]),
        Initiator::Policy => words.t("initiator.policy").to_owned(),
    }
}

/// Key of the word for a definition type.
#[must_use]
pub const fn type_word(kind: &DefinitionType) -> &'static str {
    match kind {
        DefinitionType::Av => "type.av",
        DefinitionType::Reputation => "type.reputation",
        DefinitionType::Behaviour => "type.behaviour",
        DefinitionType::Ips => "type.ips",
        DefinitionType::Url => "type.url",
        DefinitionType::Ioc => "type.ioc",
        DefinitionType::Vulnerability => "type.vulnerability",
    }
}

/// Key of the word for a maturity.
#[must_use]
pub const fn maturity_word(maturity: &Maturity) -> &'static str {
    match maturity {
        Maturity::Silent => "maturity.silent",
        Maturity::Observing => "maturity.observing",
        Maturity::Enforcing => "maturity.enforcing",
        Maturity::Withdrawn => "maturity.withdrawn",
    }
}
