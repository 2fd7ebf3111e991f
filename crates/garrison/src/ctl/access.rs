//! `garrison ctl tokens` and `garrison ctl api-tokens`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use http::Method;
use model::{ApiTokenId, EnrolmentTokenId, Role};
use proto::api::access::{
    ApiTokenInfo, CreatedApiToken, CreatedEnrolmentToken, EnrolmentTokenInfo, NewApiToken,
    NewEnrolmentToken,
};
use serde_json::Value;

use super::session::{Query, Session};
use super::{Limit, moment, names, secrets};

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// List enrolment tokens, without their secrets
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Make an enrolment token; its secret is told this once, into a file
    #[command(after_help = "\
Example:
  garrison ctl tokens create --name lab --max-uses 20 --valid 8h -o lab.token
  garrison-agent enrol --token-file lab.token        on each machine")]
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// Group that its machines join (identifier or name) [default: the default group]
        #[arg(long)]
        group: Option<String>,
        /// How many machines may use it
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        max_uses: u32,
        /// How long it is good
        #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = moment::parse_span)]
        valid: u32,
        /// File that receives the token, readable by its owner alone
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Let nobody else in by a token
    Revoke {
        /// Identifier
        token: EnrolmentTokenId,
    },
}

pub(super) async fn run_tokens(session: &Session, command: TokensCommand) -> anyhow::Result<()> {
    match command {
        TokensCommand::List { limit } => {
            let headings = ["TOKEN", "NAME", "GROUP", "USES", "EXPIRES", "BY"];
            session
                .list(
                    &Query::of("/api/v1/enrolment-tokens"),
                    limit,
                    headings,
                    |token: &EnrolmentTokenInfo, clock| {
                        [
                            token.id.to_string(),
                            token.name.clone(),
                            token.group_name.clone(),
                            format!("{} of {}", token.uses, token.max_uses),
                            expiry(token.revoked, clock.tell(token.expires)),
                            token.created_by.clone(),
                        ]
                    },
                )
                .await
        }
        TokensCommand::Create {
            name,
            group,
            max_uses,
            valid,
            output,
        } => {
            let new = NewEnrolmentToken {
                name,
                group: match group {
                    Some(text) => Some(names::group(session, &text).await?),
                    None => None,
                },
                max_uses,
                valid_seconds: valid,
            };
            let body = serde_json::to_value(new)?;
            let created: CreatedEnrolmentToken = session
                .api()
                .send(Method::POST, "/api/v1/enrolment-tokens", Some(body))
                .await?;
            secrets::store(&output, &created.text)?;
            session.tell(serde_json::to_value(created.info)?, |info: EnrolmentTokenInfo| {
                format!(
                    "{}: good for {} uses in {}; hand the file over and run \"garrison-agent enrol --token-file FILE\"",
                    output.display(),
                    info.max_uses,
                    info.group_name
                )
            })
        }
        TokensCommand::Revoke { token } => {
            let path = format!("/api/v1/enrolment-tokens/{token}/revoke");
            revoke(session, &path, token.to_string()).await
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiTokensCommand {
    /// List API tokens, without their secrets
    List {
        #[command(flatten)]
        limit: Limit,
    },
    /// Make an API token; its secret is told this once, into a file
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long)]
        role: RoleArgument,
        /// How long it is good
        #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = moment::parse_span)]
        valid: u32,
        /// File that receives the token, readable by its owner alone
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Refuse a token from now on
    Revoke {
        /// Identifier
        token: ApiTokenId,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArgument {
    Viewer,
    Operator,
    Administrator,
}

impl RoleArgument {
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Viewer => Role::Viewer,
            Self::Operator => Role::Operator,
            Self::Administrator => Role::Administrator,
        }
    }
}

pub(super) async fn run_api_tokens(
    session: &Session,
    command: ApiTokensCommand,
) -> anyhow::Result<()> {
    match command {
        ApiTokensCommand::List { limit } => {
            let headings = ["TOKEN", "NAME", "ROLE", "USED", "EXPIRES", "BY"];
            session
                .list(
                    &Query::of("/api/v1/api-tokens"),
                    limit,
                    headings,
                    |token: &ApiTokenInfo, clock| {
                        [
                            token.id.to_string(),
                            token.name.clone(),
                            token.role.to_string(),
                            clock.tell_if(token.last_used),
                            expiry(token.revoked, clock.tell(token.expires)),
                            token.created_by.clone(),
                        ]
                    },
                )
                .await
        }
        ApiTokensCommand::Create {
            name,
            role,
            valid,
            output,
        } => {
            let new = NewApiToken {
                name,
                role: role.role(),
                valid_seconds: valid,
            };
            let body = serde_json::to_value(new)?;
            let created: CreatedApiToken = session
                .api()
                .send(Method::POST, "/api/v1/api-tokens", Some(body))
                .await?;
            secrets::store(&output, &created.text)?;
            session.tell(serde_json::to_value(created.info)?, |info: ApiTokenInfo| {
                format!("{}: {} for {}", output.display(), info.role, info.name)
            })
        }
        ApiTokensCommand::Revoke { token } => {
            let path = format!("/api/v1/api-tokens/{token}/revoke");
            revoke(session, &path, token.to_string()).await
        }
    }
}

fn expiry(revoked: bool, expires: String) -> String {
    if revoked {
        "revoked".to_owned()
    } else {
        expires
    }
}

async fn revoke(session: &Session, path: &str, token: String) -> anyhow::Result<()> {
    session
        .act(Method::POST, path, None, |_: Value| {
            format!("token {token} is revoked")
        })
        .await
}
