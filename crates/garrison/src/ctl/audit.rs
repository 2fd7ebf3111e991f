//! `garrison ctl audit`.

use clap::Subcommand;
use proto::api::audit::AuditLine;

use super::Limit;
use super::session::{Query, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what was done, the newest first
    List {
        #[command(flatten)]
        limit: Limit,
    },
}

pub(super) async fn run(session: &Session, command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::List { limit } => {
            let headings = ["TIME", "WHO", "FROM", "DID", "TO", "PARTICULARS"];
            session
                .list(
                    &Query::of("/api/v1/audit"),
                    limit,
                    headings,
                    |line: &AuditLine, clock| {
                        [
                            clock.tell(line.time),
                            line.actor.clone(),
                            line.address.clone().unwrap_or_default(),
                            line.action.clone(),
                            line.object.clone(),
                            line.detail.clone(),
                        ]
                    },
                )
                .await
        }
    }
}
