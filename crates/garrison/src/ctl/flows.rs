//! `garrison ctl flows`.

use clap::Subcommand;
use proto::api::network::SiteFlow;

use super::Limit;
use super::session::{Query, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum FlowsCommand {
    /// List the site's flows, as they are configured and used
    List {
        #[command(flatten)]
        limit: Limit,
    },
}

pub(super) async fn run(session: &Session, command: FlowsCommand) -> anyhow::Result<()> {
    match command {
        FlowsCommand::List { limit } => {
            let headings = [
                "FLOW",
                "FROM",
                "TO",
                "PORT",
                "ADDRESS",
                "STATE",
                "CONNECTIONS",
            ];
            session
                .list(
                    &Query::of("/api/v1/flows"),
                    limit,
                    headings,
                    |flow: &SiteFlow, _| {
                        [
                            flow.id.clone(),
                            flow.from.clone(),
                            flow.to.clone(),
                            format!("{}/{}", flow.port, flow.transport),
                            flow.address.clone().unwrap_or_default(),
                            if flow.listening { "listening" } else { "" }.to_owned(),
                            flow.connections.to_string(),
                        ]
                    },
                )
                .await
        }
    }
}
