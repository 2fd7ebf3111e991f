//! What comes out: checks, and the findings that explain them.

use std::fmt;

use model::Timestamp;
pub use model::network::{Evidence, FindingKey, Mend, Outcome, Stage, Verdict, Who};
use model::network::{LostFeature, NetworkFinding};
use serde::{Deserialize, Serialize};

use crate::plan::Destination;

/// The version of the JSON.
pub const VERSION: u32 = 1;

/// Everything that a run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub version: u32,
    pub result: Outcome,
    /// Checks that were made; those that were skipped don't count.
    pub checked: usize,
    pub took_ms: u64,
    pub checks: Vec<Check>,
    pub findings: Vec<Finding>,
}

/// One destination of one flow on one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub flow: String,
    pub endpoint: CheckedEndpoint,
    pub path: crate::way::PathKind,
    /// The proxy that was used, as a URL without its password.
    pub via: Option<String>,
    pub result: Outcome,
    pub stage: Option<Stage>,
    pub verdict: Option<Verdict>,
    /// One sentence.
    pub detail: String,
    pub evidence: Vec<Evidence>,
    pub stages: Vec<StageSeen>,
}

/// Where a check went.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckedEndpoint {
    /// A name or an address; of a check that was skipped also a pattern, or nothing.
    pub host: String,
    pub port: Option<u16>,
    pub transport: String,
}

/// What a stage of a dial did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSeen {
    pub stage: String,
    pub result: StageResult,
    pub took_ms: u64,
    pub detail: String,
}

/// How a stage of a dial went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageResult {
    Passed,
    Skipped,
    Failed,
}

/// One cause, with all that it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The same cause has the same key, in every run and on every host.
    pub key: FindingKey,
    pub verdict: Verdict,
    pub stage: Stage,
    /// One line.
    pub cause: String,
    pub result: Outcome,
    pub flows: Vec<String>,
    /// As `host:port`.
    pub endpoints: Vec<String>,
    /// What is lost, in the catalogue's words.
    pub features: Vec<String>,
    pub evidence: Vec<Evidence>,
    pub who: Who,
    pub mend: Mend,
}

impl CheckedEndpoint {
    /// Where a check of a destination goes.
    #[must_use]
    pub fn of(destination: &Destination<'_>) -> Self {
        Self {
            host: destination.host.clone(),
            port: destination.port,
            transport: destination.endpoint.transport.as_str().to_owned(),
        }
    }
}

impl fmt::Display for CheckedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host.as_str() {
            "" => "?".to_owned(),
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        match (self.port, self.transport.as_str()) {
            (Some(port), "tcp") => write!(f, "{host}:{port}"),
            (Some(port), transport) => write!(f, "{host}:{port}/{transport}"),
            (None, "tcp") => f.write_str(&host),
            (None, transport) => write!(f, "{host} ({transport})"),
        }
    }
}

impl Finding {
    /// As it is reported: seen since then, and each of its features lost since when `lost` says.
    #[must_use]
    pub fn reported(self, since: Timestamp, lost: impl Fn(&str) -> Timestamp) -> NetworkFinding {
        NetworkFinding {
            key: self.key,
            since,
            verdict: self.verdict,
            stage: self.stage,
            cause: self.cause,
            result: self.result,
            flows: self.flows,
            endpoints: self.endpoints,
            features: self
                .features
                .into_iter()
                .map(|feature| LostFeature {
                    since: lost(&feature),
                    feature,
                })
                .collect(),
            evidence: self.evidence,
            who: self.who,
            mend: self.mend,
            omitted: 0,
        }
    }
}

impl Report {
    /// The worst of the checks; nothing checked is nothing known.
    #[must_use]
    pub fn worst(checks: &[Check]) -> Outcome {
        let made = checks
            .iter()
            .map(|check| check.result)
            .filter(|result| *result != Outcome::Skipped);
        made.max().unwrap_or(Outcome::Unknown)
    }
}
