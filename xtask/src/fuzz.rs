//! `cargo xtask fuzz`: libFuzzer over the targets of the crate `fuzz`, each for its share of CPU
//! time.
//!
//! The program is built with the stable compiler; `fuzz/rustc` gives the crates that read what
//! others wrote their counters, and libFuzzer comes with libfuzzer-sys. What was found interesting
//! is kept under target/fuzz/corpus, and docs/fuzz.md adds up what each target has had.

mod ledger;
mod session;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::workspace::Workspace;
use ledger::Ledger;
use session::{Ending, Session};

/// CPU time of one target in one call.
const SHARE: Duration = Duration::from_secs(15 * 60);

/// What a call asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    /// None: all of them.
    targets: Vec<String>,
    share: Duration,
    others: Others,
}

/// How what is not ours is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// Optimised, and the readers among them with counters, below target/fuzz.
    Quick,
    /// As `cargo xtask test` has compiled them already: ready sooner, but slower.
    AsTested,
}

impl Wish {
    fn parse(words: &[&str]) -> anyhow::Result<Wish> {
        let mut wish = Wish {
            targets: Vec::new(),
            share: SHARE,
            others: Others::Quick,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if *word == "--seconds" {
                let number = words.next().and_then(|number| number.parse().ok());
                let seconds = number.context("--seconds: expected a number of CPU-seconds")?;
                wish.share = Duration::from_secs(seconds);
            } else if *word == "--as-tested" {
                wish.others = Others::AsTested;
            } else if word.starts_with('-') {
                bail!(
                    "expected the names of targets, --seconds NUMBER and --as-tested, came {word:?}"
                );
            } else {
                wish.targets.push((*word).to_owned());
            }
        }
        Ok(wish)
    }
}

/// A target as its program lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    name: String,
    most_bytes: u64,
}

pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> anyhow::Result<ExitCode> {
    let wish = Wish::parse(words)?;
    let folder = workspace.root.join("target/fuzz");
    let program = build(workspace, &folder, wish.others)?;
    let paper = workspace.root.join("docs/fuzz.md");
    let all = list(&program)?;
    let mut chosen = choose(&all, &wish.targets)?;
    // Who had the least so far comes first, so that a run can be stopped at any time.
    if wish.targets.is_empty() {
        let ledger = Ledger::read(&paper)?;
        chosen.sort_by_key(|target| ledger.cpu_seconds(&target.name));
    }
    let mut failed = 0;
    for target in &chosen {
        let session = Session {
            program: &program,
            folder: &folder,
            target,
            share: wish.share,
        };
        let outcome = session.run()?;
        // Read again: another call may have written to it.
        let mut ledger = Ledger::read(&paper)?;
        ledger.add(&target.name, &outcome);
        ledger.write(&paper)?;
        let (seconds, runs) = (outcome.cpu.as_secs(), outcome.runs);
        match &outcome.ending {
            Ending::Whole => println!(
                "ok    {}: {runs} runs in {seconds} CPU-seconds",
                target.name
            ),
            Ending::Found(what) => {
                failed += 1;
                println!(
                    "FAIL  {}: {what}, after {runs} runs in {seconds} CPU-seconds",
                    target.name
                );
            }
        }
    }
    println!("{} targets held, {failed} failed", chosen.len() - failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn build(workspace: &Workspace, folder: &Path, others: Others) -> anyhow::Result<PathBuf> {
    let wrapper = workspace.root.join("fuzz/rustc");
    let mut cargo = workspace.cargo();
    // All features of the workspace, as the test runner has them.
    cargo
        .args(["build", "--locked", "--workspace", "--bin", "fuzz-target"])
        .args(["--features", "fuzz/libfuzzer"])
        .env("CARGO_INCREMENTAL", "0");
    let program = match others {
        Others::Quick => {
            cargo
                .args(["--profile", "fuzz", "--target-dir"])
                .arg(folder);
            cargo.env("RUSTC_WRAPPER", wrapper);
            folder.join("fuzz/fuzz-target")
        }
        Others::AsTested => {
            cargo.env("RUSTC_WORKSPACE_WRAPPER", wrapper);
            workspace.root.join("target/debug/fuzz-target")
        }
    };
    let status = cargo.status().context("cargo build")?;
    if !status.success() {
        bail!("the build failed; cargo's messages stand above");
    }
    Ok(program)
}

fn list(program: &Path) -> anyhow::Result<Vec<Target>> {
    let output = Command::new(program)
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.display().to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let targets = text.lines().map(|line| {
        let (name, most_bytes) = line.split_once(' ')?;
        Some(Target {
            name: name.to_owned(),
            most_bytes: most_bytes.parse().ok()?,
        })
    });
    targets
        .collect::<Option<Vec<Target>>>()
        .filter(|targets| !targets.is_empty())
        .with_context(|| {
            format!(
                "{}: expected lines of a name and a number, came {text:?}",
                program.display()
            )
        })
}

fn choose(all: &[Target], names: &[String]) -> anyhow::Result<Vec<Target>> {
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let known = all.iter().find(|target| target.name == *name);
            known.cloned().with_context(|| {
                let known: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
                format!("{name:?} is no target; there are: {}", known.join(", "))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_a_share_are_read_and_anything_else_refused() {
        let wish = Wish::parse(&["pe", "--seconds", "60", "ldb"]).unwrap();
        assert_eq!(wish.targets, ["pe", "ldb"]);
        assert_eq!(wish.share, Duration::from_secs(60));
        assert_eq!(wish.others, Others::Quick);
        assert_eq!(Wish::parse(&[]).unwrap().share, SHARE);
        let tested = Wish::parse(&["--as-tested"]).unwrap();
        assert_eq!(tested.others, Others::AsTested);
        assert!(Wish::parse(&["--seconds"]).is_err());
        assert!(Wish::parse(&["--forever"]).is_err());
    }

    #[test]
    fn an_unknown_target_is_refused_with_those_that_there_are() {
        let all = [Target {
            name: "pe".to_owned(),
            most_bytes: 1,
        }];
        assert_eq!(choose(&all, &[]).unwrap(), all);
        let error = choose(&all, &["elf".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("there are: pe"));
    }
}
