//! `garrison ctl groups`.

use clap::Subcommand;
use http::Method;
use proto::api::group::{Group, GroupChange, NewGroup};

use super::session::{Query, Session};
use super::{Limit, moment, names};

#[derive(Debug, Subcommand)]
pub(crate) enum GroupsCommand {
    /// List groups
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one group
    Show {
        /// Identifier or name
        group: String,
    },
    /// Make a group
    Create {
        /// What it is called
        #[arg(long)]
        name: String,
        /// The policy of its devices (identifier or name) [default: the default policy]
        #[arg(long)]
        policy: Option<String>,
        /// Take forks of its devices in without asking
        #[arg(long)]
        approve_forks: bool,
    },
    /// Change a group; what isn't named stays
    Set {
        /// Identifier or name
        group: String,
        /// What it is called from now on
        #[arg(long)]
        name: Option<String>,
        /// The policy of its devices (identifier or name)
        #[arg(long)]
        policy: Option<String>,
        /// Whether forks of its devices are taken in without asking
        #[arg(long, value_name = "true|false")]
        approve_forks: Option<bool>,
    },
    /// Remove an empty group
    Delete {
        /// Identifier or name
        group: String,
    },
}

pub(super) async fn run(session: &Session, command: GroupsCommand) -> anyhow::Result<()> {
    match command {
        GroupsCommand::List { limit } => {
            let headings = ["GROUP", "NAME", "POLICY", "DEVICES", "FORKS"];
            session
                .list(
                    &Query::of("/api/v1/groups"),
                    limit,
                    headings,
                    |group: &Group, _| {
                        [
                            group.id.to_string(),
                            group.name.clone(),
                            group.policy_name.clone(),
                            group.devices.to_string(),
                            forks(group).to_owned(),
                        ]
                    },
                )
                .await
        }
        GroupsCommand::Show { group } => {
            let id = names::group(session, &group).await?;
            session.show(&format!("/api/v1/groups/{id}"), facts).await
        }
        GroupsCommand::Create {
            name,
            policy,
            approve_forks,
        } => {
            let new = NewGroup {
                name,
                policy: match policy {
                    Some(text) => Some(names::policy(session, &text).await?),
                    None => None,
                },
                approve_forks,
            };
            let body = serde_json::to_value(new)?;
            session
                .act(Method::POST, "/api/v1/groups", Some(body), told)
                .await
        }
        GroupsCommand::Set {
            group,
            name,
            policy,
            approve_forks,
        } => {
            let id = names::group(session, &group).await?;
            let change = GroupChange {
                name,
                policy: match policy {
                    Some(text) => Some(names::policy(session, &text).await?),
                    None => None,
                },
                approve_forks,
            };
            let body = serde_json::to_value(change)?;
            session
                .act(
                    Method::PATCH,
                    &format!("/api/v1/groups/{id}"),
                    Some(body),
                    told,
                )
                .await
        }
        GroupsCommand::Delete { group } => {
            let id = names::group(session, &group).await?;
            let path = format!("/api/v1/groups/{id}");
            session
                .act(Method::DELETE, &path, None, |_: serde_json::Value| {
                    format!("group {id} is removed")
                })
                .await
        }
    }
}

fn told(group: Group) -> String {
    format!(
        "group {} ({}), policy {}",
        group.name, group.id, group.policy_name
    )
}

const fn forks(group: &Group) -> &'static str {
    if group.approve_forks {
        "approved by themselves"
    } else {
        "await approval"
    }
}

fn facts(group: &Group, clock: &moment::Clock) -> Vec<(&'static str, String)> {
    vec![
        ("group", group.id.to_string()),
        ("name", group.name.clone()),
        (
            "policy",
            format!("{} ({})", group.policy_name, group.policy),
        ),
        ("devices", group.devices.to_string()),
        ("forks", forks(group).to_owned()),
        ("created", clock.tell(group.created)),
    ]
}
