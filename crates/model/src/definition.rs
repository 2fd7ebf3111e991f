//! What definitions are: their types, their maturity, their revision.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a definition judges.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DefinitionType {
    /// Hashes, byte patterns and YARA rules for files.
    Av,
    /// Known good and known bad files.
    Reputation,
    /// Behaviour of processes (Sigma).
    Behaviour,
    /// Network signatures.
    Ips,
    /// Categories of addresses, bad addresses.
    Url,
    /// Indicators of compromise.
    Ioc,
    /// Vulnerable packages (OSV).
    Vulnerability,
}

/// How far a rule has earned trust. Only an enforcing rule may act on a file.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    /// Matches are counted, shown to nobody.
    Silent,
    /// Matches are shown, nothing is done.
    Observing,
    /// Matches are detections that the policy's response acts on.
    Enforcing,
    /// No longer matches.
    Withdrawn,
}

/// The revision of a set of definitions; higher is newer. An agent never goes back.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct DefinitionRevision(pub u64);

impl fmt::Display for DefinitionRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
