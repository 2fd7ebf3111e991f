//! One row of a catalogue: who talks to whom, over what, for what, and what breaks without it.

use serde::{Deserialize, Serialize};

use crate::built_in;
use crate::endpoint::{Endpoint, PortRange, Transport};
use crate::id::FlowId;
use crate::origin::{Date, Fact};
use crate::party::PartyId;
use crate::profile::PortProfile;
use crate::text::Text;
use crate::tls::Tls;
use crate::version::{Version, VersionRange};

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Never given to another flow, also when this one is gone.
    pub id: FlowId,
    /// Earlier ids, and names under which people search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// One or two sentences for people.
    pub purpose: Text,
    /// The product's part that it belongs to; one of the catalogue's components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<FlowId>,
    /// The features that use it; the flow applies while one of them is on. Empty: it always does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FlowId>,
    /// Who opens the connection.
    pub from: Vec<PartyId>,
    /// Who listens.
    pub to: PartyId,
    pub direction: Direction,
    /// The process that opens the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub initiators: Vec<Process>,
    /// The process that listens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Process>,
    pub endpoints: Vec<Endpoint>,
    /// The ports of the one who dials, where they are not any free ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ports: Vec<PortRange>,
    /// Whether the site can choose the port, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurable: Option<Configurable>,
    pub need: Need,
    /// Whether the listener is open (or the dialer may dial) unless configured otherwise.
    #[serde(default = "yes")]
    pub default_on: bool,
    #[serde(default, skip_serializing_if = "VersionRange::is_all")]
    pub versions: VersionRange,
    /// Regions of the service that it serves; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Editions that have it (`on-premises`, `saas`, `hybrid`, …); empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<String>,
    /// The day from which it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Date>,
    /// Since when, or since which version, it is no longer used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
    /// Absent where the flow is not inside TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The kinds of proxies that it can cross.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<ProxyKind>,
    /// What stops working when the flow is blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<Break>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_classes: Vec<DataClass>,
    /// What someone has to agree to before the data may leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Text>,
    /// Whose the host is as well: permitting it permits more than this product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_tenancy: Option<Text>,
    /// The addresses behind the name change; a rule by address must follow the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// How a check finds out, beyond the connection, whether the right thing answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Where each fact comes from, and how sure it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What a reader must know before trusting the row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Text>,
    /// In a vendor's catalogue: Garrison's flows that do the job, or why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterpart: Option<Counterpart>,
    /// In Garrison's catalogue: the vendors' flows whose port numbers the profiles take.
    #[serde(default, skip_serializing_if = "ProfilePorts::is_empty")]
    pub profiles: ProfilePorts,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

const fn yes() -> bool {
    true
}

impl Flow {
    /// The listener's port under a profile; `auto` prefers the catalogue's own. `None` where the
    /// flow has no single port.
    #[must_use]
    pub fn port(&self, profile: PortProfile) -> Option<u16> {
        match profile {
            PortProfile::Auto | PortProfile::Garrison => self.own_port(),
            PortProfile::Sep | PortProfile::Sangfor => {
                self.profiles.port(profile).or_else(|| self.own_port())
            }
        }
    }

    /// The one port that all its endpoints have.
    pub(crate) fn own_port(&self) -> Option<u16> {
        let mut ports = self.endpoints.iter().flat_map(|endpoint| &endpoint.ports);
        let first = ports.next()?.only()?;
        ports
            .all(|port| port.only() == Some(first))
            .then_some(first)
    }

    /// The transports of its endpoints, each once.
    #[must_use]
    pub fn transports(&self) -> Vec<Transport> {
        let mut transports: Vec<Transport> = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.transport)
            .collect();
        transports.sort_unstable();
        transports.dedup();
        transports
    }

    /// Whether it is no longer used: by no version, or not by the site's. A site that says no
    /// version counts as having the latest.
    #[must_use]
    pub fn is_retired(&self, site: Option<&Version>) -> bool {
        self.retired
            .as_ref()
            .is_some_and(|retired| match (&retired.from_version, site) {
                (Some(from), Some(version)) => version >= from,
                (Some(_), None) | (None, _) => true,
            })
    }
}

/// A process at an end of a flow, as the product calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub name: String,
    #[serde(default, skip_serializing_if = "VersionRange::is_all")]
    pub versions: VersionRange,
}

/// A port that the site can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configurable {
    /// Whether it can be chosen.
    pub possible: bool,
    /// Where; empty when the source doesn't say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub setting: String,
}

/// The vendors' flows whose port number a flow of Garrison takes under their profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfilePorts {
    /// Of the catalogue of Symantec Endpoint Protection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sep: Option<FlowId>,
    /// Of the catalogue of Sangfor Endpoint Secure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sangfor: Option<FlowId>,
}

impl ProfilePorts {
    const fn is_empty(&self) -> bool {
        self.sep.is_none() && self.sangfor.is_none()
    }

    /// The vendor's catalogue and flow that a profile's number comes from.
    #[must_use]
    pub(crate) const fn source(&self, profile: PortProfile) -> Option<(&'static str, &FlowId)> {
        let (catalogue, flow) = match profile {
            PortProfile::Auto | PortProfile::Garrison => return None,
            PortProfile::Sep => (built_in::SEP, &self.sep),
            PortProfile::Sangfor => (built_in::SANGFOR, &self.sangfor),
        };
        match flow {
            Some(flow) => Some((catalogue, flow)),
            None => None,
        }
    }

    /// The number, looked up in the vendor's catalogue.
    #[must_use]
    pub(crate) fn port(&self, profile: PortProfile) -> Option<u16> {
        let (catalogue, flow) = self.source(profile)?;
        built_in::catalogue(catalogue)?
            .flow(flow.as_str())?
            .own_port()
    }
}

/// Which way the connection is opened, seen from the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Into the site from outside.
    Inbound,
    /// Out of the site.
    Outbound,
    /// Between two hosts of the site.
    Internal,
    /// Inside one host.
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
    Conditional(Text),
    /// The source doesn't say.
    Unknown,
}

/// The end of a flow's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// The product's first version that does without it; a site that says an earlier one has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_version: Option<Version>,
    /// What replaced it, or why it went.
    pub reason: Text,
}

/// A kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyKind {
    /// An HTTP proxy without sign-in, through CONNECT or for plain HTTP.
    Http,
    /// The same with sign-in.
    HttpSignIn,
    /// One that a PAC file names.
    Pac,
    /// One that the traffic is led through unasked.
    Transparent,
}

/// Addresses that change behind a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Seconds that an answer of the name server holds, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    pub note: Text,
}

/// What a check asks once it is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// A path to ask with HEAD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// HTTP status codes that show that the service answers; empty: any from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
}

/// What a blocked flow breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    pub feature: Text,
    pub severity: Severity,
    /// What people notice.
    pub symptom: Text,
    /// What goes on working, or what to use meanwhile; absent when the source doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Text>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataClass {
    /// Versions, health, counters.
    DeviceState,
    /// Detections and what was done about them.
    SecurityEvents,
    /// Paths, sizes and hashes of files; never their content.
    FileMetadata,
    /// Files themselves.
    FileContent,
    Policy,
    Definitions,
    /// The product's own programs and packages.
    Software,
    /// What administrators see and change.
    Administration,
    /// Passwords, sessions and tokens.
    Credentials,
    /// How often which rule hit.
    RuleCounts,
    /// Names that are looked up.
    HostNames,
    /// Addresses of pages that people visit.
    WebAddresses,
    /// What people send and receive on the web.
    WebTraffic,
    /// How the product is installed and used.
    UsageTelemetry,
    /// Memory of processes that crashed, and what led there.
    CrashDumps,
    /// Keys and terms of licences.
    Licence,
    /// Records of the managing database.
    Database,
}

/// Garrison's answer to a vendor's flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterpart {
    /// Garrison's flows that do that job; empty: there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowId>,
    /// Whether Garrison does that job inside a process, without any flow.
    #[serde(default, skip_serializing_if = "is_false")]
    pub without_flow: bool,
    /// Why there is none, or how theirs differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The systems of the coverage list that it is a part of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<FlowId>,
}
