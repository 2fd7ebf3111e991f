//! Sources in, signed definitions out.
//!
//! This crate reads hash lists and YARA rules, compiles them into the sections that `scan` reads,
//! and signs the result. It doesn't scan, keeps no keys and trusts nobody: who may sign is decided
//! where definitions are opened. All but [`load`] works on bytes.
//!
//! Start reading at [`build`] and [`sign`]; the format is described in
//! `docs/definitions-format.md`, its numbers stand in `scan::layout`.

mod build;
mod error;
mod hash_list;
mod rule_set;
mod signing;
mod source;
mod write;
mod yara;

pub use build::{Compiled, Progress, build};
pub use error::{BuildError, SourceError};
pub use hash_list::{HashEntry, HashValue, read_line};
pub use signing::{SigningKey, SigningKeyError, sign};
pub use source::{LoadError, MAX_SOURCE_BYTES, MAX_SOURCES, Source, load};
