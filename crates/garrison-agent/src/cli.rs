//! The arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use model::QuarantineId;

/// Protects this machine, and answers local commands.
#[derive(Debug, Parser)]
#[command(name = "garrison-agent", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the agent until it is stopped (Ctrl-C, SIGTERM)
    Run(RunArguments),
    /// Make this machine a device of a site, with an enrolment token
    #[command(alias = "enroll")]
    Enrol(EnrolArguments),
    /// Scan files and folders with your own rights
    #[command(after_help = SCAN_HELP)]
    Scan(ScanArguments),
    /// Show how the running agent is
    Status(StatusArguments),
    /// Have the running agent check in with its manager now
    CheckIn(AgentArguments),
    /// Have the running agent check the network now, and report what changed
    CheckNetwork(AgentArguments),
    /// See, restore and delete files in quarantine
    Quarantine(QuarantineArguments),
    /// Check from here which flows work, with this agent's identity and proxy settings
    Doctor(Box<AgentDoctorArguments>),
    /// Started by the agent itself, to read untrusted files
    #[command(hide = true)]
    Worker,
    /// Started by the agent itself, to check the network
    #[command(hide = true)]
    NetworkCheck,
}

const SCAN_HELP: &str = "\
Exit code: 0 when nothing was found, 1 when something was found, 2 when nothing was found but
something could not be scanned, or the scan could not run. What was found counts for more than
what could not be read.

Definitions come from the running agent, or from a file. A file must be signed by your own build
key (~/.config/garrison/build.key, made by \"garrison definitions build\"), by the site of the
running agent, or by the key that --trust names.

Links met on the way are not followed; a link that you name is. FIFOs, sockets, devices, /proc and
/sys are passed over and counted.";

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The agent's folder; made when it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Enrol with the token in this file (mode 0600), if the folder isn't enrolled yet
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// End when standard input is closed: for a parent that is to take the agent with it
    #[arg(long)]
    pub(crate) lifeline: bool,
    /// Write a line of JSON to this file once local commands are served
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AgentDoctorArguments {
    /// The agent's folder: its identity, its manager's addresses and its proxy are used
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) doctor: garrison_flows::doctor::DoctorArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EnrolArguments {
    /// The agent's folder; made when it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The file with the enrolment token (mode 0600)
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct AgentArguments {
    /// The folder of the agent to talk to; by default the first that runs on this machine
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArguments {
    #[command(flatten)]
    pub(crate) agent: AgentArguments,
    /// Definitions to use in place of the agent's
    #[arg(long, value_name = "FILE")]
    pub(crate) definitions: Option<PathBuf>,
    /// Also trust definitions signed by this key: 64 hexadecimal digits, or a file with them
    #[arg(long, value_name = "KEY", requires = "definitions")]
    pub(crate) trust: Option<String>,
    /// Check all of the definitions before the first file, not each part when it is first used
    #[arg(long)]
    pub(crate) verify_all: bool,
    /// Print one line of JSON for each file, also for those passed over
    #[arg(long)]
    pub(crate) json: bool,
    /// Have the agent quarantine what is found; for root and the owners of the files
    #[arg(long)]
    pub(crate) quarantine: bool,
    /// Files scanned at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: Option<u8>,
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) agent: AgentArguments,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineArguments {
    #[command(subcommand)]
    pub(crate) command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List what is in quarantine: all of it for root, your own files otherwise
    List(StatusArguments),
    /// Put a file back where it was, with owner, mode, times and extended attributes
    Restore(ItemArguments),
    /// Delete a file in quarantine for good
    Delete(ItemArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ItemArguments {
    #[command(flatten)]
    pub(crate) agent: AgentArguments,
    /// As "garrison-agent quarantine list" shows it
    #[arg(value_name = "ID")]
    pub(crate) id: QuarantineId,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_key_to_trust_needs_definitions() {
        assert!(Cli::try_parse_from(["garrison-agent", "scan", "--trust", "ab", "/"]).is_err());
        assert!(Cli::try_parse_from(["garrison-agent", "scan"]).is_err());
    }
}
