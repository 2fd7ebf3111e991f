//! The cloud: the services that stand behind many sites, run by you. So far: sites enrol, and
//! send pings (how often which rule hit), which every enrolled site can read in sum.
//!
//! Vertical slices, a folder each: `mod.rs` is the slice's face, `http.rs` its routes, `rules.rs`
//! its pure decisions, `store.rs` its tables. A slice owns its tables and every write to them.
//! Except for enrolment, `GET /health` and the channel binding every route demands the
//! certificate of an enrolled site.
//!
//! This crate opens no socket (`net` does), sees no file, path, host or hash of any endpoint, and
//! knows no manager from the inside: both speak `proto::site`.
//!
//! Start reading at [`service`] (how it starts and stops), [`api`] (the list of routes), then at
//! the slice in question.

pub mod api;
mod authority;
pub mod binding;
pub mod caller;
pub mod config;
mod folder;
pub mod health;
pub mod pings;
pub mod refusal;
pub mod service;
pub mod sites;
pub mod state;
mod tables;
pub mod web;

pub use config::{Config, ConfigError};
pub use service::{Cloud, Running, StartError};
pub use sites::{MadeToken, NewToken, TokenError, new_token};

#[cfg(test)]
mod tests;
