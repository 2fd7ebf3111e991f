//! One device.

use std::time::Duration;

use askama::Template;
use model::event::{CommandOutcome, Remediation};
use model::network::{NetworkReport, Outcome};
use model::verdict::ScanTotals;
use model::{DeviceId, Event, EventBody, Timestamp};
use proto::api::connection::DeviceConnections;
use proto::api::detection::Detection;
use proto::api::device::{Device, DeviceStanding};
use proto::api::group::Group;
use proto::api::scan::Scan;

use crate::console::frame::Frame;
use crate::console::meaning::{self, Badge, Meaning};
use crate::console::moment;
use crate::console::view::raw;
use crate::console::words::Words;

/// A device's page.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    pub frame: Frame,
    pub device: Device,
    pub badge: Badge,
    pub sentence: String,
    /// Whether anything can still be done with it.
    pub live: bool,
    pub skew: Option<String>,
    pub network: Option<DeviceConnections>,
    pub detections: Vec<Detection>,
    pub scans: Vec<ScanHere>,
    pub timeline: Vec<Happening>,
    pub groups: Vec<Group>,
    pub missing: Vec<String>,
    pub raw: String,
}

/// A scan's part on this device.
#[derive(Debug, Clone)]
pub struct ScanHere {
    pub paths: String,
    pub requested_by: String,
    pub requested: Timestamp,
    pub badge: Badge,
    pub totals: Option<ScanTotals>,
    pub failure: Option<String>,
}

/// A line of the timeline.
#[derive(Debug, Clone)]
pub struct Happening {
    pub meaning: Meaning,
    pub time: Timestamp,
    pub what: String,
    pub detail: String,
}

/// What stands below the device's own facts.
#[derive(Debug, Default)]
pub struct Parts {
    pub network: Option<DeviceConnections>,
    pub detections: Vec<Detection>,
    pub scans: Vec<Scan>,
    pub events: Vec<Event>,
    /// Sources that could not be read.
    pub missing: Vec<String>,
}

impl DevicePage {
    /// Puts the device into words.
    #[must_use]
    pub fn new(frame: Frame, device: Device, groups: Vec<Group>, parts: Parts) -> Self {
        let words = frame.words;
        let Parts {
            network,
            detections,
            scans,
            events,
            missing,
        } = parts;
        Self {
            badge: meaning::device(&device, frame.now),
            sentence: sentence(words, &device, frame.now),
            live: device.standing != DeviceStanding::Revoked,
            skew: skew(words, &device),
            scans: scans
                .iter()
                .filter_map(|scan| scan_here(scan, device.id))
                .collect(),
            timeline: events.iter().map(|event| happening(words, event)).collect(),
            raw: raw(&device),
            frame,
            device,
            network,
            detections,
            groups,
            missing,
        }
    }
}

fn sentence(words: &Words, device: &Device, now: Timestamp) -> String {
    let name = &device.hostname;
    let standing = match device.standing {
        DeviceStanding::Revoked => Some("device.says_revoked"),
        DeviceStanding::Suspended => Some("device.says_suspended"),
        DeviceStanding::AwaitingApproval => Some("device.says_awaiting"),
        DeviceStanding::Approved => None,
    };
    if let Some(key) = standing {
        return words.with(key, &[("name", name)]);
    }
    let (_, word) = meaning::device(device, now);
    let first = match word {
        "device.protected" => words.with("device.says_protected", &[("name", name)]),
        "device.unprotected" => words.with("device.says_unprotected", &[("name", name)]),
        "device.silent" => words.with(
            "device.says_silent",
            &[
                ("name", name),
                (
                    "when",
                    &device
                        .last_seen
                        .map(|time| moment::relative(words, time, now))
                        .unwrap_or_default(),
                ),
            ],
        ),
        "device.outdated" => words.with("device.says_outdated", &[("name", name)]),
        "device.impaired" => words.with("device.says_impaired", &[("name", name)]),
        _ => words.with("device.says_new", &[("name", name)]),
    };
    let open = if device.open_detections == 0 {
        words.t("device.says_no_open").to_owned()
    } else {
        words.count("device.says_open", device.open_detections)
    };
    format!("{first} {open}")
}

/// A clock that is off by less than two seconds is right.
fn skew(words: &Words, device: &Device) -> Option<String> {
    let millis = device.clock_skew_ms?;
    let off = Duration::from_millis(millis.unsigned_abs());
    if off < Duration::from_secs(2) {
        return Some(words.t("device.clock_right").to_owned());
    }
    let key = if millis > 0 {
        "device.clock_fast"
    } else {
        "device.clock_slow"
    };
    Some(words.with(key, &[("span", &moment::span(words, off))]))
}

fn scan_here(scan: &Scan, device: DeviceId) -> Option<ScanHere> {
    let part = scan.devices.iter().find(|part| part.device == device)?;
    let paths: Vec<&str> = scan.paths.iter().map(model::EndpointPath::as_str).collect();
    Some(ScanHere {
        paths: paths.join(", "),
        requested_by: scan.requested_by.clone(),
        requested: scan.requested,
        badge: meaning::scan(part.state),
        totals: part.totals,
        failure: part.failure.clone(),
    })
}

fn network(words: &Words, report: &NetworkReport) -> (Meaning, String, String) {
    let (meaning, key) = match report.result {
        Outcome::Ok => (Meaning::Good, "event.network_ok"),
        Outcome::Degraded => (Meaning::Warning, "event.network_degraded"),
        Outcome::Broken => (Meaning::Critical, "event.network_broken"),
        Outcome::Unknown | Outcome::Skipped => (Meaning::Neutral, "event.network_unknown"),
    };
    let causes: Vec<&str> = report
        .findings
        .iter()
        .map(|finding| finding.cause.as_str())
        .collect();
    (meaning, words.t(key).to_owned(), causes.join("; "))
}

fn happening(words: &Words, event: &Event) -> Happening {
    let (meaning, what, detail) = match &event.body {
        EventBody::DetectionFinding { path, matches, .. } => (
            Meaning::Critical,
            words.with(
                "event.found",
                &[(
                    "rule",
                    &matches.first().map_or("—", |found| found.rule.as_str()),
                )],
            ),
            path.to_string(),
        ),
        EventBody::FileRemediation {
            remediation, path, ..
        } => {
            let (meaning, key) = match remediation {
                Remediation::Quarantined => (Meaning::Good, "event.quarantined"),
                Remediation::Restored => (Meaning::Neutral, "event.restored"),
                Remediation::Deleted => (Meaning::Good, "event.deleted"),
            };
            (meaning, words.t(key).to_owned(), path.to_string())
        }
        EventBody::ScanActivity {
            paths,
            totals,
            cancelled,
            ..
        } => {
            let what = match totals {
                None => words.t("event.scan_began").to_owned(),
                Some(_) if *cancelled => words.t("event.scan_cancelled").to_owned(),
                Some(totals) => words.count("event.scan_ended", totals.files()),
            };
            let paths: Vec<&str> = paths.iter().map(model::EndpointPath::as_str).collect();
            (Meaning::Informative, what, paths.join(", "))
        }
        EventBody::ScanProblem { report, .. } => (
            Meaning::Warning,
            words.t("event.problem").to_owned(),
            report.path.to_string(),
        ),
        EventBody::CommandResult { outcome, .. } => match outcome {
            CommandOutcome::Done => (
                Meaning::Neutral,
                words.t("event.command_done").to_owned(),
                String::new(),
            ),
            CommandOutcome::Failed { reason } => (
                Meaning::Warning,
                words.t("event.command_failed").to_owned(),
                reason.clone(),
            ),
            CommandOutcome::Refused { reason } => (
                Meaning::Warning,
                words.t("event.command_refused").to_owned(),
                reason.clone(),
            ),
        },
        EventBody::Refused { what, reason } => (
            Meaning::Warning,
            words.with("event.refused", &[("what", what)]),
            reason.clone(),
        ),
        EventBody::AgentStarted { agent_version } => (
            Meaning::Neutral,
            words.with("event.started", &[("version", agent_version)]),
            String::new(),
        ),
        EventBody::NetworkReport { report } => network(words, report),
    };
    Happening {
        meaning,
        time: event.time,
        what,
        detail,
    }
}
