//! YARA rules: groups of rules by the files that they can match, compiled by yara-x ahead of time.
//!
//! Start reading at [`YaraRules`] (the sections) and `matcher` (a scan).

pub mod gate;
mod group;
mod index;
mod matcher;
mod names;
mod program;
mod start;

pub(crate) use index::count;
pub use index::{GroupHeader, MAX_GROUPS, NO_RULE, rule_key};
pub(crate) use matcher::{Matched, Matcher};
pub use names::{EXTERNALS, FileNames};
pub use start::{BEGINNING_BYTES, Beginning, Start, Starts};

pub use group::RulePart;
pub(crate) use group::YaraRules;
