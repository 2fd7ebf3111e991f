//! What a program used from its start to its end.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::super::process;

const LOOK: Duration = Duration::from_millis(2);

/// Seconds, and mebibytes where they were looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) cpu: f64,
    pub(super) wall: f64,
    /// The largest resident set that was seen.
    pub(super) peak: f64,
}

/// Runs a program to its end; only these exit codes are good.
pub(super) fn run(mut command: Command, good: &[i32]) -> anyhow::Result<Used> {
    let before = process::cpu_of_ended_children()?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("{command:?}"))?;
    let mut peak = 0.0f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Ok(now) = process::high_water(child.id()) {
            peak = peak.max(now);
        }
        std::thread::sleep(LOOK);
    };
    let wall = started.elapsed().as_secs_f64();
    let code = status.code().unwrap_or(-1);
    ensure!(good.contains(&code), "{command:?} ended with {status}");
    Ok(Used {
        cpu: process::cpu_of_ended_children()? - before,
        wall,
        peak,
    })
}

/// Runs a short program so often that the kernel's clock of ten milliseconds tells it well, and
/// gives what one run used.
pub(super) fn run_short(command: impl Fn() -> anyhow::Result<Command>) -> anyhow::Result<Used> {
    const TIMES: u32 = 20;
    let mut sum = Used {
        cpu: 0.0,
        wall: 0.0,
        peak: 0.0,
    };
    for _ in 0..TIMES {
        let one = run(command()?, &[0])?;
        sum.cpu += one.cpu;
        sum.wall += one.wall;
        sum.peak = sum.peak.max(one.peak);
    }
    sum.cpu /= f64::from(TIMES);
    sum.wall /= f64::from(TIMES);
    Ok(sum)
}
