//! `network-check`: the child of the agent that runs the doctor, without rights and without the
//! device's private key.

use std::process::ExitCode;

use agent::config::Config;
use agent::network::order::Order;
use clap::Parser as _;
use garrison_flows::doctor::{DoctorArguments, run};
use sandbox::outward::{self, OutwardLimits};

use crate::doctor::{UNDETERMINED, with_proxy, with_site};
use crate::host::with_host;
use crate::output;

const NAME: &str = "garrison-agent network-check";
/// Checks at the same time; each has a socket or two.
const PARALLEL: &str = "32";

/// The doctor's words.
#[derive(clap::Parser)]
struct Words {
    #[command(flatten)]
    doctor: DoctorArguments,
}

/// Called before this process has opened a file or started a thread.
pub(crate) fn check() -> ExitCode {
    if let Err(error) = outward::confine(OutwardLimits::NETWORK_CHECK) {
        output::complain(&error.into());
        return ExitCode::from(UNDETERMINED);
    }
    match examine() {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(UNDETERMINED)
        }
    }
}

fn examine() -> anyhow::Result<ExitCode> {
    let order = Order::read(std::io::stdin().lock())?;
    outward::has_parent(order.parent)?;
    let config = Config {
        proxy: order.proxy.clone(),
        ..Config::default()
    };
    let identity = with_site(
        with_proxy(&config)?,
        &order.ca_certificate,
        &order.addresses,
    )?;
    let identity = with_host(identity, &order.addresses);
    let seconds = order.seconds.to_string();
    let mut words = vec![
        NAME,
        "--format",
        "json",
        "--parallel",
        PARALLEL,
        "--time",
        &seconds,
    ];
    if config.proxy != "environment" {
        words.push("--no-environment");
    }
    let words = Words::try_parse_from(words)?;
    Ok(run(NAME, &words.doctor, &identity))
}
