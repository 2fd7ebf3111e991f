//! What an agent says of the network around it.
//!
//! An agent checks its flows on a schedule and whenever the network changes, and sends a
//! [`NetworkReport`] when what it found differs from what it reported last; also after its first
//! check, and once a day, so that a report that was lost is not missed for long. A report is
//! complete: it takes the place of everything that the device reported before. Between reports
//! each check-in carries a [`NetworkState`], which says when the last check was and which report
//! still holds.
//!
//! All times in here are by the device's clock. Whoever receives a report bounds it again
//! ([`NetworkReport::bound`]): the sender is not believed to have done so.

mod bound;
mod verdict;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

pub use bound::limits;
pub use verdict::{Outcome, Stage, Verdict, Who};

/// Everything that a device knows of its network at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NetworkReport {
    /// When the check ended. With the device it names this report: [`NetworkState::reported`].
    pub checked: Timestamp,
    pub trigger: Trigger,
    /// The worst of the checks.
    pub result: Outcome,
    pub counts: Counts,
    /// Flows of which at least one check told something: it works, in part, or not. What is not
    /// in here was not checked, or nobody could tell.
    #[serde(default)]
    pub covered: Vec<String>,
    /// The worst first, and of those what got furthest. None: nothing is lost.
    pub findings: Vec<NetworkFinding>,
    /// Findings that were left out because there were more than [`limits::FINDINGS`].
    #[serde(default)]
    pub omitted: u32,
}

/// What set a check off.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = NetworkTrigger)]
pub enum Trigger {
    /// It was time.
    Schedule,
    /// An address, a route, a link or the name servers changed.
    NetworkChange,
    /// The agent started, or became a device of its site.
    Start,
    /// Several check-ins in a row failed.
    ManagerUnreachable,
    /// A check-in worked after several had failed.
    ManagerReachable,
    /// Somebody asked for it, on the device or at the manager.
    Asked,
}

/// Checks by how they came out. One check is one destination of one flow on one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NetworkCounts)]
pub struct Counts {
    pub ok: u32,
    pub degraded: u32,
    pub broken: u32,
    pub unknown: u32,
    pub skipped: u32,
}

/// One cause, with all that it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NetworkFinding {
    /// The same cause has the same key, in every report and on every device.
    pub key: FindingKey,
    /// Since when this device has seen this cause without a break.
    pub since: Timestamp,
    pub verdict: Verdict,
    pub stage: Stage,
    /// One line: what is wrong.
    pub cause: String,
    /// Degraded, broken or unknown.
    pub result: Outcome,
    /// Identifiers of rows of Garrison's catalogue.
    pub flows: Vec<String>,
    /// As `host:port`, with `/udp` where it is not TCP.
    pub endpoints: Vec<String>,
    /// What doesn't work; where the result is unknown, what may not work.
    pub features: Vec<LostFeature>,
    pub evidence: Vec<Evidence>,
    /// Who can mend it.
    pub who: Who,
    pub mend: Mend,
    /// Entries of the lists above that were left out because there were more than [`limits`] allow.
    #[serde(default)]
    pub omitted: u32,
}

/// A feature that doesn't work, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LostFeature {
    /// In the catalogue's words, in English.
    pub feature: String,
    /// Since when it has been lost without a break, whatever the cause was: not later than the
    /// finding's where another cause came before this one, and later where it joined this one.
    pub since: Timestamp,
}

/// Something that was seen.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[schema(as = NetworkEvidence)]
pub struct Evidence {
    pub kind: String,
    pub value: String,
}

/// What to add, and in whose syntax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NetworkMend)]
pub struct Mend {
    pub product: String,
    pub lines: Vec<String>,
}

/// Names a cause: 16 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9a-f]{16}$")]
pub struct FindingKey(String);

/// Text that was expected to be a finding's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the key of a finding (16 lower-case hexadecimal digits), got {0:?}")]
pub struct FindingKeyError(String);

/// What a check-in says of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NetworkState {
    /// How the last check came out.
    pub result: Outcome,
    /// When the last check ended. What the report says held then, too.
    pub checked: Timestamp,
    /// [`NetworkReport::checked`] of the report that holds. A receiver whose newest report of this
    /// device is another waits for one: it is under way, or was lost and comes within a day.
    pub reported: Timestamp,
}

impl Evidence {
    /// A piece of evidence.
    #[must_use]
    pub fn new(kind: &str, value: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            value: value.into(),
        }
    }
}

impl FindingKey {
    /// The key of a verdict at a stage, for a cause. The cause is what tells it from others with
    /// the same verdict, such as the proxy or the destination; the same on every device.
    #[must_use]
    pub fn of(stage: Stage, verdict: Verdict, cause: &str) -> Self {
        // FNV-1a, 64 bits (draft-eastlake-fnv, section 2). It only has to tell causes apart.
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let words = [stage.as_str(), "\0", verdict.as_str(), "\0", cause];
        for byte in words.iter().flat_map(|word| word.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        Self(format!("{hash:016x}"))
    }

    /// Reads 16 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, FindingKeyError> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == 16 {
            Ok(Self(text.to_owned()))
        } else {
            Err(FindingKeyError(text.chars().take(80).collect()))
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FindingKey({})", self.0)
    }
}

impl<'de> Deserialize<'de> for FindingKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Trigger {
    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::NetworkChange => "network_change",
            Self::Start => "start",
            Self::ManagerUnreachable => "manager_unreachable",
            Self::ManagerReachable => "manager_reachable",
            Self::Asked => "asked",
        }
    }
}

impl NetworkReport {
    /// Every feature that doesn't work, or not wholly, once, each with the earliest time since
    /// when. What nobody can tell is not among them.
    #[must_use]
    pub fn lost(&self) -> Vec<LostFeature> {
        let mut lost: Vec<LostFeature> = Vec::new();
        let found = self
            .findings
            .iter()
            .filter(|finding| finding.result > Outcome::Unknown);
        for one in found.flat_map(|finding| &finding.features) {
            match lost.iter_mut().find(|known| known.feature == one.feature) {
                Some(known) => known.since = known.since.min(one.since),
                None => lost.push(one.clone()),
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests;
