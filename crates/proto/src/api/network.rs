//! The site's network: flows as configured, and the link to the cloud.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// A flow of the catalogue as it is at this site.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SiteFlow {
    /// The catalogue's identifier, such as `agent-channel`.
    pub id: String,
    pub purpose: String,
    /// The product's part that it belongs to.
    pub component: Option<String>,
    pub direction: FlowDirection,
    /// Who opens the connection.
    pub from: Vec<FlowParty>,
    /// Who listens.
    pub to: FlowParty,
    /// The processes that open the connection, where the catalogue names them.
    pub initiators: Vec<String>,
    /// The processes that listen, where the catalogue names them.
    pub listeners: Vec<String>,
    /// Where it goes, with this site's hosts and ports.
    pub destinations: Vec<FlowDestination>,
    pub transport: String,
    /// The port in use at this site; the catalogue's where this manager has no part in the flow.
    pub port: u16,
    /// The address that this manager listens on, or dials.
    pub address: Option<String>,
    /// Where the site chooses the port, where it can.
    pub setting: Option<String>,
    pub need: FlowNeed,
    /// When it is needed, where that depends.
    pub condition: Option<String>,
    /// Whether this site can't do without it, as it is configured now.
    pub required: bool,
    /// Whether it is open unless configured otherwise.
    pub default_on: bool,
    /// Absent where the flow is not inside TLS.
    pub tls: Option<FlowTls>,
    /// The kinds of proxies that it can cross; empty: none.
    pub proxies: Vec<FlowProxy>,
    /// What is lost when it is blocked.
    pub breaks: Vec<FlowBreak>,
    /// The kinds of data that cross it.
    pub data_classes: Vec<String>,
    /// What a reader must know before making a rule of it.
    pub caveats: Vec<String>,
    pub notes: Option<String>,
    /// Why no rule of a firewall can be made of it yet; absent where one can.
    pub no_rule_because: Option<String>,
    /// Whether this manager listens on it now.
    pub listening: bool,
    pub connections: u64,
}

/// An end of a flow.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlowParty {
    /// The role, such as `agent`.
    pub id: String,
    pub name: String,
    /// Names, addresses and networks, where they are known; empty: any.
    pub hosts: Vec<String>,
}

/// A destination of a flow.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlowDestination {
    #[serde(rename = "match")]
    pub host_match: HostMatch,
    /// A name without wildcard signs, an address, a network, or the name of a variable.
    pub value: String,
    /// The host as a firewall's form would take it, such as `*.example.com`.
    pub pattern: String,
    /// `tcp`, `udp`, …
    pub transport: String,
    /// Ports and ranges, such as `443` and `8000-8010`.
    pub ports: Vec<String>,
    /// What is spoken above the transport.
    pub protocol: Option<String>,
}

/// How a destination's value covers hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostMatch {
    /// This name alone.
    Exact,
    /// Names with exactly one label more.
    OneLabel,
    /// Names with one or more labels more.
    AnyDepth,
    /// The name itself and all below it.
    ApexAndSubdomains,
    Ip,
    Cidr,
    /// Nobody said yet where the variable's hosts are.
    Unset,
    /// The catalogue does not know it.
    Unknown,
}

/// Which way the connection is opened, seen from the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowDirection {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowNeed {
    Required,
    Optional,
    /// Required under the flow's condition.
    Conditional,
    Unknown,
}

/// TLS on a flow.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlowTls {
    pub trust: FlowTrust,
    /// Whether the one who dials accepts certain keys alone; absent where that is unknown.
    pub pinned: Option<bool>,
    pub inspection: FlowInspection,
    pub client_certificate: FlowClientCertificate,
}

/// Whose signature stands on the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowTrust {
    /// The site's own authority.
    SiteCa,
    /// The authority of the cloud that the site enrolled with.
    CloudCa,
    /// The authorities that browsers trust.
    Public,
    /// The vendor's own authority.
    Vendor,
    Unknown,
}

/// Whether a proxy may break the encryption open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowInspection {
    /// The flow fails, or loses what it is for.
    Forbidden,
    /// The flow works all the same.
    Tolerated,
    Unknown,
}

/// What the listener does about a certificate of the one who dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowClientCertificate {
    /// No connection without one.
    Required,
    /// Verified where presented.
    Optional,
    /// Never asked for.
    None,
    Unknown,
}

/// A kind of proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlowProxy {
    /// An HTTP proxy without sign-in.
    Http,
    /// The same with sign-in.
    HttpSignIn,
    /// One that a PAC file names.
    Pac,
    /// One that the traffic is led through unasked.
    Transparent,
}

/// What a blocked flow breaks.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FlowBreak {
    pub feature: String,
    pub severity: BreakSeverity,
    /// What people notice.
    pub symptom: String,
    /// What goes on working, or what to use meanwhile.
    pub fallback: Option<String>,
}

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BreakSeverity {
    Minor,
    Major,
    Critical,
}

/// A file that the site's flows can be had as.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rendering {
    /// Such as `nftables`.
    pub format: String,
    pub media_type: String,
    pub file_name: String,
    /// Whether it can be the whole ruleset of a host in one role (`whole=true`).
    pub whole: bool,
}

/// How a rendering expresses one destination of a flow.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RenderedDestination {
    pub flow: String,
    /// Its place among the flow's destinations, counted from 0.
    pub destination: u64,
    /// `exact`, `widened`, `narrowed`, `not at all` or `not needed`.
    pub how: String,
    /// What the target can't say; empty where it says all.
    pub words: String,
    /// What else someone must know who uses the file.
    pub note: Option<String>,
}

/// The link to the cloud.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CloudLink {
    pub state: CloudState,
    /// `host:port`, when enrolled.
    pub address: Option<String>,
    pub last_delivery: Option<Timestamp>,
    /// Pings that wait for delivery.
    pub waiting: u64,
    /// Why the last try failed.
    pub failure: Option<String>,
}

/// Whether the manager works with a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloudState {
    NotEnrolled,
    Connected,
    Unreachable,
}

/// Enrols this manager in a cloud.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudEnrolment {
    /// The text of a token that the cloud made.
    pub token: String,
    /// What the cloud's operators are to call this site. 1 to 100 characters.
    pub name: String,
}
