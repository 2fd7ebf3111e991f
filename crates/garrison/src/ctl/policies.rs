//! `garrison ctl policies`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use http::Method;
use model::Policy;
use proto::api::group::{NamedPolicy, PolicyText};

use super::session::{Query, Session};
use super::{Limit, moment, names, settings};

#[derive(Debug, Subcommand)]
pub(crate) enum PoliciesCommand {
    /// List policies
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one policy
    Show {
        /// Identifier or name
        policy: String,
    },
    /// Make a policy
    Create {
        /// What it is called
        #[arg(long)]
        name: String,
        /// The settings (TOML); what it leaves out has its default
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Replace a policy's settings, and its name when one is given
    Set {
        /// Identifier or name
        policy: String,
        /// What it is called from now on
        #[arg(long)]
        name: Option<String>,
        /// The settings (TOML); what it leaves out has its default
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Remove a policy that no group uses
    Delete {
        /// Identifier or name
        policy: String,
    },
}

pub(super) async fn run(session: &Session, command: PoliciesCommand) -> anyhow::Result<()> {
    match command {
        PoliciesCommand::List { limit } => {
            let headings = ["POLICY", "NAME", "REVISION", "GROUPS", "CHANGED"];
            session
                .list(
                    &Query::of("/api/v1/policies"),
                    limit,
                    headings,
                    |policy: &NamedPolicy, clock| {
                        [
                            policy.id.to_string(),
                            policy.name.clone(),
                            policy.revision.to_string(),
                            policy.groups.to_string(),
                            clock.tell(policy.changed),
                        ]
                    },
                )
                .await
        }
        PoliciesCommand::Show { policy } => {
            let id = names::policy(session, &policy).await?;
            session.show(&format!("/api/v1/policies/{id}"), facts).await
        }
        PoliciesCommand::Create { name, file } => {
            let text = PolicyText {
                name,
                policy: read(file.as_deref())?,
                based_on: None,
            };
            let body = serde_json::to_value(text)?;
            session
                .act(Method::POST, "/api/v1/policies", Some(body), told)
                .await
        }
        PoliciesCommand::Set { policy, name, file } => {
            let id = names::policy(session, &policy).await?;
            let path = format!("/api/v1/policies/{id}");
            let now: NamedPolicy = session.api().read(&path).await?;
            let text = PolicyText {
                name: name.unwrap_or(now.name),
                policy: match file {
                    Some(file) => read(Some(&file))?,
                    None => now.policy,
                },
                based_on: Some(now.revision),
            };
            let body = serde_json::to_value(text)?;
            session.act(Method::PUT, &path, Some(body), told).await
        }
        PoliciesCommand::Delete { policy } => {
            let id = names::policy(session, &policy).await?;
            let path = format!("/api/v1/policies/{id}");
            session
                .act(Method::DELETE, &path, None, |_: serde_json::Value| {
                    format!("policy {id} is removed")
                })
                .await
        }
    }
}

fn told(policy: NamedPolicy) -> String {
    format!(
        "policy {} ({}), revision {}",
        policy.name, policy.id, policy.revision
    )
}

fn read(file: Option<&Path>) -> anyhow::Result<Policy> {
    let Some(path) = file else {
        return Ok(Policy::default());
    };
    let policy: Policy = settings::read(path)?;
    policy.check().map_err(crate::failure::Failure::usage)?;
    Ok(policy)
}

fn facts(policy: &NamedPolicy, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("policy", policy.id.to_string()),
        ("name", policy.name.clone()),
        (
            "revision",
            format!(
                "{}, changed {}",
                policy.revision,
                clock.tell(policy.changed)
            ),
        ),
        ("groups", policy.groups.to_string()),
    ];
    let settings = toml::to_string(&policy.policy).unwrap_or_default();
    for line in settings.lines() {
        facts.push(("setting", line.to_owned()));
    }
    facts
}
