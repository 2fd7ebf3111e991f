//! `garrison ctl devices`.

use clap::{Subcommand, ValueEnum};
use http::Method;
use proto::api::device::{Device, DeviceChange, DeviceStanding};
use serde_json::Value;

use super::session::{Query, Session};
use super::{Limit, moment, names};

#[derive(Debug, Subcommand)]
pub(crate) enum DevicesCommand {
    /// List devices
    List {
        /// Only those that stand so
        #[arg(long)]
        standing: Option<StandingArgument>,
        /// Only those of this group (identifier or name)
        #[arg(long)]
        group: Option<String>,
        /// Only those whose host name holds this text
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one device
    Show {
        /// Identifier or host name
        device: String,
    },
    /// Move a device to another group
    Move {
        /// Identifier or host name
        device: String,
        /// Identifier or name
        #[arg(long)]
        group: String,
    },
    /// Take a fork in as a device of its own
    Approve {
        /// Identifier or host name
        device: String,
    },
    /// Refuse a device from now on; it must be enrolled anew
    Revoke {
        /// Identifier or host name
        device: String,
    },
    /// Ask a device to check in now
    CheckIn {
        /// Identifier or host name
        device: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum StandingArgument {
    Approved,
    AwaitingApproval,
    Suspended,
    Revoked,
}

impl StandingArgument {
    const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }
}

pub(super) async fn run(session: &Session, command: DevicesCommand) -> anyhow::Result<()> {
    match command {
        DevicesCommand::List {
            standing,
            group,
            search,
            limit,
        } => {
            let group = match group {
                Some(text) => Some(names::group(session, &text).await?),
                None => None,
            };
            let query = Query::of("/api/v1/devices")
                .and_if("standing", standing.map(StandingArgument::name))
                .and_if("group", group)
                .and_if("search", search);
            list(session, &query, limit).await
        }
        DevicesCommand::Show { device } => {
            let id = names::device(session, &device).await?;
            session.show(&format!("/api/v1/devices/{id}"), facts).await
        }
        DevicesCommand::Move { device, group } => {
            let id = names::device(session, &device).await?;
            let change = DeviceChange {
                group: Some(names::group(session, &group).await?),
            };
            let body = serde_json::to_value(change)?;
            session
                .act(
                    Method::PATCH,
                    &format!("/api/v1/devices/{id}"),
                    Some(body),
                    |device: Device| format!("{} is in {}", device.hostname, device.group_name),
                )
                .await
        }
        DevicesCommand::Approve { device } => order(session, &device, "approve", "approved").await,
        DevicesCommand::Revoke { device } => order(session, &device, "revoke", "revoked").await,
        DevicesCommand::CheckIn { device } => order(session, &device, "check-in", "asked").await,
    }
}

async fn order(session: &Session, device: &str, order: &str, done: &str) -> anyhow::Result<()> {
    let id = names::device(session, device).await?;
    let path = format!("/api/v1/devices/{id}/{order}");
    session
        .act(Method::POST, &path, None, |_: Value| {
            format!("{id} is {done}")
        })
        .await
}

async fn list(session: &Session, query: &Query, limit: Limit) -> anyhow::Result<()> {
    let headings = [
        "DEVICE",
        "HOST",
        "GROUP",
        "STANDING",
        "SEEN",
        "DEFINITIONS",
        "OPEN",
    ];
    session
        .list(query, limit, headings, |device: &Device, clock| {
            [
                device.id.to_string(),
                device.hostname.clone(),
                device.group_name.clone(),
                standing(device),
                if device.connected {
                    "connected".to_owned()
                } else {
                    clock.tell_if(device.last_seen)
                },
                definitions(device),
                device.open_detections.to_string(),
            ]
        })
        .await
}

fn standing(device: &Device) -> String {
    match device.standing {
        DeviceStanding::Approved => "approved".to_owned(),
        DeviceStanding::AwaitingApproval => match device.fork_of {
            Some(origin) => format!("fork of {origin}, awaiting approval"),
            None => "awaiting approval".to_owned(),
        },
        DeviceStanding::Suspended => "suspended".to_owned(),
        DeviceStanding::Revoked => "revoked".to_owned(),
    }
}

fn definitions(device: &Device) -> String {
    let revision = device.state.as_ref().and_then(|state| state.definitions);
    match revision {
        Some(revision) if device.up_to_date => revision.to_string(),
        Some(revision) => format!("{revision} (older)"),
        None => "none".to_owned(),
    }
}

fn facts(device: &Device, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("device", device.id.to_string()),
        ("host", device.hostname.clone()),
        ("group", device.group_name.clone()),
        ("standing", standing(device)),
        (
            "connected",
            if device.connected { "yes" } else { "no" }.to_owned(),
        ),
        ("seen", clock.tell_if(device.last_seen)),
        ("enrolled", clock.tell(device.enrolled)),
        (
            "certificate",
            format!("expires {}", clock.tell(device.certificate_expires)),
        ),
        ("definitions", definitions(device)),
        ("detections", format!("{} open", device.open_detections)),
        ("events lost", device.events_lost.to_string()),
    ];
    if let Some(state) = &device.state {
        let host = &state.host;
        facts.extend([
            (
                "system",
                format!("{}, {}, {}", host.os, host.kernel, host.architecture),
            ),
            ("agent", host.agent_version.clone()),
            (
                "rights",
                if host.privileged {
                    "root"
                } else {
                    "those of a user"
                }
                .to_owned(),
            ),
            (
                "waiting",
                format!(
                    "{} events, {}",
                    state.spooled_events,
                    moment::bytes(state.spooled_bytes)
                ),
            ),
            ("quarantined", format!("{} files", state.quarantined)),
        ]);
        for issue in &state.issues {
            facts.push(("issue", issue.message.clone()));
        }
    }
    facts
}
