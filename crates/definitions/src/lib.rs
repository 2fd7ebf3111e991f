//! Sources in, signed definitions out.
//!
//! This crate reads ClamAV's databases, hash lists and YARA rules, compiles them into the sections
//! that `scan` reads, and signs the result. It doesn't scan, keeps no keys and trusts nobody: who
//! may sign is decided where definitions are opened. All but [`load`] works on bytes.
//!
//! Start reading at [`build`] and [`sign`]; the format is described in
//! `docs/definitions-format.md`, its numbers stand in `scan::layout`.

mod archive;
pub mod body;
mod build;
mod clam;
mod containers;
mod error;
mod hash_table;
mod hashes;
mod lines;
mod names;
mod report;
mod rule_set;
mod signing;
mod sizes;
mod source;
mod write;
mod yara;

pub use build::{BuildOptions, Compiled, Progress, build, build_with, lint};
pub use clam::hash::{HashLine, HashValue, read_line};
pub use error::BuildError;
pub use report::{MAX_LISTED, Problem, Report, Tally, Unusable, Why};
pub use signing::{SigningKey, SigningKeyError, sign};
pub use source::{LoadError, MAX_SOURCE_BYTES, MAX_SOURCES, Source, load};
