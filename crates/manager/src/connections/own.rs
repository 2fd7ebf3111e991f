//! The manager's own connections: checked by the same doctor, in a process of its own that has no
//! more rights than it needs, and shown as one reporter more.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use model::network::{
    Counts, Evidence, FindingKey, LostFeature, Mend, NetworkFinding, NetworkReport, Outcome, Stage,
    Trigger, Verdict, Who,
};
use proto::api::Changed;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::book::Reporter;
use super::rules::Seen;
use super::{feature, store};
use crate::refusal::Refusal;
use crate::site::Site;

/// How often the manager checks its own.
pub(crate) const EVERY: Duration = Duration::from_secs(3600);
/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(90);
/// Seconds that the doctor gives itself.
const DOCTOR_SECONDS: &str = "60";
/// Bytes of a check's report.
const MAX_REPORT: u64 = 4 << 20;
/// Nobody's user and group.
const NOBODY: u32 = 65_534;

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
        interval: Some(EVERY),
        state: None,
        last_seen: None,
        clock_skew: 0,
        silent: false,
    }
}

/// What the doctor says, as far as it is wanted here (docs/schemas/doctor.schema.json).
#[derive(Debug, Deserialize)]
struct Said {
    result: Outcome,
    checks: Vec<SaidCheck>,
    findings: Vec<SaidFinding>,
}

#[derive(Debug, Deserialize)]
struct SaidCheck {
    flow: String,
    result: Outcome,
}

#[derive(Debug, Deserialize)]
struct SaidFinding {
    key: FindingKey,
    verdict: Verdict,
    stage: Stage,
    cause: String,
    result: Outcome,
    flows: Vec<String>,
    endpoints: Vec<String>,
    features: Vec<String>,
    evidence: Vec<Evidence>,
    who: Who,
    mend: Mend,
}

/// Checks what the manager dials, and keeps the result as its last report. A check that could not
/// be made leaves the last report, which grows old.
///
/// # Errors
/// When the doctor could not be run or says something that is no report, and when the database
/// fails.
pub async fn check_own(
    site: &Arc<Site>,
    doctor: &Path,
    destination: &Destination,
) -> Result<(), Refusal> {
    let said = run(doctor, destination).await?;
    let now = site.now();
    let report = report(site, said, now);
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
    Ok(())
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

async fn run(doctor: &Path, destination: &Destination) -> Result<Said, Refusal> {
    let failed = |error: std::io::Error| {
        Refusal::internal("running the doctor for the manager itself")(error)
    };
    let (host, port) = destination
        .cloud
        .rsplit_once(':')
        .ok_or_else(|| Refusal::invalid("cloud: expected host:port"))?;
    let host = host.trim_matches(['[', ']']);
    let mut command = Command::new(doctor);
    command
        .args([
            "doctor",
            "--json",
            "--role",
            "manager",
            "--feature",
            "cloud",
        ])
        .args(["--time", DOCTOR_SECONDS])
        .args(["--ca-pin", &destination.ca_pin])
        .args(["--set", &format!("cloud={host}")])
        .args(["--set", &format!("cloud-port={port}")])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.spawn().map_err(failed)?;
    let output = child.stdout.take();
    let read = async {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output.take(MAX_REPORT).read_to_end(&mut bytes).await?;
        }
        Ok::<_, std::io::Error>(bytes)
    };
    let read = tokio::time::timeout(LIMIT, read).await;
    // It has ended by itself, or has had its time.
    let _ = child.start_kill();
    child.wait().await.map_err(failed)?;
    let bytes = read
        .map_err(|_| failed(std::io::ErrorKind::TimedOut.into()))?
        .map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(Refusal::internal(
        "reading what the doctor says of the manager",
    ))
}

/// Whether this process has root's rights, which a check has no use for.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn report(site: &Site, said: Said, now: Timestamp) -> NetworkReport {
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
    let findings = said.findings.into_iter().map(|finding| NetworkFinding {
        key: finding.key,
        since: now,
        verdict: finding.verdict,
        stage: finding.stage,
        cause: finding.cause,
        result: finding.result,
        flows: finding.flows,
        endpoints: finding.endpoints,
        features: finding
            .features
            .into_iter()
            .map(|feature| LostFeature {
                since: since(&feature).unwrap_or(now),
                feature,
            })
            .collect(),
        evidence: finding.evidence,
        who: finding.who,
        mend: finding.mend,
        omitted: 0,
    });
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
