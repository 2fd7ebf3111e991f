//! `cargo xtask soak`: the long proofs in full, round by round.
//!
//! After each round the state is written, so a stopped run goes on where it
//! was, as long as the commit is the same. A proof that came through all its
//! rounds gets its row in docs/soak.md.

mod proof;
mod report;
mod state;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::fuzz;
use crate::test::{Environment, Executable, Limit, Profile, Scratch, Selection, build, run_once};
use crate::workspace::Workspace;
use proof::Proof;
use state::State;

/// Set for a test that shall run in full.
const SOAK: &str = "GARRISON_SOAK";
const ROUND: &str = "GARRISON_SOAK_ROUND";
const LOG: &str = "GARRISON_SOAK_LOG";
const FOLDER: &str = "GARRISON_SOAK_FOLDER";

/// In the place of a proof's name: a share of fuzzing for each target.
const FUZZ: &str = "fuzz";

pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> anyhow::Result<ExitCode> {
    let own: Vec<&str> = names.iter().copied().filter(|name| *name != FUZZ).collect();
    let mut code = ExitCode::SUCCESS;
    if names.is_empty() || !own.is_empty() {
        code = prove_all(workspace, &own)?;
    }
    // It has a ledger of its own and no last round: each call adds a share.
    if names.is_empty() || own.len() < names.len() {
        let fuzzed = fuzz::run(workspace, &[])?;
        if code == ExitCode::SUCCESS {
            code = fuzzed;
        }
    }
    Ok(code)
}

fn prove_all(workspace: &Workspace, names: &[&str]) -> anyhow::Result<ExitCode> {
    let proofs = proof::choose(proof::all()?, names)?;
    if proofs.is_empty() {
        println!("No long proof is registered in xtask/soak.toml yet.");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = workspace.build_folder().join("soak");
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    let mut failed = 0;
    for proof in &proofs {
        if let Err(error) = prove(workspace, proof, &folder, &logs) {
            failed += 1;
            println!("FAIL  {}: {error:#}", proof.name);
        }
    }
    println!("{} proofs held, {failed} failed", proofs.len() - failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn prove(workspace: &Workspace, proof: &Proof, folder: &Path, logs: &Path) -> anyhow::Result<()> {
    let commit = state::commit(workspace)?;
    let mut state = State::load(folder, &proof.name, &commit)?;
    if state.rounds > 0 {
        println!(
            "{}: {} of {} rounds are done at {commit}",
            proof.name, state.rounds, proof.rounds
        );
    }
    let scratch = Scratch::create()?;
    let built = build(
        workspace,
        &Selection::of_package(&proof.package),
        Profile::Release,
    )?;
    let executable = built
        .executables
        .iter()
        .find(|executable| executable.label == proof.executable)
        .with_context(|| {
            let labels: Vec<&str> = built
                .executables
                .iter()
                .map(|executable| executable.label.as_str())
                .collect();
            format!(
                "package {} has no test executable {:?}, but {}",
                proof.package,
                proof.executable,
                labels.join(", ")
            )
        })?;
    let mut prepared = folder.join("prepared");
    if let Some(program) = &proof.prepare {
        // Proofs with the same program share what it fetched.
        prepared.extend(Path::new(program).file_name());
        prepare(&workspace.root.join(program), &prepared)?;
    }
    let environment = Environment::of(workspace, &built, &scratch, logs);
    while state.rounds < proof.rounds {
        let round = state.rounds + 1;
        let (counts, took) = one_round(proof, executable, &environment, &prepared, round)?;
        state.add(&counts, took);
        state.save(folder, &proof.name)?;
        println!(
            "ok    {} round {round} of {} in {:.1} s",
            proof.name,
            proof.rounds,
            took.as_secs_f64()
        );
    }
    report::write(&workspace.root.join("docs/soak.md"), &proof.name, &state)
}

/// Has a program of the tree fill a folder that the rounds are told of. It may reach the network,
/// which tests never do.
fn prepare(program: &Path, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let status = Command::new(program)
        .arg(folder)
        .stdin(Stdio::null())
        .status()
        .with_context(|| program.display().to_string())?;
    if !status.success() {
        bail!("{} ended with {status}", program.display());
    }
    Ok(())
}

fn one_round(
    proof: &Proof,
    executable: &Executable,
    environment: &Environment,
    prepared: &Path,
    round: u64,
) -> anyhow::Result<(Vec<(String, u64)>, Duration)> {
    let mut command = Command::new(&executable.path);
    command
        .args([
            "--color",
            "never",
            "--exact",
            "--include-ignored",
            &proof.test,
        ])
        .current_dir(&executable.folder);
    let counts = environment.scratch.join(format!("counts-{round}"));
    let limit = Limit(Duration::from_secs(proof.minutes * 60));
    let ended = run_once(&mut command, &proof.name, environment, limit, |command| {
        command
            .env(SOAK, "full")
            .env(ROUND, round.to_string())
            .env(LOG, &counts);
        if proof.prepare.is_some() {
            command.env(FOLDER, prepared);
        }
    })?;
    let log = environment.logs.join(format!("{}.log", proof.name));
    let Some(status) = ended.status else {
        bail!(
            "round {round} was not done after {} minutes; see {}",
            proof.minutes,
            log.display()
        );
    };
    if !status.success() || !ended.output.contains("test result: ok. 1 passed") {
        bail!(
            "round {round} failed, or ran no test named {}; see {}",
            proof.test,
            log.display()
        );
    }
    if let Some(line) = ended.skip_log.lines().next() {
        bail!("round {round}: {line}");
    }
    if let Some(process) = ended.leftovers.first() {
        bail!(
            "round {round} left process {} ({}) running",
            process.id,
            process.command
        );
    }
    let text = if counts.exists() {
        std::fs::read_to_string(&counts).context("the counts of a round")?
    } else {
        String::new()
    };
    Ok((proof::counts(&text)?, ended.took))
}
