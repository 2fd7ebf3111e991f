//! Are we protected, what needs me now, what happened.

use askama::Template;
use model::Timestamp;
use model::network::Outcome;
use proto::api::Overview;
use proto::api::audit::AuditLine;
use proto::api::detection::Detection;
use proto::api::network::CloudState;

use crate::console::frame::Frame;
use crate::console::meaning::Meaning;
use crate::console::moment;
use crate::console::words::{Words, grouped};

/// The overview.
#[derive(Template)]
#[template(path = "overview.html")]
pub struct OverviewPage {
    pub frame: Frame,
    pub overview: Overview,
    pub verdict: Meaning,
    pub sentence: String,
    pub detail: String,
    pub shares: Vec<Share>,
    pub needs: Vec<Need>,
    pub detections: Vec<Detection>,
    pub activity: Vec<AuditLine>,
    /// Sources that could not be read.
    pub missing: Vec<String>,
}

/// A part of the bar of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub meaning: Meaning,
    /// Key.
    pub word: &'static str,
    pub count: u64,
    pub address: String,
    /// In thousandths of the bar.
    pub x: u64,
    pub width: u64,
}

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    pub meaning: Meaning,
    pub what: String,
    /// Key.
    pub advice: &'static str,
    /// Key.
    pub verb: &'static str,
    pub address: &'static str,
}

impl OverviewPage {
    /// Puts the answers into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        overview: Overview,
        detections: Vec<Detection>,
        activity: Vec<AuditLine>,
        missing: Vec<String>,
    ) -> Self {
        let words = frame.words;
        let needs = needs(words, &overview);
        let verdict = verdict(&overview, &needs);
        Self {
            verdict,
            sentence: sentence(words, &overview, verdict),
            detail: detail(words, &overview, frame.now),
            shares: shares(&overview),
            needs,
            frame,
            overview,
            detections,
            activity,
            missing,
        }
    }
}

/// Devices that are approved: those that ought to be protected. Revoked ones are not in the total.
fn approved(overview: &Overview) -> u64 {
    let devices = &overview.devices;
    devices
        .total
        .saturating_sub(devices.awaiting_approval + devices.suspended)
}

/// Approved devices that are neither critical nor silent. One that is both counts twice against.
fn protected(overview: &Overview) -> u64 {
    approved(overview).saturating_sub(overview.devices.critical + overview.devices.silent)
}

fn verdict(overview: &Overview, needs: &[Need]) -> Meaning {
    if overview.devices.total == 0 {
        return Meaning::Informative;
    }
    let critical = needs.iter().any(|need| need.meaning == Meaning::Critical);
    let warning = needs.iter().any(|need| need.meaning == Meaning::Warning);
    if critical {
        Meaning::Critical
    } else if warning {
        Meaning::Warning
    } else {
        Meaning::Good
    }
}

fn sentence(words: &Words, overview: &Overview, verdict: Meaning) -> String {
    let total = approved(overview);
    if overview.devices.total == 0 {
        return words.t("overview.no_devices").to_owned();
    }
    let covered = protected(overview);
    let mut text = if total == 1 && covered == 0 {
        words.t("overview.none_protected").to_owned()
    } else if covered == total {
        words.count("overview.all_protected", total)
    } else {
        words.with(
            "overview.some_protected",
            &[("covered", &grouped(covered)), ("total", &grouped(total))],
        )
    };
    let open = overview.detections.open;
    if open > 0 && verdict != Meaning::Good {
        text.push(' ');
        text.push_str(&words.count("overview.open_wait", open));
    }
    text
}

fn detail(words: &Words, overview: &Overview, now: Timestamp) -> String {
    let mut parts = Vec::new();
    match &overview.definitions {
        Some(info) => parts.push(words.with(
            "overview.definitions",
            &[
                ("revision", &info.revision),
                ("when", &moment::relative(words, info.published, now)),
            ],
        )),
        None => parts.push(words.t("overview.no_definitions").to_owned()),
    }
    parts.push(words.count("overview.connected", overview.devices.connected));
    parts.push(
        words
            .t(match overview.cloud.state {
                CloudState::NotEnrolled => "overview.alone",
                CloudState::Connected => "overview.cloud",
                CloudState::Unreachable => "overview.cloud_lost",
            })
            .to_owned(),
    );
    parts.join(" ")
}

fn shares(overview: &Overview) -> Vec<Share> {
    let devices = &overview.devices;
    let counts = [
        (
            Meaning::Good,
            "device.protected",
            protected(overview),
            "/devices?standing=approved",
        ),
        (
            Meaning::Critical,
            "device.unprotected",
            devices.critical,
            "/devices?critical=true",
        ),
        (
            Meaning::Warning,
            "device.silent",
            devices.silent,
            "/devices?silent=true",
        ),
        (
            Meaning::Warning,
            "device.awaiting",
            devices.awaiting_approval,
            "/devices?standing=awaiting_approval",
        ),
        (
            Meaning::Critical,
            "device.suspended",
            devices.suspended,
            "/devices?standing=suspended",
        ),
        (
            Meaning::Neutral,
            "device.revoked",
            devices.revoked,
            "/devices?standing=revoked",
        ),
    ];
    laid_out(
        counts.map(|(meaning, word, count, address)| (meaning, word, count, address.to_owned())),
    )
}

/// Lays counts out as the parts of a bar; what is none has no part.
pub(super) fn laid_out<const N: usize>(
    counts: [(Meaning, &'static str, u64, String); N],
) -> Vec<Share> {
    let sum: u64 = counts.iter().map(|(_, _, count, _)| *count).sum();
    let mut x = 0;
    let mut shares: Vec<Share> = counts
        .into_iter()
        .filter(|(_, _, count, _)| *count > 0)
        .map(|(meaning, word, count, address)| {
            // Even one device of thousands is to be seen.
            let width = (count * 1000 / sum.max(1)).max(6);
            let share = Share {
                meaning,
                word,
                count,
                address,
                x,
                width: width.saturating_sub(2),
            };
            x += width;
            share
        })
        .collect();
    // What the small ones were given more, the first has less.
    let excess = x.saturating_sub(1000);
    let missing = 1000_u64.saturating_sub(x);
    if let Some((first, rest)) = shares.split_first_mut() {
        first.width = (first.width + missing).saturating_sub(excess);
        for share in rest {
            share.x = (share.x + missing).saturating_sub(excess);
        }
    }
    if let Some(last) = shares.last_mut() {
        last.width = 1000_u64.saturating_sub(last.x);
    }
    shares
}

fn needs(words: &Words, overview: &Overview) -> Vec<Need> {
    let devices = &overview.devices;
    let mut needs = Vec::new();
    let mut add = |count: u64, meaning, key: &str, advice, verb, address| {
        if count > 0 {
            needs.push(Need {
                meaning,
                what: words.count(key, count),
                advice,
                verb,
                address,
            });
        }
    };
    let without = u64::from(overview.definitions.is_none() && devices.total > 0);
    add(
        without,
        Meaning::Critical,
        "need.definitions",
        "need.definitions_do",
        "need.open",
        "/definitions",
    );
    add(
        overview.detections.open,
        Meaning::Critical,
        "need.detections",
        "need.detections_do",
        "need.triage",
        "/detections?triage=open",
    );
    add(
        devices.critical,
        Meaning::Critical,
        "need.critical",
        "need.critical_do",
        "need.open",
        "/devices?critical=true",
    );
    add(
        devices.suspended,
        Meaning::Critical,
        "need.suspended",
        "need.suspended_do",
        "need.open",
        "/devices?standing=suspended",
    );
    add(
        devices.awaiting_approval,
        Meaning::Warning,
        "need.awaiting",
        "need.awaiting_do",
        "need.review",
        "/devices?standing=awaiting_approval",
    );
    add(
        devices.silent,
        Meaning::Warning,
        "need.silent",
        "need.silent_do",
        "need.open",
        "/devices?silent=true",
    );
    let connections = &overview.connections;
    add(
        connections.devices.broken + connections.devices.degraded,
        Meaning::Warning,
        "need.connections",
        "need.connections_do",
        "need.open",
        "/network/connections",
    );
    let manager = connections.manager.as_ref().map(|manager| manager.state);
    add(
        u64::from(matches!(manager, Some(Outcome::Broken | Outcome::Degraded))),
        Meaning::Warning,
        "need.own_connections",
        "need.connections_do",
        "need.open",
        "/network/connections#manager",
    );
    add(
        overview.devices_with_older_definitions,
        Meaning::Warning,
        "need.older",
        "need.older_do",
        "need.open",
        "/definitions",
    );
    add(
        overview.detections.in_progress,
        Meaning::Informative,
        "need.in_progress",
        "need.in_progress_do",
        "need.open",
        "/detections?triage=in_progress",
    );
    add(
        overview.events_lost,
        Meaning::Informative,
        "need.lost",
        "need.lost_do",
        "need.open",
        "/devices",
    );
    needs
}
