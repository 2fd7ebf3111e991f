//! `garrison ctl scan`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use http::Method;
use model::{EndpointPath, ScanId};
use proto::api::scan::{NewScan, Scan, ScanState};
use serde_json::Value;

use super::session::{Query, Session, print_facts, print_json};
use super::{Limit, moment, names};

/// Between two looks at a scan.
const POLL: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(crate) enum ScanCommand {
    /// Scan paths on devices or on a whole group
    Start {
        /// A device (identifier or host name); may be repeated
        #[arg(long, required_unless_present = "group", conflicts_with = "group")]
        device: Vec<String>,
        /// A group (identifier or name)
        #[arg(long)]
        group: Option<String>,
        /// Absolute paths on the devices
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Wait for the end; exit code 1 when something was found or a device failed
        #[arg(long)]
        wait: bool,
        /// Wait at most so long
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = moment::parse_span)]
        timeout: u32,
    },
    /// List scans, the newest first
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one scan on each of its devices
    Show {
        /// Identifier
        scan: ScanId,
    },
}

pub(super) async fn run(session: &Session, command: ScanCommand) -> anyhow::Result<ExitCode> {
    match command {
        ScanCommand::Start {
            device,
            group,
            paths,
            wait,
            timeout,
        } => {
            let wanted = new_scan(session, &device, group.as_deref(), &paths).await?;
            let body = serde_json::to_value(wanted)?;
            let answer: Value = session
                .api()
                .send(Method::POST, "/api/v1/scans", Some(body))
                .await?;
            if wait {
                let scan: Scan = serde_json::from_value(answer)?;
                let limit = Duration::from_secs(timeout.into());
                return follow(session, scan.id, limit).await;
            }
            session.tell(answer, |scan: Scan| {
                format!(
                    "scan {} is asked for; see \"garrison ctl scan show {}\"",
                    scan.id, scan.id
                )
            })?;
        }
        ScanCommand::List { limit } => list(session, limit).await?,
        ScanCommand::Show { scan } => session.show(&path(scan), facts).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn path(scan: ScanId) -> String {
    format!("/api/v1/scans/{scan}")
}

async fn new_scan(
    session: &Session,
    devices: &[String],
    group: Option<&str>,
    paths: &[PathBuf],
) -> anyhow::Result<NewScan> {
    let mut ids = Vec::new();
    for device in devices {
        ids.push(names::device(session, device).await?);
    }
    let group = match group {
        Some(text) => Some(names::group(session, text).await?),
        None => None,
    };
    Ok(NewScan {
        devices: (!ids.is_empty()).then_some(ids),
        group,
        paths: paths
            .iter()
            .map(|path| EndpointPath::from_path(path))
            .collect(),
    })
}

async fn follow(session: &Session, id: ScanId, limit: Duration) -> anyhow::Result<ExitCode> {
    let looking = async {
        loop {
            let value: Value = session.api().read(&path(id)).await?;
            let scan: Scan = serde_json::from_value(value.clone())?;
            if scan.devices.iter().all(|part| is_over(part.state)) {
                return anyhow::Ok((value, scan));
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let Ok(seen) = tokio::time::timeout(limit, looking).await else {
        anyhow::bail!(
            "scan {id} is not over after {}; it goes on, see \"garrison ctl scan show {id}\"",
            moment::span(limit)
        );
    };
    let (value, scan) = seen?;
    if session.json() {
        print_json(&value)?;
    } else {
        print_facts(&facts(&scan, session.clock()))?;
    }
    let found = scan.devices.iter().any(|part| {
        part.state != ScanState::Done || part.totals.is_some_and(|totals| totals.detected > 0)
    });
    Ok(if found {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether nothing more will happen.
pub(crate) const fn is_over(state: ScanState) -> bool {
    match state {
        ScanState::Waiting | ScanState::Running => false,
        ScanState::Done | ScanState::Cancelled | ScanState::Failed | ScanState::Expired => true,
    }
}

const fn state(state: ScanState) -> &'static str {
    match state {
        ScanState::Waiting => "waiting",
        ScanState::Running => "running",
        ScanState::Done => "done",
        ScanState::Cancelled => "cancelled",
        ScanState::Failed => "failed",
        ScanState::Expired => "expired",
    }
}

async fn list(session: &Session, limit: Limit) -> anyhow::Result<()> {
    let headings = ["SCAN", "ASKED", "BY", "DEVICES", "FOUND", "PATHS"];
    session
        .list(
            &Query::of("/api/v1/scans"),
            limit,
            headings,
            |scan: &Scan, clock| {
                let over = scan
                    .devices
                    .iter()
                    .filter(|part| is_over(part.state))
                    .count();
                [
                    scan.id.to_string(),
                    clock.tell(scan.requested),
                    scan.requested_by.clone(),
                    format!("{over} of {} over", scan.devices.len()),
                    scan.detections.to_string(),
                    joined(&scan.paths),
                ]
            },
        )
        .await
}

fn joined(paths: &[EndpointPath]) -> String {
    let texts: Vec<&str> = paths.iter().map(EndpointPath::as_str).collect();
    texts.join(" ")
}

fn facts(scan: &Scan, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("scan", scan.id.to_string()),
        (
            "asked",
            format!("{} by {}", clock.tell(scan.requested), scan.requested_by),
        ),
        ("paths", joined(&scan.paths)),
        ("detections", scan.detections.to_string()),
    ];
    for part in &scan.devices {
        let mut told = format!("{} ({}): {}", part.hostname, part.device, state(part.state));
        if let Some(totals) = part.totals {
            told.push_str(&format!(
                ", {} files: {} clean, {} detected, {} incomplete, {} failed, {} skipped",
                totals.files(),
                totals.clean,
                totals.detected,
                totals.incomplete,
                totals.failed,
                totals.skipped
            ));
        }
        if let Some(failure) = &part.failure {
            told.push_str(&format!("; {failure}"));
        }
        facts.push(("device", told));
    }
    facts
}
