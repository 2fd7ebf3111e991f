//! What works and what is lost of the site's network: by cause, by feature, by device.

use model::network::{Evidence, Outcome, Stage, Trigger, Verdict, Who};
use model::{DeviceId, GroupId, Timestamp};
use serde::{Deserialize, Serialize};

use super::network::BreakSeverity;

/// How the connections of a site are, in numbers.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Connections {
    /// The site's name.
    pub site: String,
    pub devices: ConnectionCounts,
    /// The manager's own connections; absent before its first check, and where it dials nothing.
    pub manager: Option<ManagerConnections>,
    /// Causes that cost something now.
    pub causes: u64,
    /// Features that are lost, or not whole, somewhere.
    pub features: u64,
    /// Since when something has been lost without a break.
    pub since: Option<Timestamp>,
    pub time: Timestamp,
}

/// Asks devices to check their network now, and to report what it comes to, changed or not.
/// Exactly one of `devices` and `group`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnectionCheck {
    /// 1 to 10,000 devices.
    pub devices: Option<Vec<DeviceId>>,
    pub group: Option<GroupId>,
}

/// Which devices were asked to check their network. What they find shows in their connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectionCheckAsked {
    pub devices: u64,
    /// Of these, devices that had been asked before and have not answered yet.
    pub already: u64,
    /// A device that has not come for it by then does not check.
    pub expires: Timestamp,
}

/// Devices by how their connections are. Revoked, suspended and not yet approved ones don't count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectionCounts {
    pub total: u64,
    pub ok: u64,
    pub degraded: u64,
    pub broken: u64,
    /// Those that have not checked lately, can't report, or can't tell.
    pub unknown: u64,
}

/// What the manager's own check says.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ManagerConnections {
    /// Unknown where it has not checked lately.
    pub state: Outcome,
    pub checked: Timestamp,
    pub findings: Vec<ConnectionFinding>,
}

/// One cause, over all devices that report it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectionCause {
    /// The same cause has the same identifier on every device and at all times.
    pub id: String,
    /// The worst that it does to a device.
    pub result: Outcome,
    pub stage: Stage,
    pub verdict: Verdict,
    /// One line, in the words of most of the devices.
    pub cause: String,
    /// What is lost, in the catalogue's words.
    pub features: Vec<String>,
    pub flows: Vec<String>,
    /// As `host:port`.
    pub endpoints: Vec<String>,
    pub evidence: Vec<Evidence>,
    /// Who can mend it.
    pub who: Who,
    /// The product that the lines are for.
    pub product: String,
    /// What to add there.
    pub lines: Vec<String>,
    /// Whose words the product and the lines are.
    pub lines_by: LinesBy,
    /// Devices that it holds for now.
    pub devices: u64,
    /// Devices that it held for when they were last heard of.
    pub devices_unheard: u64,
    /// Whether it holds for the manager itself.
    pub manager: bool,
    /// Those of them all that describe it in other words.
    pub described_otherwise: u64,
    /// The first of them to see it, without a break since.
    pub since: Timestamp,
    /// When it was last confirmed.
    pub last_seen: Timestamp,
    /// When the last of them was rid of it; absent while it holds for any.
    pub mended: Option<Timestamp>,
}

/// Whose words the lines are that mend a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConnectionLinesBy)]
pub enum LinesBy {
    /// The manager's, made for its own addresses and nothing that a device wrote.
    Manager,
    /// Those of most of the devices that report the cause: to be read before they are used.
    Devices,
}

/// A feature of the catalogue, over all devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectionFeature {
    /// In the catalogue's words.
    pub feature: String,
    pub severity: BreakSeverity,
    /// What people notice without it.
    pub symptom: String,
    /// What goes on working, or what to use meanwhile.
    pub fallback: Option<String>,
    /// The flows that it needs.
    pub flows: Vec<String>,
    /// The worst of those that check it; `unknown` where none could tell, `skipped` where nobody
    /// can check it from where the connection is opened (a browser, a program).
    pub state: Outcome,
    /// Devices by how it is there; all zero where no device opens its connections.
    pub devices: ConnectionCounts,
    /// How it is at the manager, where the manager opens its connections.
    pub manager: Option<Outcome>,
    /// Since when it has been lost somewhere without a break.
    pub since: Option<Timestamp>,
    /// Why, those with the most devices first; at most 8.
    pub causes: Vec<CauseName>,
}

/// A cause, to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CauseName {
    pub id: String,
    pub cause: String,
    pub devices: u64,
    pub manager: bool,
}

/// How a device's connections are.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceConnections {
    pub device: DeviceId,
    pub hostname: String,
    pub group: GroupId,
    pub group_name: String,
    /// Unknown where it has not checked lately, whatever its last report said.
    pub state: Outcome,
    /// Why the state is unknown.
    pub unknown_because: Option<ConnectionUnknown>,
    /// When it last checked, by the manager's clock.
    pub checked: Option<Timestamp>,
    /// What set off the check that the last report is of.
    pub trigger: Option<Trigger>,
    /// As of its last report.
    pub findings: Vec<ConnectionFinding>,
    /// Findings that its last report had no room for.
    pub omitted: u64,
}

/// Why nobody can tell how a device's connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionUnknown {
    /// Its policy switches the checks off.
    Off,
    /// It has not checked yet, or its agent is too old to.
    NotChecked,
    /// It has not checked for three of its intervals.
    NotLately,
    /// It has missed three check-ins in a row.
    Silent,
    /// It says that it has more to report, and the report is not here yet.
    ReportUnderWay,
    /// It checked, and could not tell.
    Undetermined,
}

/// One cause at one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectionFinding {
    /// The cause's identifier.
    pub id: String,
    pub result: Outcome,
    pub stage: Stage,
    pub verdict: Verdict,
    /// One line, as the device says it.
    pub cause: String,
    /// What is lost there.
    pub features: Vec<String>,
    pub who: Who,
    pub since: Timestamp,
}

/// A cause that a device is rid of.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MendedConnection {
    /// Absent for the manager itself.
    pub device: Option<DeviceId>,
    pub hostname: Option<String>,
    /// The cause's identifier.
    pub id: String,
    pub result: Outcome,
    pub stage: Stage,
    pub verdict: Verdict,
    pub cause: String,
    pub features: Vec<String>,
    pub since: Timestamp,
    pub until: Timestamp,
}
