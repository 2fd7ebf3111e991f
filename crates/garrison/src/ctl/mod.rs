//! `garrison ctl`: the manager's HTTP API from a command line.

mod access;
mod audit;
mod cloud;
mod connections;
mod definitions;
mod detections;
mod devices;
mod flows;
mod groups;
pub(crate) mod moment;
mod names;
mod overview;
mod policies;
mod quarantine;
mod scans;
pub(crate) use scans::is_over;
mod secrets;
mod session;
mod settings;
mod users;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use model::Timestamp;

use crate::api::Api;
use crate::folder::Folder;

use moment::Clock;
use session::Session;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  garrison ctl devices list
  garrison ctl scan start --device web-3 /srv --wait
  garrison ctl detections list --triage open --json
  garrison ctl tokens create --name lab --max-uses 20 --valid 8h -o lab.token
  garrison ctl --address manager.example:8446 --ca ca.pem --token-file ops.token overview

Without --address the local installation is driven, with the credential that lies in its folder.
Exit codes: 0 done, 1 refused or not found, 2 wrong usage or no connection.")]
pub(crate) struct CtlArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print the API's JSON
    #[arg(long, help_heading = "All of ctl", global = true)]
    pub(crate) json: bool,
    /// Show points in time beside "3 min ago"
    #[arg(long, help_heading = "All of ctl", global = true)]
    pub(crate) utc: bool,
    #[command(subcommand)]
    pub(crate) command: CtlCommand,
}

/// Which manager, and with what credential.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Data folder of a local installation [default: garrison in the user's state folder]
    #[arg(long, help_heading = "All of ctl", global = true, value_name = "FOLDER", conflicts_with_all = ["address", "ca", "token_file"])]
    pub(crate) data: Option<PathBuf>,
    /// A manager's API elsewhere, as host:port; wants --ca and --token-file
    #[arg(
        long,
        help_heading = "All of ctl",
        global = true,
        value_name = "HOST:PORT"
    )]
    pub(crate) address: Option<String>,
    /// Certificate of the site's CA (PEM)
    #[arg(long, help_heading = "All of ctl", global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// File with an API token, readable by its owner alone
    #[arg(long, help_heading = "All of ctl", global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl Target {
    /// The way to that manager. Nothing is sent yet.
    ///
    /// # Errors
    /// When a credential is missing or can't be read.
    pub(crate) fn open(self) -> anyhow::Result<Api> {
        match (self.address, self.ca, self.token_file) {
            (Some(address), Some(ca), Some(token)) => Ok(Api::remote(&address, &ca, &token)?),
            (None, None, None) => Ok(Api::local(&Folder::find(self.data)?)?),
            (_, _, _) => Err(crate::failure::Failure::misuse(
                "--address, --ca and --token-file go together; give all three, or --data for a local installation",
            )),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum CtlCommand {
    /// Are we protected, and what needs attention now
    Overview,
    /// Machines that enrolled
    Devices {
        #[command(subcommand)]
        command: devices::DevicesCommand,
    },
    /// What was found, and what is done about it
    Detections {
        #[command(subcommand)]
        command: detections::DetectionsCommand,
    },
    /// Files in quarantine
    Quarantine {
        #[command(subcommand)]
        command: quarantine::QuarantineCommand,
    },
    /// Scans of devices and groups
    Scan {
        #[command(subcommand)]
        command: scans::ScanCommand,
    },
    /// What agents are told to do
    Policies {
        #[command(subcommand)]
        command: policies::PoliciesCommand,
    },
    /// Groups of devices that share a policy
    Groups {
        #[command(subcommand)]
        command: groups::GroupsCommand,
    },
    /// Enrolment tokens, for machines
    Tokens {
        #[command(subcommand)]
        command: access::TokensCommand,
    },
    /// API tokens, for programs
    ApiTokens {
        #[command(subcommand)]
        command: access::ApiTokensCommand,
    },
    /// Definitions that agents use
    Definitions {
        #[command(subcommand)]
        command: definitions::DefinitionsCommand,
    },
    /// People's accounts
    Users {
        #[command(subcommand)]
        command: users::UsersCommand,
    },
    /// Who did what, when, from where
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// The site's network flows
    Flows {
        #[command(subcommand)]
        command: flows::FlowsCommand,
    },
    /// What devices find of the network: what is lost, why, and who can mend it
    Connections {
        #[command(subcommand)]
        command: connections::ConnectionsCommand,
    },
    /// The link to the cloud services
    Cloud {
        #[command(subcommand)]
        command: cloud::CloudCommand,
    },
}

/// How much of a list is shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Limit {
    /// Show at most so many [default: all]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<u64>,
}

pub(crate) async fn run(arguments: CtlArguments) -> anyhow::Result<ExitCode> {
    let api = arguments.target.open()?;
    let clock = Clock::new(Timestamp::now(), arguments.utc);
    let session = Session::new(api, clock, arguments.json);
    match arguments.command {
        CtlCommand::Overview => overview::run(&session).await?,
        CtlCommand::Devices { command } => devices::run(&session, command).await?,
        CtlCommand::Detections { command } => detections::run(&session, command).await?,
        CtlCommand::Quarantine { command } => quarantine::run(&session, command).await?,
        CtlCommand::Scan { command } => return scans::run(&session, command).await,
        CtlCommand::Policies { command } => policies::run(&session, command).await?,
        CtlCommand::Groups { command } => groups::run(&session, command).await?,
        CtlCommand::Tokens { command } => access::run_tokens(&session, command).await?,
        CtlCommand::ApiTokens { command } => access::run_api_tokens(&session, command).await?,
        CtlCommand::Definitions { command } => definitions::run(&session, command).await?,
        CtlCommand::Users { command } => users::run(&session, command).await?,
        CtlCommand::Audit { command } => audit::run(&session, command).await?,
        CtlCommand::Flows { command } => flows::run(&session, command).await?,
        CtlCommand::Connections { command } => connections::run(&session, command).await?,
        CtlCommand::Cloud { command } => cloud::run(&session, command).await?,
    }
    Ok(ExitCode::SUCCESS)
}
