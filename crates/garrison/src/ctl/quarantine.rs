//! `garrison ctl quarantine`.

use clap::Subcommand;
use http::Method;
use model::QuarantineId;
use proto::api::detection::Quarantined;
use proto::api::scan::CommandAccepted;

use super::detections::file_state;
use super::session::{Query, Session};
use super::{Limit, names};

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List files in quarantine
    List {
        /// Only those of this device (identifier or host name)
        #[arg(long)]
        device: Option<String>,
        #[command(flatten)]
        limit: Limit,
    },
    /// Put a file back where it was
    Restore {
        /// Identifier
        quarantine: QuarantineId,
    },
    /// Delete a file for good
    Delete {
        /// Identifier
        quarantine: QuarantineId,
    },
}

pub(super) async fn run(session: &Session, command: QuarantineCommand) -> anyhow::Result<()> {
    match command {
        QuarantineCommand::List { device, limit } => {
            let device = match device {
                Some(text) => Some(names::device(session, &text).await?),
                None => None,
            };
            let query = Query::of("/api/v1/quarantine").and_if("device", device);
            let headings = ["QUARANTINE", "SINCE", "HOST", "FILE", "PATH"];
            session
                .list(&query, limit, headings, |item: &Quarantined, clock| {
                    [
                        item.id.to_string(),
                        clock.tell(item.quarantined),
                        item.hostname.clone(),
                        file_state(item.file).to_owned(),
                        item.path.to_string(),
                    ]
                })
                .await
        }
        QuarantineCommand::Restore { quarantine } => order(session, quarantine, "restore").await,
        QuarantineCommand::Delete { quarantine } => order(session, quarantine, "delete").await,
    }
}

async fn order(session: &Session, quarantine: QuarantineId, order: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/quarantine/{quarantine}/{order}");
    let clock = *session.clock();
    session
        .act(Method::POST, &path, None, |accepted: CommandAccepted| {
            format!(
                "command {} is on its way, until {}",
                accepted.command,
                clock.tell(accepted.expires)
            )
        })
        .await
}
