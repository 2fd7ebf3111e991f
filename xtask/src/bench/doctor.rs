//! The doctor over a thousand flows, each packet 20 ms on its way in each direction.

use std::process::Stdio;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Bench;
use super::figure::Figure;

/// Puts the network up, and measures.
pub(super) const LABORATORY: &str = "many_flows";
const REPEATS: usize = 11;
/// From start to end of the process, seconds.
const TIME_AIM: f64 = 3.0;
/// Resident, MiB.
const MEMORY_AIM: f64 = 60.0;

#[derive(Debug, Deserialize)]
struct Said {
    flows: u64,
    round_trip_seconds: f64,
    runs: Vec<Run>,
    frames: u64,
    lost: u64,
    most_open: u64,
}

#[derive(Debug, Deserialize)]
struct Run {
    seconds: f64,
    resident_kib: f64,
}

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let programs = &bench.environment.programs;
    let mut command = std::process::Command::new(programs.join("examples").join(LABORATORY));
    command
        .arg(programs.join("garrison-flows"))
        .arg(REPEATS.to_string())
        .stdin(Stdio::null());
    let output = command.output().context(LABORATORY)?;
    ensure!(
        output.status.success(),
        "{LABORATORY} (it needs root, Node and Python): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said: Said = serde_json::from_slice(&output.stdout).context(LABORATORY)?;
    println!("doctor: {said:?}");
    let (seconds, memory) = said
        .runs
        .iter()
        .map(|run| (run.seconds, run.resident_kib / 1024.0))
        .unzip();
    #[expect(clippy::cast_precision_loss, reason = "counts for people to read")]
    let (frames, lost, open) = (said.frames as f64, said.lost as f64, said.most_open as f64);
    let flows = said.flows;
    Ok(vec![
        Figure::new(
            format!("{flows} flows of HTTPS, all of them ok"),
            "s",
            seconds,
        )
        .at_most(TIME_AIM, None),
        Figure::new(
            format!("{flows} flows of HTTPS: resident (RSS)"),
            "MiB",
            memory,
        )
        .at_most(MEMORY_AIM, None),
        Figure::new(
            "connecting over that wire",
            "ms",
            vec![said.round_trip_seconds * 1000.0],
        ),
        Figure::new(
            "connections that the server had open at once, at most",
            "",
            vec![open],
        ),
        Figure::new("frames that the wire carried in all runs", "", vec![frames]),
        Figure::new("frames that it lost to its bounds", "", vec![lost]),
    ])
}
