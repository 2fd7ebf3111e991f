//! What is lost, why and since when: over the site, one cause, by device.

use std::borrow::Borrow;

use askama::Template;
use model::network::{Outcome, Stage, Verdict, Who};
use proto::Page;
use proto::api::connection::{
    ConnectionCause, ConnectionFeature, ConnectionUnknown, Connections, DeviceConnections, LinesBy,
    MendedConnection,
};
use proto::api::group::Group;

use super::overview::{Share, laid_out};
use crate::commands::MAX_DEVICES;
use crate::connections::Shown;
use crate::console::address::Address;
use crate::console::frame::Frame;
use crate::console::meaning::{Badge, Meaning};
use crate::console::moment;
use crate::console::words::{Words, grouped};

/// The page of connections.
#[derive(Template)]
#[template(path = "connections.html")]
pub struct ConnectionsPage {
    pub frame: Frame,
    pub address: Address,
    pub tab: &'static str,
    pub sentence: String,
    pub shares: Vec<Share>,
    pub summary: Connections,
    pub page: Page<ConnectionCause>,
    pub features: Vec<ConnectionFeature>,
    pub groups: Vec<Group>,
    /// Whether all that are shown may be asked at once to check.
    pub can_ask: bool,
}

impl ConnectionsPage {
    /// Puts the sums into words.
    #[must_use]
    pub fn new(frame: Frame, address: Address, shown: Shown, groups: Vec<Group>) -> Self {
        let Shown {
            summary,
            causes,
            features,
        } = shown;
        let total = usize::try_from(summary.devices.total).unwrap_or(usize::MAX);
        Self {
            tab: "connections",
            can_ask: frame.operates() && (1..=MAX_DEVICES).contains(&total),
            sentence: sentence(&frame, &summary, &features),
            shares: shares(&summary, &address),
            frame,
            address,
            summary,
            page: causes,
            features,
            groups,
        }
    }
}

/// One cause.
#[derive(Template)]
#[template(path = "cause.html")]
pub struct CausePage {
    pub frame: Frame,
    pub cause: ConnectionCause,
    pub badge: Badge,
    pub sentence: String,
    pub lines: String,
    pub devices: Page<DeviceConnections>,
    pub mended: Vec<MendedConnection>,
    pub mended_total: u64,
    pub missing: Vec<String>,
    pub raw: String,
}

impl CausePage {
    /// Puts the cause into words.
    #[must_use]
    pub fn new(
        frame: Frame,
        cause: ConnectionCause,
        devices: Page<DeviceConnections>,
        mended: Option<Page<MendedConnection>>,
        missing: Vec<String>,
    ) -> Self {
        Self {
            badge: holding(&cause),
            sentence: cause_sentence(&frame, &cause),
            lines: lines(&cause),
            raw: super::raw(&cause),
            mended_total: mended.as_ref().map_or(0, |page| page.total),
            mended: mended.map(|page| page.items).unwrap_or_default(),
            frame,
            cause,
            devices,
            missing,
        }
    }
}

/// Devices by how their connections are.
#[derive(Template)]
#[template(path = "connection_devices.html")]
pub struct ConnectionDevicesPage {
    pub frame: Frame,
    pub address: Address,
    pub page: Page<DeviceConnections>,
    /// The cause that the list is of.
    pub cause: Option<ConnectionCause>,
    pub groups: Vec<Group>,
}

impl ConnectionDevicesPage {
    /// Nothing of it needs words.
    #[must_use]
    pub const fn new(
        frame: Frame,
        address: Address,
        page: Page<DeviceConnections>,
        cause: Option<ConnectionCause>,
        groups: Vec<Group>,
    ) -> Self {
        Self {
            frame,
            address,
            page,
            cause,
            groups,
        }
    }
}

/// The states that the list of devices can be narrowed to: value in the address, key of the word.
pub const STATES: &[(&str, &str)] = &[
    ("broken", "connections.broken"),
    ("degraded", "connections.degraded"),
    ("ok", "connections.ok"),
    ("unknown", "connections.unknown"),
];

/// Those who can mend something: value in the address, key of the word.
pub const MENDERS: &[(&str, &str)] = &[
    ("proxy", "mender.proxy"),
    ("firewall", "mender.firewall"),
    ("dns", "mender.dns"),
    ("certificate", "mender.certificate"),
    ("host", "mender.host"),
];

/// How something is.
#[must_use]
pub fn state(outcome: impl Borrow<Outcome>) -> Badge {
    match outcome.borrow() {
        Outcome::Broken => (Meaning::Critical, "connections.broken"),
        Outcome::Degraded => (Meaning::Warning, "connections.degraded"),
        Outcome::Ok => (Meaning::Good, "connections.ok"),
        Outcome::Unknown => (Meaning::Neutral, "connections.unknown"),
        Outcome::Skipped => (Meaning::Neutral, "connections.unchecked"),
    }
}

/// How a feature is; that some can't be told about is not passed over.
#[must_use]
pub fn feature_state(feature: &ConnectionFeature) -> Badge {
    if feature.state == Outcome::Ok && feature.devices.unknown > 0 {
        (Meaning::Informative, "connections.ok_where_known")
    } else {
        state(feature.state)
    }
}

/// Whether a cause holds, and how bad it is.
#[must_use]
pub fn holding(cause: &ConnectionCause) -> Badge {
    if cause.mended.is_some() {
        (Meaning::Good, "cause.is_mended")
    } else if cause.devices == 0 && !cause.manager {
        (Meaning::Neutral, "connections.unknown")
    } else {
        state(cause.result)
    }
}

/// Who can mend it, in words.
#[must_use]
pub const fn mender(who: &Who) -> &'static str {
    match who {
        Who::Proxy => "mender.proxy",
        Who::Firewall => "mender.firewall",
        Who::Dns => "mender.dns",
        Who::Certificate => "mender.certificate",
        Who::Host => "mender.host",
    }
}

/// Key of the words for why nobody can tell.
#[must_use]
pub const fn because(unknown: &ConnectionUnknown) -> &'static str {
    match unknown {
        ConnectionUnknown::Off => "unheard.off",
        ConnectionUnknown::NotChecked => "unheard.not_checked",
        ConnectionUnknown::NotLately => "unheard.not_lately",
        ConnectionUnknown::Silent => "unheard.silent",
        ConnectionUnknown::ReportUnderWay => "unheard.report_under_way",
        ConnectionUnknown::Undetermined => "unheard.undetermined",
    }
}

/// What is wrong, in words.
#[must_use]
pub fn verdict(words: &Words, verdict: Verdict) -> String {
    words.t(&format!("verdict.{}", verdict.as_str())).to_owned()
}

/// The layer, in words.
#[must_use]
pub fn stage(words: &Words, stage: Stage) -> String {
    words.t(&format!("layer.{}", stage.as_str())).to_owned()
}

/// The address of a cause's page.
#[must_use]
pub fn place(id: impl AsRef<str>) -> String {
    format!("/network/connections/causes/{}", id.as_ref())
}

/// The address of the devices that have it.
#[must_use]
pub fn devices_place(cause: &ConnectionCause) -> String {
    format!("/network/connections/devices?cause={}", cause.id)
}

/// The lines to be pasted.
#[must_use]
pub fn lines(cause: &ConnectionCause) -> String {
    cause.lines.join("\n")
}

/// Whether there are lines, and the manager made them: what devices wrote is to be read first, and
/// not to be copied from a list.
#[must_use]
pub fn are_ours(cause: &ConnectionCause) -> bool {
    match cause.lines_by {
        LinesBy::Manager => !cause.lines.is_empty(),
        LinesBy::Devices => false,
    }
}

/// On how many devices, in words: with the manager itself, and with those not heard of.
#[must_use]
pub fn holders(words: &Words, cause: &ConnectionCause) -> String {
    match (cause.devices, cause.manager) {
        (0, true) => words.t("cause.on_manager").to_owned(),
        (devices, true) => words.count("cause.on_devices_and_manager", devices),
        (devices, false) => words.count("cause.on_devices", devices),
    }
}

/// As [`holders`], within a sentence.
fn within(words: &Words, cause: &ConnectionCause) -> String {
    match (cause.devices, cause.manager) {
        (0, true) => words.t("cause.on_this_manager").to_owned(),
        (_, true | false) => holders(words, cause),
    }
}

/// On how many of the devices that check it a feature is not whole.
#[must_use]
pub fn lost_on(words: &Words, feature: &ConnectionFeature) -> String {
    let counts = &feature.devices;
    let lost = counts.broken + counts.degraded;
    if counts.total == 0 {
        return String::new();
    }
    words.with(
        "connections.on_of",
        &[("n", &grouped(lost)), ("total", &grouped(counts.total))],
    )
}

/// Names in a row: `a, b and c`, at most `most` of them.
fn named(words: &Words, names: &[String], most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
    if more > 0 {
        return words.with(
            "connections.names_more",
            &[("names", &shown.join(", ")), ("n", &grouped(more as u64))],
        );
    }
    match shown.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => words.with(
            "connections.names_and",
            &[("names", &first.join(", ")), ("last", last)],
        ),
    }
}

fn sentence(frame: &Frame, summary: &Connections, features: &[ConnectionFeature]) -> String {
    let words = frame.words;
    let devices = &summary.devices;
    if devices.total == 0 && summary.manager.is_none() {
        return words.t("connections.says_none").to_owned();
    }
    let lost: Vec<String> = features
        .iter()
        .filter(|feature| matches!(feature.state, Outcome::Broken | Outcome::Degraded))
        .map(|feature| feature.feature.clone())
        .collect();
    let affected = devices.broken + devices.degraded;
    let mut parts = Vec::new();
    let when = summary
        .since
        .map(|since| moment::relative(words, since, frame.now))
        .unwrap_or_default();
    if affected > 0 && lost.is_empty() {
        parts.push(words.count("connections.says_impaired", affected));
    } else if affected > 0 {
        parts.push(capitalised(&words.with(
            "connections.says_lost",
            &[
                ("features", &named(words, &lost, 3)),
                ("n", &grouped(affected)),
                ("total", &words.count("devices.count", devices.total)),
                ("when", &when),
            ],
        )));
    } else if devices.total > 0 && devices.ok == devices.total {
        parts.push(words.count("connections.says_all", devices.total));
    } else if devices.ok > 0 {
        parts.push(words.t("connections.says_known").to_owned());
    }
    if devices.unknown > 0 {
        parts.push(words.count("connections.says_unknown", devices.unknown));
    }
    let manager = summary.manager.as_ref().map(|manager| manager.state);
    if matches!(manager, Some(Outcome::Broken | Outcome::Degraded)) {
        parts.push(words.t("connections.says_manager").to_owned());
    }
    parts.join(" ")
}

fn cause_sentence(frame: &Frame, cause: &ConnectionCause) -> String {
    let words = frame.words;
    let features = if cause.features.is_empty() {
        words.t("cause.no_feature").to_owned()
    } else {
        named(words, &cause.features, 4)
    };
    let when = moment::relative(words, cause.since, frame.now);
    if let Some(mended) = cause.mended {
        let mended = moment::relative(words, mended, frame.now);
        return words.with("cause.says_mended", &[("when", &mended)]);
    }
    if cause.devices == 0 && !cause.manager {
        let unheard = words.count("cause.says_unheard", cause.devices_unheard);
        return unheard;
    }
    let key = match cause.result {
        Outcome::Broken => "cause.says_lost",
        Outcome::Degraded => "cause.says_degraded",
        Outcome::Unknown | Outcome::Ok | Outcome::Skipped => "cause.says_unknown",
    };
    let first = words.with(
        key,
        &[
            ("features", &features),
            ("on", &within(words, cause)),
            ("when", &when),
        ],
    );
    let mend = words.with(
        "cause.says_mender",
        &[("who", &words.t(mender(&cause.who)))],
    );
    format!("{} {mend}", capitalised(&first))
}

/// With a capital at its beginning.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

fn shares(summary: &Connections, address: &Address) -> Vec<Share> {
    let devices = &summary.devices;
    let group = address.value("group");
    let place = |state: &str| {
        if group.is_empty() {
            format!("/network/connections/devices?state={state}")
        } else {
            format!("/network/connections/devices?state={state}&group={group}")
        }
    };
    laid_out([
        (Meaning::Good, "connections.ok", devices.ok, place("ok")),
        (
            Meaning::Critical,
            "connections.broken",
            devices.broken,
            place("broken"),
        ),
        (
            Meaning::Warning,
            "connections.degraded",
            devices.degraded,
            place("degraded"),
        ),
        (
            Meaning::Neutral,
            "connections.unknown",
            devices.unknown,
            place("unknown"),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_and_layer_has_its_words() {
        let words = Words::english();
        for one in Verdict::ALL {
            let key = format!("verdict.{}", one.as_str());
            assert!(words.has(&key), "{key}");
        }
        for one in [
            Stage::Dns,
            Stage::Proxy,
            Stage::Transport,
            Stage::Tls,
            Stage::Upper,
            Stage::Revocation,
        ] {
            let key = format!("layer.{}", one.as_str());
            assert!(words.has(&key), "{key}");
        }
    }

    #[test]
    fn names_stand_in_a_row() {
        let words = Words::english();
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(named(words, &names[..1], 3), "a");
        assert_eq!(named(words, &names[..3], 3), "a, b and c");
        assert_eq!(named(words, &names, 3), "a, b, c and 1 more");
    }
}
