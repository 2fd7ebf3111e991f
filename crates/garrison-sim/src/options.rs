//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Simulated agents that enrol with a manager and check in over the real protocol, and what that
/// costs.
#[derive(Debug, Clone, Parser)]
#[command(name = "garrison-sim", version)]
pub(crate) struct Options {
    /// The file with an enrolment token that has uses for all agents.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: PathBuf,
    /// How many agents.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) agents: u32,
    /// How long to measure, once all agents are connected.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// Each agent checks in this often.
    #[arg(long, value_name = "I", default_value = "60", value_parser = interval)]
    pub(crate) check_in_seconds: Duration,
    /// Events that each agent delivers with each check-in.
    #[arg(long, value_name = "E", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) events_per_check_in: u32,
    /// Agents that enrol or connect at the same time.
    #[arg(long, value_name = "C", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) concurrency: u32,
    /// Where to write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The manager's process, to measure its CPU time and memory.
    #[arg(long, value_name = "PID")]
    pub(crate) manager_pid: Option<u32>,
    /// A folder that keeps the agents' identities for the next run (readable by its owner alone).
    /// Without it every run enrols anew.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("expected seconds, got {text:?}"))?;
    if (0.05..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("expected 0.05 to 86400 seconds, got {text}"))
    }
}
