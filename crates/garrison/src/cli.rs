//! What can be typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use flows::PortProfile;
use garrison_flows::FlowsCommand;
use garrison_flows::arguments::profiles;
use garrison_flows::doctor::DoctorArguments;

use crate::ctl::CtlArguments;
use crate::ctl::moment::parse_span;
use crate::definition::DefinitionsCommand;
use crate::trial::TryCommand;

/// Garrison: endpoint protection that you run yourself.
#[derive(Debug, Parser)]
#[command(
    name = "garrison",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Begin with \"garrison up\". GARRISON_LOG sets how much is logged (info, manager=debug, …)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the whole system on this machine and protect it
    Up(UpArguments),
    /// Drive a manager: devices, detections, scans, policies, …
    Ctl(CtlArguments),
    /// Try the system out with something harmless
    Try {
        #[command(subcommand)]
        command: TryCommand,
    },
    /// Build and inspect definitions
    Definitions {
        #[command(subcommand)]
        command: DefinitionsCommand,
    },
    /// Ask the catalogue of network flows: lists, firewall rules, what is blocked
    #[command(after_help = garrison_flows::AFTER_HELP)]
    Flows {
        #[command(subcommand)]
        command: Box<FlowsCommand>,
    },
    /// Check which flows work from here: what is broken, why, and the line that mends it
    Doctor(Box<DoctorArguments>),
    /// Run a site's manager
    Manager(ServiceArguments),
    /// Run the cloud services, or make a token for a site
    Cloud(CloudArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  garrison up                          start; Ctrl-C stops everything
  garrison up --ports sep              on the port numbers of Symantec Endpoint Protection
  garrison up --data /srv/garrison --ready-file /run/garrison.json

A second start on the same folder goes on where the first one stopped.")]
pub(crate) struct UpArguments {
    /// Port numbers to use
    #[arg(long, value_name = "PROFILE", default_value_t, value_parser = profiles())]
    pub(crate) ports: PortProfile,
    /// Address that the manager listens on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Data folder [default: garrison in the user's state folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Write addresses and process ids to this file (JSON) once all is up
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Leave the cloud services out; the manager works alone
    #[arg(long)]
    pub(crate) no_cloud: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceArguments {
    /// The service's own folder; manager.toml or cloud.toml in it configures the service
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Port numbers to use
    #[arg(long, value_name = "PROFILE", value_parser = profiles())]
    pub(crate) ports: Option<PortProfile>,
    /// Write addresses and process id to this file (JSON) once it serves
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// End when standard input is closed
    #[arg(long)]
    pub(crate) lifeline: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct CloudArguments {
    #[command(subcommand)]
    pub(crate) command: Option<CloudCommand>,
    #[command(flatten)]
    pub(crate) service: Option<ServiceArguments>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CloudCommand {
    /// Make a token with which one site enrols
    NewToken {
        /// The cloud's own folder
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// File that receives the token, readable by its owner alone
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// How many sites it lets in
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        uses: u32,
        /// How long it is good
        #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = parse_span)]
        valid: u32,
    },
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(text, name), *name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn command() -> clap::Command {
        Cli::command().term_width(100)
    }

    /// The help of a command and of all below it.
    fn help(command: &mut clap::Command, name: &str, texts: &mut String) {
        texts.push_str(&format!("\n===== {name}\n{}", command.render_help()));
        let names: Vec<String> = command
            .get_subcommands()
            .map(|below| below.get_name().to_owned())
            .filter(|below| below != "help")
            .collect();
        for below in names {
            let command = command.find_subcommand_mut(&below).unwrap();
            help(command, &format!("{name} {below}"), texts);
        }
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }

    #[test]
    fn help_is_as_it_was_read_and_approved() {
        let mut texts = String::new();
        let mut command = command();
        command.build();
        help(&mut command, "garrison", &mut texts);
        insta::assert_snapshot!("help", texts);
    }

    fn error_of(words: &[&str]) -> String {
        command()
            .try_get_matches_from(words)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_nearest_right_one() {
        let error = error_of(&["garrison", "upp"]);
        assert!(error.contains("'up'"), "{error}");
        let error = error_of(&["garrison", "ctl", "detection", "list"]);
        assert!(error.contains("'detections'"), "{error}");
        let error = error_of(&["garrison", "up", "--ports", "sangfr"]);
        assert!(error.contains("'sangfor'"), "{error}");
        let error = error_of(&["garrison", "up", "--redy-file", "x"]);
        assert!(error.contains("'--ready-file'"), "{error}");
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("prots", &["bind", "ports"]), Some("ports"));
        assert_eq!(nearest("zzz", &["bind", "ports"]), None);
    }
}
