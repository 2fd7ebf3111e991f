//! The words of Garrison: identifiers, hashes, verdicts, detections, events, policies.
//!
//! This crate holds data and its invariants. It does no I/O, asks no clock, spawns nothing and
//! decides nothing: decisions live in `scan`, `definitions`, `trust` and in the roles.
//!
//! Start reading at [`verdict`] (what a scan says), [`event`] (what an agent reports),
//! [`network`] (what it says of the network around it) and [`policy`] (what it is told).

pub mod definition;
pub mod event;
pub mod hash;
pub mod health;
pub mod id;
pub mod network;
pub mod path;
pub mod policy;
pub mod role;
pub mod time;
pub mod verdict;

pub use definition::{DefinitionRevision, DefinitionType, Maturity};
pub use event::{Event, EventBody, Sequence, SpoolId};
pub use hash::{Hashes, Sha256};
pub use id::{
    ApiTokenId, AuditId, CommandId, DetectionId, DeviceId, EnrolmentTokenId, GroupId, PolicyId,
    QuarantineId, ScanId, SiteId, UserId,
};
pub use network::{NetworkReport, NetworkState};
pub use path::EndpointPath;
pub use policy::Policy;
pub use role::Role;
pub use time::Timestamp;
pub use verdict::{
    FileOutcome, FileReport, Limit, LimitHit, RuleMatch, ScanFailure, SkipReason, Verdict,
};
