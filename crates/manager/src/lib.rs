//! The manager: one site's devices, groups, policies, detections, definitions, people, console
//! and API.
//!
//! Vertical slices, a folder each: `mod.rs` is the slice's face (plain async functions on
//! [`Site`] that the API and the console both call), `http.rs` its routes, `rules.rs` its pure
//! decisions, `store.rs` its tables. A slice owns its tables and every write to them. Who may do
//! what stands in the signature of the operation, as an [`access::Permit`].
//!
//! This crate opens no socket (`net` does), parses no file of an endpoint, and verifies
//! signatures only through `trust` and `scan`.
//!
//! Start reading at [`manager`] (how it starts and stops), [`site`] (what every slice works on),
//! then at the slice in question; [`api`] and [`agent_channel`] list the routes.

pub mod access;
pub mod agent_channel;
pub mod api;
pub mod audit;
pub mod changes;
pub mod cloud;
pub mod commands;
pub mod config;
pub mod connections;
pub mod console;
pub mod definitions;
pub mod detections;
pub mod devices;
pub mod enrolment;
pub mod events;
mod first_start;
pub mod groups;
mod lock;
pub mod manager;
pub mod network;
pub mod overview;
pub mod policies;
pub mod refusal;
pub mod scans;
pub mod site;
mod tables;
pub mod web;

pub use config::{Config, ConfigError};
pub use manager::{Manager, Opened, Running, StartError};
pub use refusal::Refusal;
pub use site::Site;
