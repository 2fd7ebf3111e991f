//! `cargo xtask test`: every test there is, and one line that counts them.
//!
//! All executables are built once. Each then runs as a child in a process group
//! of its own, with a time limit, no input and a folder for its files; what it
//! leaves running counts as a failure. As root all of them run a second time as
//! `nobody`. Then come the documentation's examples and the browser.
//!
//! What a child finds in its environment is in `environment.rs`; what its output
//! means is in `libtest.rs`; what is done about children of children is in
//! `leftovers.rs` and `guardian.rs`.

mod browser;
mod build;
mod doctest;
mod environment;
mod guardian;
mod leftovers;
mod libtest;
mod nobody;
mod run;
mod selection;
mod tally;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::Context;

use crate::workspace::Workspace;
pub(crate) use build::{Built, Executable, Profile, build};
pub(crate) use environment::Environment;
pub(crate) use guardian::{Scratch, guard};
pub(crate) use run::{Limit, run_once};
pub(crate) use selection::Selection;
use tally::{Outcome, Tally};

/// Two cores are what a small machine has; each executable runs threads of its own.
const EXECUTABLES_AT_ONCE: usize = 2;

pub(crate) fn run(workspace: &Workspace, selection: &Selection) -> anyhow::Result<ExitCode> {
    let logs = workspace.build_folder().join("test-logs");
    let summary = workspace.build_folder().join("test-summary.txt");
    empty_folder(&logs)?;
    if summary.exists() {
        std::fs::remove_file(&summary).with_context(|| summary.display().to_string())?;
    }

    let mut tally = Tally::default();
    match build(workspace, selection, Profile::Debug) {
        Ok(built) => run_built(workspace, selection, &built, &logs, &mut tally)?,
        Err(error) => tally.fail_part("build", format!("{error:#}")),
    }

    let line = tally.summary();
    std::fs::write(&summary, format!("{line}\n")).with_context(|| summary.display().to_string())?;
    tally.print_details(&logs);
    println!("{line}");
    Ok(if tally.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run_built(
    workspace: &Workspace,
    selection: &Selection,
    built: &Built,
    logs: &Path,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let scratch = Scratch::create()?;
    let environment = Environment::of(workspace, built, &scratch, logs);
    run_all(&built.executables, &environment, tally);
    if selection.is_everything() {
        nobody::run(workspace, built, &environment, tally)?;
        doctest::run(workspace, &environment, tally)?;
        browser::run(workspace, &environment, tally)?;
    }
    Ok(())
}

/// Unit and slice tests, some at once; then whole-system tests, one by one.
fn run_all(executables: &[Executable], environment: &Environment, tally: &mut Tally) {
    let (alone, together): (Vec<&Executable>, Vec<&Executable>) = executables
        .iter()
        .partition(|executable| executable.is_whole_system());
    let queue = Mutex::new(together.into_iter());
    let shared = Mutex::new(tally);
    std::thread::scope(|scope| {
        for _ in 0..EXECUTABLES_AT_ONCE {
            scope.spawn(|| {
                while let Some(executable) = next(&queue) {
                    let outcome = run::executable(executable, environment);
                    record(&shared, outcome);
                }
            });
        }
    });
    for executable in alone {
        let outcome = run::executable(executable, environment);
        record(&shared, outcome);
    }
}

fn next<'a>(queue: &Mutex<impl Iterator<Item = &'a Executable>>) -> Option<&'a Executable> {
    queue.lock().ok()?.next()
}

fn record(tally: &Mutex<&mut Tally>, outcome: Outcome) {
    // A poisoned lock means that another runner thread panicked; its own panic is reported.
    let mut tally = tally
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    tally.add(outcome);
}

fn empty_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}
