//! `network-check`: the child of the manager that runs the doctor, without rights.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use garrison_flows::doctor::{DoctorArguments, Identity, run};
use sandbox::outward::{self, OutwardLimits};

use crate::failure;

/// The first word of such a process.
pub(crate) const NAME: &str = "network-check";
/// As the doctor's, where nothing could be told.
const UNDETERMINED: u8 = 3;

#[derive(clap::Parser)]
#[command(about = "The manager starts this by itself")]
struct Words {
    /// The process that started it; without that one it ends.
    #[arg(long)]
    parent: u32,
    #[command(flatten)]
    doctor: DoctorArguments,
}

/// Called before this process has opened a file or started a thread.
pub(crate) fn check() -> ExitCode {
    let code = outward::confine(OutwardLimits::NETWORK_CHECK)
        .context("checking the network")
        .and_then(|_| examine());
    code.unwrap_or_else(|error| {
        failure::report(&error);
        ExitCode::from(UNDETERMINED)
    })
}

fn examine() -> anyhow::Result<ExitCode> {
    let words = Words::try_parse_from(std::env::args_os().skip(1))?;
    outward::has_parent(words.parent)?;
    Ok(run(
        "garrison network-check",
        &words.doctor,
        &Identity::default(),
    ))
}
