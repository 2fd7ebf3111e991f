//! `garrison ctl cloud`.

use std::path::PathBuf;

use clap::Subcommand;
use http::Method;
use proto::api::network::{CloudEnrolment, CloudLink};

use super::moment;
use super::overview::cloud_state;
use super::session::Session;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum CloudCommand {
    /// Show the link to the cloud services
    Show,
    /// Try the link now, and deliver what is due, instead of waiting for the next turn
    Deliver,
    /// Enrol this site in cloud services
    Enrol {
        /// File with a token that the cloud made, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        site_token: PathBuf,
        /// What the cloud's operators are to call this site
        #[arg(long)]
        name: String,
    },
}

pub(super) async fn run(session: &Session, command: CloudCommand) -> anyhow::Result<()> {
    match command {
        CloudCommand::Show => session.show("/api/v1/cloud", facts).await,
        CloudCommand::Deliver => {
            let say = |link: CloudLink| match link.failure {
                Some(failure) => format!("the link is {}: {failure}", cloud_state(link.state)),
                None => format!(
                    "the link to the cloud is {}; {} pings wait for the end of their hour",
                    cloud_state(link.state),
                    link.waiting
                ),
            };
            let path = "/api/v1/cloud/delivery";
            session.act(Method::POST, path, None, say).await
        }
        CloudCommand::Enrol { site_token, name } => {
            let token = trust::keyfile::read_text(&site_token).map_err(Failure::usage)?;
            let enrolment = CloudEnrolment {
                token: token.trim().to_owned(),
                name,
            };
            let body = serde_json::to_value(enrolment)?;
            session
                .act(
                    Method::POST,
                    "/api/v1/cloud",
                    Some(body),
                    |link: CloudLink| {
                        format!("the link to the cloud is {}", cloud_state(link.state))
                    },
                )
                .await
        }
    }
}

fn facts(link: &CloudLink, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("cloud", cloud_state(link.state).to_owned()),
        (
            "address",
            link.address.clone().unwrap_or_else(|| "none".to_owned()),
        ),
        ("delivered", clock.tell_if(link.last_delivery)),
        ("waiting", format!("{} pings", link.waiting)),
    ];
    if let Some(failure) = &link.failure {
        facts.push(("failure", failure.clone()));
    }
    facts
}
