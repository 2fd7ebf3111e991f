//! Untrusted files are parsed here: in child processes that hold nothing.
//!
//! The parent opens files and passes descriptors; a worker reads, parses and matches them with
//! `scan`, without network, file system, rights or executable memory of its own. A worker that
//! crashes, hangs or eats too much costs one file, which is reported as such. Workers are copies of
//! a template that has loaded the definitions, so that one more costs next to nothing. This crate
//! opens no file by its path, walks no folder, keeps no state and decides nothing about a verdict.
//! [`outward`] is the cage of the other kind of child: one that must talk to the network.
//!
//! Start reading at [`Pool`] (the parent's side), then `template` and `child` (what it holds of
//! them), [`worker`] (the life of a template and of a worker) and `confine` (what is taken from
//! both).

mod channel;
mod child;
mod confine;
mod content;
#[doc(hidden)]
pub mod fuzzing;
mod generation;
mod guarded;
mod last_words;
mod map;
mod message;
pub mod outward;
mod pool;
mod protection;
mod sealed;
mod template;
pub mod worker;

pub use pool::{Pool, PoolConfig, PoolError, Verify, WorkerCommand};
pub use protection::{Protection, ProtectionState, probe};
pub use sealed::{SealError, Sealed};
