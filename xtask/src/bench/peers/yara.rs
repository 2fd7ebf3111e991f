//! The row about YARA rules: those of the corpus that YARA itself accepts.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::rows::{ratios, small_file, thousand};
use super::used::{run, run_short};
use super::{Peers, files, signatures};
use crate::bench::figure::Figure;

const REPEATS: usize = 5;
/// What rules expect to be told of a file.
const EXTERNALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// Source files that YARA compiles without an error.
pub(super) fn accepted(peers: &Peers<'_>) -> anyhow::Result<Vec<PathBuf>> {
    let rules = signatures::rules(peers)?;
    let mut sources = Vec::new();
    let mut folders = vec![rules];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yar") {
                let status = with_externals("yarac")
                    .arg("-w")
                    .arg(&path)
                    .arg("/dev/null")
                    .status();
                if status.context("yarac")?.success() {
                    sources.push(path);
                }
            }
        }
    }
    sources.sort();
    Ok(sources)
}

fn with_externals(program: &str) -> Command {
    let mut command = Command::new(program);
    for external in EXTERNALS {
        command.arg("-d").arg(format!("{external}="));
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

pub(super) fn row(peers: &Peers<'_>) -> anyhow::Result<Vec<Figure>> {
    let sources = accepted(peers)?;
    let compiled = peers.folder.join("rules.yarac");
    let mut command = with_externals("yarac");
    command.arg("-w");
    for (number, source) in sources.iter().enumerate() {
        command.arg(format!("n{number}:{}", source.display()));
    }
    let status = command.arg(&compiled).status().context("yarac")?;
    ensure!(status.success(), "yarac: {status}");
    let definitions = peers.definitions("yara", &sources)?;
    let file = small_file(peers)?;
    let mut fresh = Vec::new();
    for _ in 0..REPEATS {
        fresh.push(run_short(|| peers.scan(&definitions, 1, &[&file]))?.cpu);
    }
    let mut figures = vec![
        Figure::new(
            "YARA rules, load to first verdict in a fresh process",
            "ms CPU",
            thousand(&fresh),
        )
        .at_most(20.0, Some(60.0)),
    ];
    let (mut all_ours, mut all_theirs) = (vec![0.0; REPEATS], vec![0.0; REPEATS]);
    for kind in files::kinds(peers)?
        .iter()
        .filter(|kind| kind.name != "archives")
    {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (ours_sum, theirs_sum) in all_ours.iter_mut().zip(&mut all_theirs) {
            let one = run(peers.scan(&definitions, 1, &[&kind.folder])?, &[0, 1, 2])?.cpu;
            let mut yara = with_externals("yara");
            yara.args(["-w", "-p", "1", "-r", "-C"])
                .arg(&compiled)
                .arg(&kind.folder);
            let other = run(yara, &[0])?.cpu;
            ours.push(one);
            theirs.push(other);
            *ours_sum += one;
            *theirs_sum += other;
        }
        println!("{} measured", kind.name);
        let what = format!("YARA rules, {}: Garrison against yara", kind.name);
        figures.push(Figure::new(what, "times the CPU", ratios(&ours, &theirs)));
    }
    let what = "YARA rules, all of these together";
    figures.push(
        Figure::new(what, "times the CPU", ratios(&all_ours, &all_theirs)).at_most(0.5, Some(0.7)),
    );
    Ok(figures)
}
