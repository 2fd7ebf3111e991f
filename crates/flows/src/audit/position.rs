//! Where a packet filter stands, seen from a flow.

use std::fmt;

use serde::Serialize;

use super::report::Counts;
use crate::party::PartyId;

/// Where a packet filter stands, seen from a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// Guessed, and said: between the hosts if it has rules for forwarding; else on a host.
    #[default]
    Auto,
    Forward,
    /// On the host that opens the connection, or that listens where connections come into the
    /// site.
    Host,
    Output,
    Input,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "in a place that is guessed",
            Self::Forward => "between the two hosts",
            Self::Host => {
                "on the host that opens the connection (on the one that listens, for connections into the site)"
            }
            Self::Output => "on the host that opens the connection",
            Self::Input => "on the host that listens",
        })
    }
}

impl Position {
    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Forward => "forward",
            Self::Host => "host",
            Self::Output => "output",
            Self::Input => "input",
        }
    }
}

/// Where a packet filter was taken to stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub position: Position,
    /// The part of the host that it stands on.
    pub role: Option<PartyId>,
    /// Why it was taken to stand there; absent where that was said.
    pub guess: Option<String>,
    /// What the same file does in other places where it filters, where the place was guessed.
    pub elsewhere: Vec<Elsewhere>,
}

/// What a file does in another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    pub position: Position,
    pub counts: Counts,
}
