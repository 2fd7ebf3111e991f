//! The rows about ClamAV's signatures.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};

use super::clam::{Clamd, clamscan};
use super::files::{self, Kind};
use super::used::{run, run_short};
use super::{Peers, signatures};
use crate::bench::figure::Figure;

/// Runs of each side, in turns.
const REPEATS: usize = 5;
/// Runs of each kind where two figures of nearly one size are compared: what else the machine does
/// changes each by a tenth and more.
const CLOSE_REPEATS: usize = 15;
/// Exit codes of a scan: nothing found, something found, something not wholly scanned.
const SCANNED: &[i32] = &[0, 1, 2];

/// From the start of a fresh process to the verdict on one small file.
pub(super) fn load(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let large = signatures::large(peers)?;
    let definitions = peers.definitions("large", std::slice::from_ref(&large))?;
    let file = small_file(peers)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ours.push(run_short(|| peers.scan(&definitions, 1, &[&file]))?.cpu);
        theirs.push(clamscan(&large, &file)?.cpu);
    }
    Ok(vec![
        Figure::new(
            "garrison-agent scan, 8.6 million signatures, one small file",
            "ms CPU",
            thousand(&ours),
        ),
        Figure::new("clamscan, the same", "s CPU", theirs.clone()),
        Figure::new(
            "load to first verdict: clamscan's CPU against Garrison's",
            "times",
            ratios(&theirs, &ours),
        )
        .at_least(200.0),
    ])
}

/// Memory of all processes after every file was scanned.
pub(super) fn memory(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let large = signatures::large(peers)?;
    let rules = super::yara::accepted(peers)?;
    let kinds = files::kinds(peers)?;
    let paths = files::all(&kinds)?;
    let clamd = Clamd::start(peers, &large)?;
    clamd.scan(&paths)?;
    let theirs = clamd.memory()?;
    drop(clamd);
    let mut figures = vec![Figure::new(
        "clamd, 8.6 million signatures",
        "MiB PSS",
        vec![theirs],
    )];
    let mut both = vec![large.clone()];
    both.extend(rules);
    for (label, name, sources, must) in [
        ("8.6 million signatures", "large", vec![large], 12.0),
        ("with YARA rules, two workers", "large-yara", both, 8.0),
    ] {
        let definitions = peers.definitions(name, &sources)?;
        let said = pool_memory(peers, &definitions, &paths)?;
        let values = |what: &str| -> anyhow::Result<Vec<f64>> {
            let lines = said
                .lines()
                .filter_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
            let values = lines.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
            ensure!(!values.is_empty(), "pool_memory said nothing of {what:?}");
            Ok(values)
        };
        let figure = |what: &str, name| -> anyhow::Result<Figure> {
            let name_of_figure = format!("Garrison, {label}: {what}");
            Ok(Figure::new(name_of_figure, "MiB", values(name)?))
        };
        figures.push(figure("PSS as the last file ended", "scanned")?);
        figures.push(figure("PSS when at rest", "resting")?);
        figures.push(
            Figure::new(
                format!("clamd's against Garrison's, {label}: as the last file ended"),
                "times",
                ratios(&[theirs], &values("scanned")?),
            )
            .at_least(must),
        );
        figures
            .push(figure("private memory of one more worker", "worker")?.at_most(3.0, Some(10.0)));
        figures.push(figure("more during a reload", "reload")?.at_most(3.0, Some(10.0)));
    }
    Ok(figures)
}

fn pool_memory(peers: &Peers<'_>, definitions: &Path, paths: &[&Path]) -> anyhow::Result<String> {
    let programs = &peers.bench.environment.programs;
    let mut command = std::process::Command::new(programs.join("examples/pool_memory"));
    command
        .arg(programs.join("garrison-agent"))
        .arg(definitions);
    command
        .arg(peers.key(definitions)?)
        .args(paths)
        .stdin(Stdio::null());
    let output = command.output().context("pool_memory")?;
    ensure!(
        output.status.success(),
        "pool_memory: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Megabytes for each CPU second, by type, with the real signatures.
pub(super) fn speed(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let real = signatures::real(peers)?;
    let mut figures = Vec::new();
    let definitions = peers.definitions("real", std::slice::from_ref(&real))?;
    let clamd = Clamd::start(peers, &real)?;
    for kind in files::kinds(peers)? {
        figures.extend(beside(
            peers,
            &kind,
            &definitions,
            &clamd,
            (kind.must, kind.aim),
        )?);
    }
    Ok(figures)
}

/// The same with a single signature, so that all the rest of a scan is what is compared.
pub(super) fn one(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let one = signatures::one(peers)?;
    let mut figures = Vec::new();
    let definitions = peers.definitions("one", std::slice::from_ref(&one))?;
    let clamd = Clamd::start(peers, &one)?;
    for kind in files::kinds(peers)? {
        figures.extend(beside(peers, &kind, &definitions, &clamd, (1.0, 4.0))?);
    }
    Ok(figures)
}

fn beside(
    peers: &Peers<'_>,
    kind: &Kind,
    definitions: &Path,
    clamd: &Clamd,
    (must, aim): (f64, f64),
) -> anyhow::Result<Vec<Figure>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ours.push(run(peers.scan(definitions, 1, &[&kind.folder])?, SCANNED)?.cpu);
        theirs.push(clamd.scan(&[&kind.folder])?);
    }
    println!("{} measured", kind.name);
    let speed = |seconds: &[f64]| seconds.iter().map(|one| kind.megabytes / one).collect();
    let name = kind.name;
    Ok(vec![
        Figure::new(format!("{name}: Garrison"), "MB/s CPU", speed(&ours)),
        Figure::new(format!("{name}: clamd"), "MB/s CPU", speed(&theirs)),
        Figure::new(
            format!("{name}: Garrison against clamd (aim {aim})"),
            "times",
            ratios(&theirs, &ours),
        )
        .at_least(must),
    ])
}

/// What 8.6 million signatures cost more than the real 268 thousand.
pub(super) fn growth(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let real = peers.definitions("real", &[signatures::real(peers)?])?;
    let large = peers.definitions("large", &[signatures::large(peers)?])?;
    let mut figures = Vec::new();
    for kind in files::kinds(peers)? {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for _ in 0..CLOSE_REPEATS {
            few.push(run(peers.scan(&real, 1, &[&kind.folder])?, SCANNED)?.cpu);
            many.push(run(peers.scan(&large, 1, &[&kind.folder])?, SCANNED)?.cpu);
        }
        let what = format!("{}: 8.6 million signatures against 268 thousand", kind.name);
        figures
            .push(Figure::new(what, "times the CPU", ratios(&many, &few)).at_most(1.1, Some(1.3)));
    }
    Ok(figures)
}

/// Compiling the large set.
pub(super) fn build(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let large: [PathBuf; 1] = [signatures::large(peers)?];
    let output = peers.bench.scratch("compiled.gdef");
    let (mut cpu, mut peak) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let used = run(peers.build(&output, &large)?, &[0])?;
        cpu.push(used.cpu);
        peak.push(used.peak);
    }
    Ok(vec![
        Figure::new("compile 8.6 million signatures", "s CPU", cpu).at_most(8.0, Some(20.0)),
        Figure::new("the same: resident at most", "MiB", peak).at_most(2048.0, None),
    ])
}

/// All files with two jobs and with one.
pub(super) fn cores(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let real = peers.definitions("real", &[signatures::real(peers)?])?;
    let kinds = files::kinds(peers)?;
    let paths = files::all(&kinds)?;
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        one.push(run(peers.scan(&real, 1, &paths)?, SCANNED)?.wall);
        two.push(run(peers.scan(&real, 2, &paths)?, SCANNED)?.wall);
    }
    Ok(vec![
        Figure::new(
            "all files, two jobs against one",
            "times as fast",
            ratios(&one, &two),
        )
        .at_least(1.8),
    ])
}

pub(super) fn small_file(peers: &Peers<'_>) -> anyhow::Result<PathBuf> {
    let path = peers.bench.scratch("small.txt");
    std::fs::write(&path, "one small file\n")?;
    Ok(path)
}

pub(super) fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter()
        .zip(under)
        .map(|(over, under)| over / under.max(1e-6))
        .collect()
}

pub(super) fn thousand(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value * 1000.0).collect()
}
