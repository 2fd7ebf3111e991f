//! Bytes in, verdict out.
//!
//! This crate reads definitions files, tells types by content, looks inside containers and matches
//! rules. It does no I/O, asks no clock (a [`Watch`] brings the time), starts no process and
//! decides nothing about a file: what to do with a verdict is the roles' affair. Untrusted bytes
//! are given to it inside `sandbox` only.
//!
//! Start reading at [`Scanner`] (what happens to a file), then [`DefinitionsFile`] (the container
//! of definitions and its signature) and `containers` (one file per format).

mod body;
mod containers;
mod definitions;
mod executable;
mod facts;
mod file_type;
mod key;
mod kind;
mod limits;
mod normalise;
#[cfg(test)]
mod peer;
mod scanner;
mod watch;
pub mod yara;

pub use body::expression::{ExpressionError, compile as compile_expression};
pub use body::layout as body_layout;
pub use body::match_patterns;
pub use definitions::file::{DefinitionsFile, VerifyMode};
pub use definitions::layout;
pub use definitions::pages::Section;
pub use definitions::revision::{RevisionError, accept_revision};
pub use definitions::whole::{WholeError, check_whole};
pub use definitions::{Counts, Definitions, DefinitionsError};
pub use definitions::{maturity_number, type_number};
pub use facts::Target;
pub use file_type::FileType;
pub use key::{PublicKey, PublicKeyError, TrustedKeys};
pub use kind::Kind;
pub use limits::Limits;
pub use scanner::{Input, Scanner};
pub use watch::Watch;
