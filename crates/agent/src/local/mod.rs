//! The local control channel: a Unix socket on which local commands ask the agent for something.
//!
//! The kernel tells the agent who asks. Anybody may ask for the status and the definitions and
//! report a scan; only root and the owner of a file may have it quarantined or restored.

mod client;
mod frame;
mod rate;
mod request;
mod server;

pub use client::{Client, ClientError};
pub(crate) use server::Server;
