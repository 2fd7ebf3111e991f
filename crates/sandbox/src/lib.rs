//! Untrusted files are parsed here: in child processes that hold nothing.
//!
//! The parent opens files and passes descriptors; a worker reads, parses and matches them with
//! `scan`, without network, file system, rights or executable memory of its own. A worker that
//! crashes, hangs or eats too much costs one file, which is reported as such. This crate opens no
//! file by its path, walks no folder, keeps no state and decides nothing about a verdict.
//!
//! Start reading at [`Pool`] (the parent's side), then [`worker`] (the child's side) and
//! `confine` (what is taken from the child).

mod channel;
mod child;
mod confine;
mod content;
mod map;
mod message;
mod pool;
mod protection;
mod sealed;
pub mod worker;

pub use pool::{Pool, PoolConfig, PoolError, WorkerCommand};
pub use protection::{Protection, ProtectionState, probe};
pub use sealed::{SealError, Sealed};
