//! `garrison ctl users`.

use std::path::PathBuf;

use clap::Subcommand;
use http::Method;
use proto::api::access::{NewUser, User, UserChange};

use super::access::RoleArgument;
use super::session::{Query, Session};
use super::{Limit, names, secrets};

#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List accounts
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Make an account; its password is asked for
    Create {
        /// 1 to 64 characters of a-z 0-9 . _ -
        name: String,
        /// What it may do
        #[arg(long)]
        role: RoleArgument,
        /// Take the password from this file, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Change an account; its sessions end
    Set {
        /// Identifier or name
        user: String,
        /// What it may do from now on
        #[arg(long)]
        role: Option<RoleArgument>,
        /// Whether it may not sign in
        #[arg(long, value_name = "true|false")]
        disabled: Option<bool>,
        /// Ask for a new password
        #[arg(long)]
        password: bool,
        /// Take the new password from this file, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove an account
    Delete {
        /// Identifier or name
        user: String,
    },
}

pub(super) async fn run(session: &Session, command: UsersCommand) -> anyhow::Result<()> {
    match command {
        UsersCommand::List { limit } => {
            let headings = ["USER", "NAME", "ROLE", "STATE", "SIGNED IN"];
            session
                .list(
                    &Query::of("/api/v1/users"),
                    limit,
                    headings,
                    |user: &User, clock| {
                        [
                            user.id.to_string(),
                            user.name.clone(),
                            user.role.to_string(),
                            state(user).to_owned(),
                            clock.tell_if(user.last_sign_in),
                        ]
                    },
                )
                .await
        }
        UsersCommand::Create {
            name,
            role,
            password_file,
        } => {
            let new = NewUser {
                name,
                role: role.role(),
                password: secrets::password(password_file)?,
            };
            let body = serde_json::to_value(new)?;
            session
                .act(Method::POST, "/api/v1/users", Some(body), told)
                .await
        }
        UsersCommand::Set {
            user,
            role,
            disabled,
            password,
            password_file,
        } => {
            let id = names::user(session, &user).await?;
            let change = UserChange {
                role: role.map(RoleArgument::role),
                disabled,
                password: if password || password_file.is_some() {
                    Some(secrets::password(password_file)?)
                } else {
                    None
                },
            };
            let body = serde_json::to_value(change)?;
            session
                .act(
                    Method::PATCH,
                    &format!("/api/v1/users/{id}"),
                    Some(body),
                    told,
                )
                .await
        }
        UsersCommand::Delete { user } => {
            let id = names::user(session, &user).await?;
            let path = format!("/api/v1/users/{id}");
            session
                .act(Method::DELETE, &path, None, |_: serde_json::Value| {
                    format!("account {id} is removed")
                })
                .await
        }
    }
}

const fn state(user: &User) -> &'static str {
    if user.disabled { "disabled" } else { "enabled" }
}

fn told(user: User) -> String {
    format!(
        "{} ({}) is {}, {}",
        user.name,
        user.id,
        user.role,
        state(&user)
    )
}
