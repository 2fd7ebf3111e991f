//! The agent's program: the service, its local commands, and the worker in the sandbox.
//!
//! This crate reads arguments, wires, and prints; what the agent does is in `agent`. Start reading
//! at [`cli`] (the arguments), then the file of a command.

mod cli;
mod doctor;
mod enrol;
mod host;
mod network_check;
mod output;
mod quarantine;
mod run;
mod scan;
mod status;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

fn main() -> ExitCode {
    // These start no thread and open no file before they are confined.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "worker")
    {
        return sandbox::worker::run();
    }
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "network-check")
    {
        return network_check::check();
    }
    if let Some(code) = garrison_flows::pac_worker() {
        return code;
    }
    let cli = Cli::parse();
    output::log_to_stderr(matches!(cli.command, Command::Run(_)));
    let outcome = match cli.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Enrol(arguments) => enrol::enrol(&arguments),
        Command::Scan(arguments) => return scan::scan(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::CheckIn(arguments) => status::check_in(&arguments),
        Command::CheckNetwork(arguments) => status::check_network(&arguments),
        Command::Quarantine(arguments) => quarantine::quarantine(&arguments),
        Command::Doctor(arguments) => return doctor::doctor(&arguments),
        Command::Worker => return sandbox::worker::run(),
        Command::NetworkCheck => return network_check::check(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
