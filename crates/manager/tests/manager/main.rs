//! The manager through its public face: its routes called in process, and some of it over real
//! connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may stop at a broken expectation"
)]

mod access;
mod check_in;
mod cloud;
mod connections;
mod coverage;
mod definitions;
mod enrolment;
mod events;
mod groups;
mod idempotency;
mod many_connections;
mod network;
mod site_flows;
mod stand;
mod start;
mod upkeep;
