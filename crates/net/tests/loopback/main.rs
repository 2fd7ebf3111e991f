//! Listeners and dialers against each other, and against others that misbehave; on loopback only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "these are tests, and the misbehaving ends need sockets of their own"
)]

mod binding;
mod dialing;
mod nameserver;
mod ports;
mod probing;
mod probing_tls;
mod proxying;
mod resolving;
mod revoking;
mod serving;
mod signing_in;
mod site;
mod squid;
mod stranger;
mod trusting;
