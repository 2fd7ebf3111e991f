//! Detections and quarantined files in lists, and what is found by searching.

use askama::Template;
use proto::Page;
use proto::api::detection::{Detection, DetectionCounts, FileState, Quarantined};
use proto::api::device::Device;
use proto::api::network::SiteFlow;

use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::meaning::Meaning;
use crate::console::words::grouped;

/// The choices of triage: value in the address, key of the word.
pub const TRIAGES: &[(&str, &str)] = &[
    ("open", "triage.open"),
    ("in_progress", "triage.in_progress"),
    ("confirmed", "triage.confirmed"),
    ("false_positive", "triage.false_positive"),
    ("expected", "triage.expected"),
];

/// Where files may be: value in the address, key of the word.
pub const FILES: &[(&str, &str)] = &[
    ("in_place", "file.in_place"),
    ("pending", "file.pending"),
    ("quarantined", "file.quarantined"),
    ("restored", "file.restored"),
    ("deleted", "file.deleted"),
];

/// Key of the line that says what a triage means.
#[must_use]
pub fn advice(triage: &str) -> &'static str {
    match triage {
        "open" => "triage.open_means",
        "in_progress" => "triage.in_progress_means",
        "confirmed" => "triage.confirmed_means",
        "false_positive" => "triage.false_positive_means",
        _ => "triage.expected_means",
    }
}

/// The list of detections.
#[derive(Template)]
#[template(path = "detections.html")]
pub struct DetectionsPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub sentence: String,
    pub page: Page<Detection>,
    pub counts: DetectionCounts,
    /// The name of the device that the list is limited to.
    pub device_name: String,
}

impl DetectionsPage {
    /// Puts the counts into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        address: Address,
        page: Page<Detection>,
        counts: DetectionCounts,
        device_name: String,
    ) -> Self {
        Self {
            sentence: if counts.open == 0 {
                frame.with1("detections.none_open", "total", grouped(counts.total))
            } else {
                frame.with(
                    "detections.sentence",
                    &[
                        ("open", &frame.words.count("detections.open", counts.open)),
                        ("day", &grouped(counts.open_last_day)),
                        ("total", &grouped(counts.total)),
                    ],
                )
            },
            tab: "detections",
            frame,
            address,
            page,
            counts,
            device_name,
        }
    }
}

/// The list of quarantined files.
#[derive(Template)]
#[template(path = "quarantine.html")]
pub struct QuarantinePage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub sentence: String,
    pub page: Page<Quarantined>,
}

/// Before something that touches many, or that can't be undone.
#[derive(Template)]
#[template(path = "confirm.html")]
pub struct ConfirmPage {
    pub frame: Frame,
    pub title: String,
    pub consequences: Vec<(Meaning, String)>,
    pub action: String,
    /// Hidden fields: name and value.
    pub fields: Vec<(&'static str, String)>,
    /// What must be typed to go on.
    pub typed: Option<String>,
    /// Whether something else was typed.
    pub wrong: bool,
    pub button: String,
    pub back: String,
}

/// What was found by searching over everything.
#[derive(Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    pub frame: Frame,
    pub query: String,
    pub sentence: String,
    pub devices: Page<Device>,
    pub detections: Page<Detection>,
    pub flows: Vec<SiteFlow>,
    pub found: u64,
}
