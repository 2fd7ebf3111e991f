//! The flow catalogue for any Linux host: one file, no server, no root, no configuration.

use std::process::ExitCode;

use clap::Parser;
use garrison_flows::FlowsCommand;

/// Who talks to whom over which host and port, what for, and what breaks when it is blocked:
/// of Symantec Endpoint Protection, Symantec Web Security Service, Sangfor Endpoint Secure and
/// Garrison, as firewall rules, proxy lists and documents.
#[derive(Debug, Parser)]
#[command(
    name = "garrison-flows",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = garrison_flows::AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: FlowsCommand,
}

fn main() -> ExitCode {
    if let Some(code) = garrison_flows::pac_worker() {
        return code;
    }
    garrison_flows::run("garrison-flows", &Cli::parse().command)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

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
    fn help_is_as_it_was_read_and_approved() {
        let mut texts = String::new();
        let mut command = Cli::command().term_width(100);
        command.clone().debug_assert();
        command.build();
        help(&mut command, "garrison-flows", &mut texts);
        insta::assert_snapshot!("help", texts);
    }
}
