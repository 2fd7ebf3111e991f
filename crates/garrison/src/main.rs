//! The operator's door: `garrison up`, the services `manager` and `cloud`, the definition
//! compiler, and `garrison ctl`.
//!
//! This crate parses a command line, wires rooms together and prints. It decides nothing about
//! files, devices or trust, opens no socket of its own, and talks to running services over the
//! same HTTP API as everybody else.
//!
//! Start reading at [`cli`] (what can be typed), then [`up`] (how the system starts) and
//! [`ctl`] (how it is driven).

mod api;
mod cli;
mod ctl;
mod definition;
mod failure;
mod folder;
mod logs;
mod network_check;
mod output;
mod service;
mod trial;
mod up;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    // Starts no thread and opens no file before it is confined.
    let first = std::env::args_os().nth(1);
    if first.is_some_and(|first| first == network_check::NAME) {
        return network_check::check();
    }
    if let Some(code) = garrison_flows::pac_worker() {
        return code;
    }
    let cli = Cli::parse();
    logs::begin();
    net::install_crypto();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&Failure::usage(error).into()),
    };
    let outcome = runtime.block_on(run(cli.command));
    // A blocked reader of standard input must not hold the process up.
    runtime.shutdown_background();
    match outcome {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Manager(arguments) => service::manager::run(arguments).await,
        Command::Cloud(arguments) => service::cloud::run(arguments).await,
        Command::Definitions { command } => definition::run(command),
        Command::Ctl(arguments) => ctl::run(arguments).await,
        Command::Flows { command } => Ok(garrison_flows::run("garrison flows", &command)),
        Command::Doctor(arguments) => Ok(garrison_flows::doctor::run(
            "garrison doctor",
            &arguments,
            &garrison_flows::doctor::Identity::default(),
        )),
        Command::Try { command } => trial::run(command).await,
    }
}
