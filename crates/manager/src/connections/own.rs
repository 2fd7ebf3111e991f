//! The manager's own connections: checked by the same doctor, in a process of its own that has no
//! more rights than it needs, and shown as one reporter more.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doctor::Report;
use doctor::child::{CheckCommand, CheckEnvironment, check};
use model::Timestamp;
use model::network::{Counts, NetworkReport, Outcome, Trigger};
use proto::api::Changed;

use super::book::Reporter;
use super::rules::Seen;
use super::{feature, schedule, store};
use crate::refusal::Refusal;
use crate::site::Site;

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(90);
/// Seconds that the doctor gives itself.
const DOCTOR_SECONDS: &str = "60";

/// A place that the manager dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// `host:port` of the cloud.
    pub cloud: String,
    /// SHA-256 of its authority's key, in hexadecimal.
    pub ca_pin: String,
}

/// What is known of the manager beside its report.
pub(super) const fn seen() -> Seen {
    Seen {
        interval: Some(schedule::EVERY),
        state: None,
        last_seen: None,
        clock_skew: 0,
        silent: false,
    }
}

/// Checks what the manager dials, keeps the result as its last report, and gives how it came out. A
/// check that could not be made leaves the last report, which grows old.
///
/// # Errors
/// When the doctor could not be run or says something that is no report, and when the database
/// fails.
pub async fn check_own(
    site: &Arc<Site>,
    doctor: &Path,
    destination: &Destination,
) -> Result<Outcome, Refusal> {
    let said = run(doctor, destination).await?;
    let now = site.now();
    let report = report(site, said, now);
    let result = report.result;
    let taken = site
        .database
        .write(|tx| {
            Box::pin(async move {
                super::reported(tx, Reporter::Manager, &report, now, |time| time).await
            })
        })
        .await?;
    if let Some(taken) = taken {
        super::tell(site, taken);
    }
    Ok(result)
}

/// Drops what the manager said of its own connections: it dials nothing any more.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget_own(site: &Site) -> Result<(), Refusal> {
    if site.connections.find(Reporter::Manager).is_none() {
        return Ok(());
    }
    site.database
        .write(|tx| Box::pin(async move { store::forget(tx, Reporter::Manager).await }))
        .await?;
    site.connections.forget(Reporter::Manager);
    site.tell(Changed::Connection, Reporter::Manager);
    Ok(())
}

/// The doctor in a process of its own, which gives up its rights by itself, and ends with this one.
async fn run(program: &Path, destination: &Destination) -> Result<Report, Refusal> {
    let (host, port) = destination
        .cloud
        .rsplit_once(':')
        .ok_or_else(|| Refusal::invalid("cloud: expected host:port"))?;
    let host = host.trim_matches(['[', ']']);
    let parent = std::process::id().to_string();
    let (cloud, port) = (format!("cloud={host}"), format!("cloud-port={port}"));
    let words = [
        ["network-check", "--json"],
        ["--parent", &parent],
        ["--role", "manager"],
        ["--feature", "cloud"],
        ["--time", DOCTOR_SECONDS],
        ["--ca-pin", &destination.ca_pin],
        ["--set", &cloud],
        ["--set", &port],
    ];
    let command = CheckCommand {
        program: program.to_owned(),
        arguments: words.iter().flatten().map(Into::into).collect(),
    };
    check(&command, CheckEnvironment::Empty, &[], LIMIT)
        .await
        .map_err(Refusal::internal(
            "running the doctor for the manager itself",
        ))
}

fn report(site: &Site, said: Report, now: Timestamp) -> NetworkReport {
    let before = site.connections.find(Reporter::Manager);
    let since = |name: &str| {
        let place = feature::place(name)?;
        let held = before.as_ref()?.held.iter();
        let lost = held.flat_map(|held| &held.lost);
        lost.filter(|(known, _)| usize::from(*known) == place)
            .map(|(_, since)| *since)
            .min()
    };
    let mut covered: Vec<String> = said
        .checks
        .iter()
        .filter(|check| match check.result {
            Outcome::Ok | Outcome::Degraded | Outcome::Broken => true,
            Outcome::Skipped | Outcome::Unknown => false,
        })
        .map(|check| check.flow.clone())
        .collect();
    covered.sort_unstable();
    covered.dedup();
    let findings = said
        .findings
        .into_iter()
        .map(|finding| finding.reported(now, |feature| since(feature).unwrap_or(now)));
    NetworkReport {
        checked: now,
        trigger: if before.is_some() {
            Trigger::Schedule
        } else {
            Trigger::Start
        },
        result: said.result,
        counts: Counts::default(),
        covered,
        findings: findings.collect(),
        omitted: 0,
    }
}
