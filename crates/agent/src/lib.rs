//! The agent: protects one endpoint, with or without its manager in reach.
//!
//! It opens files and hands them to `sandbox`'s workers, spools what happened, keeps quarantined
//! files, talks to the manager and answers local commands. It opens no IP socket (that is `net`),
//! parses no scanned file (that is a worker) and believes nothing that its site did not sign.
//!
//! Start reading at [`run`] (the parts put together), then [`walk`] and [`scanning`] (which files
//! are judged), [`vault`] (quarantine), [`spool`] (events on disk), `link` (the manager), [`network`] (what of it works) and
//! [`local`] (local commands).

mod command;
pub mod config;
mod core;
pub mod definitions;
pub mod enrolment;
mod file;
pub mod folder;
mod health;
mod host;
pub mod identity;
mod journal;
mod lane;
mod link;
pub mod local;
mod manager_scan;
pub mod network;
mod place;
pub mod policy;
pub mod registry;
pub mod run;
pub mod scanning;
pub mod spool;
pub mod vault;
pub mod walk;

pub use run::{Agent, Options, RunError, enrol};
