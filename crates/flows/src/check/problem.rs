//! What can be wrong with a catalogue.

use crate::endpoint::Transport;
use crate::host::HostError;
use crate::id::FlowId;
use crate::party::PartyId;
use crate::profile::PortProfile;
use crate::version::VersionRange;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Problem {
    /// `flow console`, `party agent`, …
    pub place: String,
    pub what: What,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum What {
    #[error("{0} is missing; add it")]
    Missing(&'static str),
    #[error("{what} {id:?} occurs twice; give one of them another")]
    Twice { what: &'static str, id: String },
    #[error("there is no {what} {id:?}; {advice}")]
    NoSuch {
        what: &'static str,
        id: String,
        advice: String,
    },
    #[error("{what}: {error}")]
    Host {
        what: String,
        #[source]
        error: HostError,
    },
    #[error("{0} is unknown, and no caveat says why; add one to \"caveats\"")]
    NoCaveat(&'static str),
    #[error("{transport} has no ports; remove them, or name another transport", transport = .0.as_str())]
    PortsWithout(Transport),
    #[error("ports {first} and {second} overlap; write each port once")]
    Overlap { first: String, second: String },
    #[error("expected {expected}, got {got:?}")]
    Expected { expected: &'static str, got: String },
    #[error(
        "no version is in the range \"{0}\"; give its last as \"through\" or the first behind it as \"before\""
    )]
    EmptyRange(Box<VersionRange>),
    #[error("{0}")]
    Contradiction(&'static str),
    #[error(
        "flows {first} and {second} both want {transport} port {port} of {party} under the profile {profile}",
        transport = .transport.as_str(),
    )]
    SamePort {
        first: FlowId,
        second: FlowId,
        party: PartyId,
        transport: Transport,
        port: u16,
        profile: PortProfile,
    },
}
