//! Runs of the doctor over a thousand flows behind a slow wire; prints what each took, in JSON.
//! Arguments: the program to be measured, and how often. Needs root, Node and Python.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::json;
use system_tests::lab::many::{DELAY, FLOWS, ManyFlows};
use system_tests::places;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().context("expected a program")?;
    let times: usize = arguments.next().context("expected how often")?.parse()?;
    let folder = places::temporary()?;
    let mut lab = ManyFlows::open(folder.path())?;
    let there = (lab.server(), 443).into();
    let begun = Instant::now();
    ensure!(lab.client().connects(there, DELAY * 100)?, "no server");
    let round_trip = begun.elapsed();
    // Before both ends were up it lost what was sent over it.
    let (before, _) = lab.counted()?;
    let mut runs = Vec::new();
    for _ in 0..times {
        let run = lab.examine(Path::new(&program), &[])?;
        run.all_work()?;
        runs.push(json!({
            "seconds": run.took.as_secs_f64(),
            "resident_kib": run.resident,
        }));
    }
    let (carried, served) = lab.counted()?;
    println!(
        "{}",
        json!({
            "flows": FLOWS,
            "round_trip_seconds": round_trip.as_secs_f64(),
            "runs": runs,
            "frames": carried.frames,
            "lost": carried.lost - before.lost,
            "most_open": served.most,
        })
    );
    Ok(())
}
