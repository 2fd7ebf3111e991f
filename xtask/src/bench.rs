//! `cargo xtask bench`: speed and size of the released programs, measured from outside.
//!
//! Each part starts what it needs in a folder of its own, writes its figures to
//! build/bench/PART.json and puts them into docs/benchmarks.md. The parts are
//! `start.rs`, `idle.rs`, `load.rs`, `scan.rs`, `flows.rs` and `doctor.rs`, and by `cargo xtask bench-scan` the
//! rows of `peers/`, which have ClamAV and YARA beside them; what they stand on is in `system.rs`
//! (the programs) and `process.rs` (what /proc says of them).

mod conditions;
mod doctor;
mod figure;
mod flows;
mod idle;
mod load;
mod peers;
mod process;
mod report;
mod scan;
mod start;
mod system;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::test::{Built, Environment, Scratch};
use crate::workspace::Workspace;
use conditions::{Conditions, Programs};
use figure::Figure;
use report::Results;

const PROGRAMS: [&str; 4] = [
    "garrison",
    "garrison-agent",
    "garrison-flows",
    "garrison-sim",
];

/// One group of figures that can be taken alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Start,
    Idle,
    Load,
    Scan,
    Flows,
    Doctor,
    Peers(peers::Row),
}

impl Part {
    /// What a run without names takes.
    const OWN: [Part; 6] = [
        Part::Start,
        Part::Idle,
        Part::Load,
        Part::Scan,
        Part::Flows,
        Part::Doctor,
    ];

    fn all() -> impl Iterator<Item = Part> {
        let rows = peers::Row::ALL.into_iter().map(Part::Peers);
        Part::OWN.into_iter().chain(rows)
    }

    const fn name(self) -> &'static str {
        match self {
            Part::Start => "start",
            Part::Idle => "idle",
            Part::Load => "load",
            Part::Scan => "scan",
            Part::Flows => "flows",
            Part::Doctor => "doctor",
            Part::Peers(row) => row.name(),
        }
    }

    fn choose(names: &[&str]) -> anyhow::Result<Vec<Part>> {
        if names.is_empty() {
            return Ok(Part::OWN.to_vec());
        }
        let known: Vec<&str> = Part::all().map(Part::name).collect();
        names
            .iter()
            .map(|name| {
                Part::all()
                    .find(|part| part.name() == *name)
                    .with_context(|| format!("expected {}, got {name:?}", known.join(", ")))
            })
            .collect()
    }

    fn measure(self, bench: &Bench) -> anyhow::Result<Vec<Figure>> {
        match self {
            Part::Start => start::measure(bench),
            Part::Idle => idle::measure(bench),
            Part::Load => load::measure(bench),
            Part::Scan => scan::measure(bench),
            Part::Flows => flows::measure(bench),
            Part::Doctor => doctor::measure(bench),
            Part::Peers(row) => row.measure(bench),
        }
    }
}

/// Rows of the comparison with ClamAV and YARA: all of them, or those that are named.
pub(crate) fn run_peers(workspace: &Workspace, names: &[&str]) -> anyhow::Result<ExitCode> {
    let (options, rows): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| name.starts_with("--"));
    let mut parts: Vec<String> = rows.iter().map(|row| format!("scan-{row}")).collect();
    if parts.is_empty() {
        parts = peers::Row::ALL.map(|row| row.name().to_owned()).to_vec();
    }
    let names: Vec<&str> = options
        .into_iter()
        .chain(parts.iter().map(String::as_str))
        .collect();
    run(workspace, &names)
}

/// What every part works with.
struct Bench {
    environment: Environment,
    /// Reports and logs that stay: build/bench.
    folder: PathBuf,
}

pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> anyhow::Result<ExitCode> {
    let (names, origin) = match names {
        ["--as-built", rest @ ..] => (rest, Programs::Found),
        _ => (names, Programs::BuiltNow),
    };
    let document = workspace.root.join("docs/benchmarks.md");
    let folder = workspace.build_folder().join("bench");
    if names == ["--tables"] {
        report::write(&document, &folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    let parts = Part::choose(names)?;
    if origin == Programs::BuiltNow {
        build(workspace, &parts)?;
    }
    let programs = workspace.metadata()?.target_directory.join("release");
    let programs = programs.into_std_path_buf();
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    let mut failed = 0;
    for part in parts {
        println!("== {}", part.name());
        match measure(workspace, part, origin, &programs, &folder, &logs) {
            Ok(results) => results.save(&folder)?,
            Err(error) => {
                failed += 1;
                println!(
                    "FAIL  {}: {error:#} (logs: {})",
                    part.name(),
                    logs.display()
                );
            }
        }
    }
    report::write(&document, &folder)?;
    if failed > 0 {
        bail!("{failed} parts could not be measured; their old figures stand");
    }
    println!("docs/benchmarks.md holds the new figures.");
    Ok(ExitCode::SUCCESS)
}

fn measure(
    workspace: &Workspace,
    part: Part,
    origin: Programs,
    programs: &Path,
    folder: &Path,
    logs: &Path,
) -> anyhow::Result<Results> {
    // Its end, however it comes about, is the end of all that the part started.
    let scratch = Scratch::create()?;
    let built = Built {
        executables: Vec::new(),
        programs: Vec::new(),
        program_folder: programs.to_path_buf(),
    };
    let bench = Bench {
        environment: Environment::of(workspace, &built, &scratch, logs),
        folder: folder.to_path_buf(),
    };
    let conditions = Conditions::await_quiet(workspace, origin)?;
    let figures = part.measure(&bench)?;
    Ok(Results {
        part: part.name().to_owned(),
        conditions,
        figures,
    })
}

/// Builds the programs as they are released, as far as the parts need them.
fn build(workspace: &Workspace, parts: &[Part]) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--locked"]);
    let programs: &[&str] = match parts {
        [Part::Flows | Part::Doctor] => &["garrison-flows"],
        _ => &PROGRAMS,
    };
    for program in programs {
        command.args(["--package", program, "--bin", program]);
    }
    if parts.contains(&Part::Doctor) {
        command.args(["--package", "system-tests", "--example", doctor::LABORATORY]);
    }
    if parts.contains(&Part::Peers(peers::Row::Memory)) {
        command.args(["--package", "sandbox", "--example", "pool_memory"]);
    }
    if !command.status().context("cargo build")?.success() {
        bail!("the build failed; cargo's messages stand above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_by_name_and_all_of_them_without_one() {
        assert_eq!(Part::choose(&[]).unwrap(), Part::OWN);
        assert_eq!(Part::choose(&["load"]).unwrap(), [Part::Load]);
        let error = Part::choose(&["laod"]).unwrap_err().to_string();
        assert!(
            error.contains("expected start, idle, load, scan, flows, doctor, scan-load"),
            "{error}"
        );
    }
}
