//! What is kept, as the API says it.

use model::network::{FindingKey, Outcome};
use model::{DeviceId, Timestamp};
use proto::api::connection::{
    ConnectionCause, ConnectionFinding, DeviceConnections, LinesBy, MendedConnection,
};

use super::account::{Account, Held};
use super::book::Report;
use super::rules::Judged;
use super::store::MendedRow;
use crate::devices::Live;
use crate::site::Site;

/// A cause that nobody has yet.
pub(super) fn cause(key: &FindingKey, account: &Account) -> ConnectionCause {
    ConnectionCause {
        id: key.to_string(),
        result: Outcome::Unknown,
        stage: account.stage,
        verdict: account.verdict,
        cause: account.cause.clone(),
        features: account.features.clone(),
        flows: account.flows.clone(),
        endpoints: account.endpoints.clone(),
        evidence: account.evidence.clone(),
        who: account.who,
        product: account.product.clone(),
        lines: account.lines.clone(),
        lines_by: LinesBy::Devices,
        devices: 0,
        devices_unheard: 0,
        manager: false,
        described_otherwise: 0,
        since: Timestamp::EPOCH,
        last_seen: Timestamp::EPOCH,
        mended: None,
    }
}

/// What holds for one reporter, the worst first.
pub(super) fn findings(report: &Report) -> Vec<ConnectionFinding> {
    let mut findings: Vec<ConnectionFinding> = report.held.iter().map(finding).collect();
    findings.sort_by(|a, b| (b.result, a.since, &a.id).cmp(&(a.result, b.since, &b.id)));
    findings
}

fn finding(held: &Held) -> ConnectionFinding {
    let account = &held.account.account;
    ConnectionFinding {
        id: account.key.to_string(),
        result: held.result,
        stage: account.stage,
        verdict: account.verdict,
        cause: account.cause.clone(),
        features: account.features.clone(),
        who: account.who,
        since: held.since,
    }
}

/// A device with what holds for it.
pub(super) fn device(
    site: &Site,
    id: DeviceId,
    live: &Live,
    report: Option<&Report>,
    judged: Judged,
) -> DeviceConnections {
    let group = site.groups.group(live.group);
    DeviceConnections {
        device: id,
        hostname: live.hostname.clone(),
        group: live.group,
        group_name: group.map_or_else(String::new, |group| group.name().to_owned()),
        state: judged.state,
        unknown_because: judged.because,
        checked: judged.checked,
        trigger: report.map(|report| report.trigger),
        findings: report.map(findings).unwrap_or_default(),
        omitted: report.map_or(0, |report| report.omitted),
    }
}

/// A cause that somebody is rid of.
pub(super) fn mended(row: MendedRow) -> MendedConnection {
    MendedConnection {
        device: row.reporter.device(),
        hostname: row.hostname,
        id: row.account.key.to_string(),
        result: row.result,
        stage: row.account.stage,
        verdict: row.account.verdict,
        cause: row.account.cause,
        features: row.account.features,
        since: row.since,
        until: row.until,
    }
}
