//! The doctor: which flows of a catalogue work from here, which don't, why, and the line that
//! mends it.
//!
//! A run has three steps. [`plan`] turns a catalogue, a site and the ways out of this host into
//! checks; [`run`] probes them through `net`, side by side and within limits; [`judge`] is a pure
//! function from what was seen to verdicts, and from verdicts to findings: one cause, one finding,
//! with the features that are lost and the lines to add.
//!
//! This crate opens no socket (`net` does), runs no script in its own process ([`script`] starts a
//! child that it can kill), sends nothing over a connection whose server it can't verify, and
//! changes nothing anywhere: it only says what somebody could change.
//!
//! Start reading at [`report`] (what comes out), then [`verdict`] (what one probe means),
//! [`inspection`] (what many probes mean together) and [`finding`] (one cause, one finding).

mod anew;
pub mod child;
pub mod finding;
pub mod inspection;
pub mod judge;
mod mend;
pub mod output;
pub mod plan;
pub mod report;
pub mod run;
pub mod script;
pub mod target;
pub mod verdict;
pub mod way;

pub use anew::{Reported, anew};
pub use judge::judge;
pub use plan::{Destination, Plan, PlanError, Settings};
pub use report::{Check, Evidence, Finding, Outcome, Report, Stage, Verdict};
pub use run::{Observed, Progress, RunLimits, run};
pub use target::{Target, TargetError};
pub use way::{PathKind, Way, Ways};
