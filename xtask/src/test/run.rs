//! Runs one child to its end, or to its limit, and looks what it left behind.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::build::Executable;
use super::environment::{Environment, Identity};
use super::leftovers::{self, Process};
use super::libtest;
use super::tally::Outcome;

/// How long a child may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) Duration);

impl Limit {
    /// For everything in `make test`.
    pub(crate) const TEST: Limit = Limit(Duration::from_secs(600));
}

const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// What is shown of a failed child's output, from its end; its log holds it all.
const SHOWN_BYTES: u64 = 64 << 10;
/// What is read of an output to count results, from its end.
const READ_BYTES: u64 = 32 << 20;

/// What came of one child.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` where it ran out of time and was killed.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) leftovers: Vec<Process>,
    pub(crate) took: Duration,
    pub(crate) output: String,
    pub(crate) skip_log: String,
}

/// Runs a test executable and judges it.
pub(super) fn executable(executable: &Executable, environment: &Environment) -> Outcome {
    let mut command = Command::new(&executable.path);
    command
        .args(["--color", "never"])
        .current_dir(&executable.folder);
    let ended = run_once(
        &mut command,
        &executable.label,
        environment,
        Limit::TEST,
        |_| {},
    );
    judge(
        format!("{}{}", executable.label, environment.suffix()),
        ended,
        Limit::TEST,
    )
}

/// Turns the end of a child that prints as the standard harness does into an outcome.
pub(super) fn judge(label: String, ended: anyhow::Result<Ended>, limit: Limit) -> Outcome {
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            let mut outcome = Outcome {
                label: label.clone(),
                ..Outcome::default()
            };
            outcome.fail(&label, format!("{error:#}"));
            return outcome;
        }
    };
    let report = libtest::parse(&ended.output);
    let (complete, unexplained) = (report.complete, report.failed.is_empty());
    let mut outcome = Outcome::of(label.clone(), report, &ended.skip_log);
    match ended.status {
        None => outcome.fail(
            &label,
            format!("not done after {} s; killed", limit.0.as_secs()),
        ),
        Some(status) if !complete => {
            outcome.fail(&label, format!("ended ({status}) before its summary line"));
        }
        Some(status) if !status.success() && unexplained => {
            outcome.fail(&label, format!("ended ({status}) though no test failed"));
        }
        Some(_) => {}
    }
    outcome.finish(&ended);
    outcome
}

impl Outcome {
    /// Adds what every kind of child is judged by.
    pub(super) fn finish(&mut self, ended: &Ended) {
        for process in &ended.leftovers {
            self.fail(
                "leftover",
                format!(
                    "process {} ({}) was still running; killed",
                    process.id, process.command
                ),
            );
        }
        self.took = ended.took;
        let shown = usize::try_from(SHOWN_BYTES).unwrap_or(usize::MAX);
        let mut from = ended.output.len().saturating_sub(shown);
        while !ended.output.is_char_boundary(from) {
            from += 1;
        }
        self.output = ended.output.get(from..).unwrap_or_default().to_owned();
    }
}

/// Runs a child with a test's environment; `adjust` has the last word on it.
pub(crate) fn run_once(
    command: &mut Command,
    label: &str,
    environment: &Environment,
    limit: Limit,
    adjust: impl FnOnce(&mut Command),
) -> anyhow::Result<Ended> {
    let home = own_folder(label, environment)?;
    let name = format!("{label}{}.log", environment.suffix().replace(' ', "-"));
    let log = environment.logs.join(name);
    let writer = File::create(&log).with_context(|| log.display().to_string())?;
    let second = writer
        .try_clone()
        .with_context(|| log.display().to_string())?;
    environment.apply(command, label, &home);
    adjust(command);
    command.stdout(writer).stderr(second).process_group(0);
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| {
        format!(
            "{} can't be started",
            command.get_program().to_string_lossy()
        )
    })?;
    let group = child.id();
    let status = loop {
        if let Some(status) = child.try_wait().context("waiting for a child")? {
            break Some(status);
        }
        if begun.elapsed() >= limit.0 {
            leftovers::kill_group(group);
            child.wait().context("waiting for a child")?;
            break None;
        }
        std::thread::sleep(LOOK_AGAIN);
    };
    let took = begun.elapsed();
    let mut leftovers = leftovers::sweep(group, &environment.mark(label));
    if status.is_none() {
        // Its children had no chance to be ended by it: the one failure is enough.
        leftovers.clear();
    }
    let skip_log = home.join("skipped");
    let skip_log = if skip_log.exists() {
        end_of(&skip_log, READ_BYTES)?
    } else {
        String::new()
    };
    let output = end_of(&log, READ_BYTES)?;
    std::fs::remove_dir_all(&home).with_context(|| home.display().to_string())?;
    Ok(Ended {
        status,
        leftovers,
        took,
        output,
        skip_log,
    })
}

/// A folder for this child alone, short enough for the paths of Unix sockets.
fn own_folder(label: &str, environment: &Environment) -> anyhow::Result<PathBuf> {
    let home = tempfile::Builder::new()
        .prefix("t")
        .rand_bytes(5)
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(&environment.scratch)
        .with_context(|| format!("a folder for {label} in {}", environment.scratch.display()))?
        .keep();
    if let Identity::Nobody { user, group } = environment.identity {
        std::os::unix::fs::chown(&home, Some(user), Some(group))
            .with_context(|| home.display().to_string())?;
    }
    Ok(home)
}

fn end_of(path: &Path, bytes: u64) -> anyhow::Result<String> {
    let context = || path.display().to_string();
    let mut file = File::open(path).with_context(context)?;
    let length = file.metadata().with_context(context)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))
        .with_context(context)?;
    let mut read = Vec::new();
    file.take(bytes)
        .read_to_end(&mut read)
        .with_context(context)?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::environment::inside_own_run;
    use super::*;

    fn environment(folder: &Path) -> Environment {
        Environment {
            identity: Identity::Caller,
            run: inside_own_run(&folder.file_name().unwrap().to_string_lossy()),
            scratch: folder.to_path_buf(),
            logs: folder.to_path_buf(),
            programs: folder.to_path_buf(),
            sources: folder.to_path_buf(),
            corpus: None,
        }
    }

    fn outcome(script: &str, limit: Limit) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ended = run_once(
            &mut command,
            "child",
            &environment(folder.path()),
            limit,
            |_| {},
        );
        judge("child".to_owned(), ended, limit)
    }

    const SUMMARY: &str =
        "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";

    #[test]
    fn a_child_that_ends_well_passes() {
        let outcome = outcome(SUMMARY, Limit::TEST);
        assert_eq!((outcome.passed, outcome.failures.len()), (2, 0));
    }

    #[test]
    fn a_child_that_dies_before_its_summary_fails() {
        let outcome = outcome("kill -SEGV $$", Limit::TEST);
        assert_eq!(outcome.failures.len(), 1);
        assert!(outcome.failures[0].why.contains("before its summary line"));
    }

    #[test]
    fn a_child_that_fails_without_a_failed_test_fails() {
        assert_eq!(
            outcome(&format!("{SUMMARY}; exit 3"), Limit::TEST)
                .failures
                .len(),
            1
        );
    }

    #[test]
    fn a_child_that_hangs_is_killed_at_its_limit() {
        let outcome = outcome("sleep 600", Limit(Duration::from_millis(200)));
        assert_eq!(outcome.failures.len(), 1);
        assert!(outcome.failures[0].why.contains("killed"));
    }

    #[test]
    fn a_leftover_of_a_child_is_a_failure_and_is_killed() {
        let outcome = outcome(&format!("setsid sleep 600 & {SUMMARY}"), Limit::TEST);
        assert_eq!(outcome.failures.len(), 1);
        assert!(
            outcome.failures[0]
                .why
                .contains("(sleep) was still running"),
            "{:?}",
            outcome.failures
        );
    }

    #[test]
    fn a_skip_line_of_a_child_is_counted() {
        let outcome = outcome(
            &format!("echo 'SKIPPED: one: no root' >>$GARRISON_SKIP_LOG; {SUMMARY}"),
            Limit::TEST,
        );
        assert_eq!((outcome.passed, outcome.skips.len()), (1, 1));
    }

    #[test]
    fn a_child_gets_no_input_and_no_proxy() {
        let outcome = outcome(
            &format!("read line && exit 9; [ -z \"$HTTPS_PROXY\" ] || exit 8; {SUMMARY}"),
            Limit::TEST,
        );
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    }
}
