//! `garrison ctl detections`.

use clap::{Subcommand, ValueEnum};
use http::Method;
use model::DetectionId;
use proto::api::detection::{Detection, FileState, Triage, TriageChange};
use proto::api::scan::CommandAccepted;

use super::session::{Query, Session};
use super::{Limit, moment, names};

#[derive(Debug, Subcommand)]
pub(crate) enum DetectionsCommand {
    /// List detections, the newest first
    List {
        /// Only those of this device (identifier or host name)
        #[arg(long)]
        device: Option<String>,
        /// Only those whose triage stands so
        #[arg(long)]
        triage: Option<TriageArgument>,
        /// Only those with this text in the path or a rule's name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one detection
    Show {
        /// Identifier
        detection: DetectionId,
    },
    /// Write down what a person makes of it
    Triage {
        /// Identifier
        detection: DetectionId,
        /// What a person makes of it
        triage: TriageArgument,
        /// A few words for whoever reads it next
        #[arg(long)]
        note: Option<String>,
    },
    /// Move the file to quarantine
    Quarantine {
        /// Identifier
        detection: DetectionId,
    },
    /// Put the file back where it was
    Restore {
        /// Identifier
        detection: DetectionId,
    },
    /// Delete the quarantined file for good
    Delete {
        /// Identifier
        detection: DetectionId,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TriageArgument {
    Open,
    InProgress,
    Confirmed,
    FalsePositive,
    Expected,
}

impl TriageArgument {
    const fn value(self) -> Triage {
        match self {
            Self::Open => Triage::Open,
            Self::InProgress => Triage::InProgress,
            Self::Confirmed => Triage::Confirmed,
            Self::FalsePositive => Triage::FalsePositive,
            Self::Expected => Triage::Expected,
        }
    }
}

pub(super) async fn run(session: &Session, command: DetectionsCommand) -> anyhow::Result<()> {
    match command {
        DetectionsCommand::List {
            device,
            triage,
            search,
            limit,
        } => {
            let device = match device {
                Some(text) => Some(names::device(session, &text).await?),
                None => None,
            };
            let query = Query::of("/api/v1/detections")
                .and_if("device", device)
                .and_if("triage", triage.map(|triage| triage.value().name()))
                .and_if("search", search);
            list(session, &query, limit).await
        }
        DetectionsCommand::Show { detection } => {
            session
                .show(&format!("/api/v1/detections/{detection}"), facts)
                .await
        }
        DetectionsCommand::Triage {
            detection,
            triage,
            note,
        } => {
            let change = TriageChange {
                triage: triage.value(),
                note,
            };
            let body = serde_json::to_value(change)?;
            session
                .act(
                    Method::POST,
                    &format!("/api/v1/detections/{detection}/triage"),
                    Some(body),
                    |detection: Detection| {
                        format!("{} is {}", detection.id, detection.triage.name())
                    },
                )
                .await
        }
        DetectionsCommand::Quarantine { detection } => {
            order(session, detection, "quarantine").await
        }
        DetectionsCommand::Restore { detection } => order(session, detection, "restore").await,
        DetectionsCommand::Delete { detection } => order(session, detection, "delete").await,
    }
}

async fn order(session: &Session, detection: DetectionId, order: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/detections/{detection}/{order}");
    let clock = *session.clock();
    session
        .act(Method::POST, &path, None, |accepted: CommandAccepted| {
            format!(
                "command {} is on its way, until {}; see \"garrison ctl detections show {detection}\"",
                accepted.command,
                clock.tell(accepted.expires)
            )
        })
        .await
}

async fn list(session: &Session, query: &Query, limit: Limit) -> anyhow::Result<()> {
    let headings = [
        "DETECTION",
        "SEEN",
        "HOST",
        "RULE",
        "TRIAGE",
        "FILE",
        "PATH",
    ];
    session
        .list(query, limit, headings, |detection: &Detection, clock| {
            [
                detection.id.to_string(),
                clock.tell(detection.last_seen),
                detection.hostname.clone(),
                rules(detection),
                detection.triage.name().to_owned(),
                file_state(detection.file).to_owned(),
                detection.path.to_string(),
            ]
        })
        .await
}

fn rules(detection: &Detection) -> String {
    let mut names: Vec<&str> = detection
        .matches
        .iter()
        .map(|found| found.rule.as_str())
        .collect();
    names.dedup();
    names.join(", ")
}

pub(super) const fn file_state(state: FileState) -> &'static str {
    match state {
        FileState::InPlace => "in place",
        FileState::Pending => "pending",
        FileState::Quarantined => "quarantined",
        FileState::Restored => "restored",
        FileState::Deleted => "deleted",
    }
}

fn facts(detection: &Detection, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("detection", detection.id.to_string()),
        (
            "device",
            format!("{} ({})", detection.hostname, detection.device),
        ),
        ("path", detection.path.to_string()),
        ("size", moment::bytes(detection.size)),
        ("rule", rules(detection)),
        ("definitions", detection.definitions.to_string()),
        ("first seen", clock.tell(detection.first_seen)),
        (
            "last seen",
            format!(
                "{}, {} times",
                clock.tell(detection.last_seen),
                detection.times_seen
            ),
        ),
        ("triage", detection.triage.name().to_owned()),
        ("file", file_state(detection.file).to_owned()),
    ];
    if !detection.triage_note.is_empty() {
        facts.push(("note", detection.triage_note.clone()));
    }
    if let Some(hashes) = &detection.hashes {
        facts.push(("sha256", hashes.sha256.to_string()));
        facts.push(("sha1", hashes.sha1.clone()));
        facts.push(("md5", hashes.md5.clone()));
    }
    for found in &detection.matches {
        if !found.member.is_empty() {
            facts.push((
                "inside",
                format!("{} ({})", found.member.join(" › "), found.rule),
            ));
        }
    }
    if let Some(id) = detection.quarantine {
        facts.push(("quarantine", id.to_string()));
    }
    if let Some(failure) = &detection.last_failure {
        facts.push(("failure", failure.clone()));
    }
    facts
}
