//! One row of a catalogue: who talks to whom, over what, for what, and what breaks without it.

use serde::{Deserialize, Serialize};

use crate::id::FlowId;
use crate::profile::PortProfile;

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub id: FlowId,
    /// One or two sentences for people.
    pub purpose: String,
    /// Who opens the connection.
    pub from: Vec<Party>,
    /// Who listens.
    pub to: Party,
    pub transport: Vec<Transport>,
    /// The protocol above the transport, in words.
    pub protocol: String,
    pub direction: Direction,
    pub need: Need,
    /// Whether the listener is open (or the dialer may dial) unless configured otherwise.
    pub default_on: bool,
    pub data_classes: Vec<DataClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    pub ports: Ports,
    /// Absent where the flow is not inside TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// What stops working when the flow is blocked.
    pub breaks: Vec<Break>,
}

impl Flow {
    /// The listener's port under a profile; `auto` prefers the catalogue's default.
    #[must_use]
    pub const fn port(&self, profile: PortProfile) -> u16 {
        match profile {
            PortProfile::Auto | PortProfile::Garrison => self.ports.default,
            PortProfile::Sep => self.ports.sep,
            PortProfile::Sangfor => self.ports.sangfor,
        }
    }

    /// Whether a process of Garrison listens.
    #[must_use]
    pub const fn has_our_listener(&self) -> bool {
        self.to.is_ours()
    }
}

/// Port numbers of a flow, by profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// Garrison's own number.
    pub default: u16,
    pub sep: u16,
    pub sangfor: u16,
}

/// An end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    Agent,
    Manager,
    Cloud,
    /// A person's web browser.
    Browser,
    /// A customer's program.
    Program,
    /// The operator's command line (`garrison ctl`, `garrison up`).
    Operator,
    /// The name server that the operating system asks.
    Resolver,
    /// Any process of Garrison.
    Any,
}

impl Party {
    /// The name, as in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Manager => "manager",
            Self::Cloud => "cloud",
            Self::Browser => "browser",
            Self::Program => "program",
            Self::Operator => "operator",
            Self::Resolver => "resolver",
            Self::Any => "any",
        }
    }

    /// Whether this end is a process of Garrison that stays up.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        match self {
            Self::Agent | Self::Manager | Self::Cloud => true,
            Self::Browser | Self::Program | Self::Operator | Self::Resolver | Self::Any => false,
        }
    }
}

/// What carries the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    /// The name, as in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Which way the connection is opened, seen from the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    Inbound,
    Outbound,
    Internal,
    Loopback,
    Unknown,
}

/// Whether a site can do without the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    Required,
    Optional,
    /// Required when the condition, in words, holds.
    Conditional(String),
}

/// TLS on a flow. The version is always 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub server_identity: ServerIdentity,
    pub client_certificate: ClientCertificate,
}

/// Whose signature stands on the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerIdentity {
    SiteCa,
    CloudCa,
}

/// What the listener does about a certificate of the one who dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificate {
    /// No connection without one.
    Required,
    /// Verified where presented; routes decide whether they demand it.
    Optional,
    /// Never asked for.
    None,
}

/// What a blocked flow breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    pub feature: String,
    pub severity: Severity,
    /// What people notice.
    pub symptom: String,
    /// What goes on working, or what to use meanwhile.
    pub fallback: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Minor,
    Major,
    Critical,
}

/// What kind of data crosses the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// Versions, health, counters.
    DeviceState,
    /// Detections and what was done about them.
    SecurityEvents,
    /// Paths, sizes and hashes of files; never their content.
    FileMetadata,
    Policy,
    Definitions,
    /// What administrators see and change.
    Administration,
    /// Passwords, sessions and tokens.
    Credentials,
    /// How often which rule hit.
    RuleCounts,
    /// Names that are looked up.
    HostNames,
}
