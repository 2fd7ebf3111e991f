//! The console in a real browser: `node tests/browser/run.mjs`, which prints
//! `PASS name`, `FAIL name: why` and `SKIPPED: name: reason`, one a line.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::environment::Environment;
use super::run::{self, Ended, Limit};
use super::tally::{Outcome, Skip, Tally};
use crate::workspace::Workspace;

const LABEL: &str = "browser";

pub(super) fn run(
    workspace: &Workspace,
    environment: &Environment,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let folder = workspace.root.join("tests/browser");
    if !folder.join("run.mjs").is_file() {
        return Ok(());
    }
    let without = std::env::var("GARRISON_TEST_WITHOUT").unwrap_or_default();
    if without.split_whitespace().any(|part| part == LABEL) {
        tally.skip_part(LABEL, "left out by WITHOUT=browser");
        return Ok(());
    }
    for (program, package) in [("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium")] {
        if !is_installed(program) {
            tally.skip_part(
                LABEL,
                &format!("no {program} on this machine (Debian package {package})"),
            );
            return Ok(());
        }
    }
    if let Err(error) = install(&folder) {
        let mut outcome = Outcome {
            label: LABEL.to_owned(),
            ..Outcome::default()
        };
        outcome.fail("npm ci", format!("{error:#}"));
        tally.add(outcome);
        return Ok(());
    }
    let screenshots = workspace.build_folder().join("screenshots");
    std::fs::create_dir_all(&screenshots).with_context(|| screenshots.display().to_string())?;
    let mut command = Command::new("node");
    command.arg("run.mjs").current_dir(&folder);
    let ended = run::run_once(&mut command, LABEL, environment, Limit::TEST, |command| {
        command.env("GARRISON_SCREENSHOT_DIR", &screenshots);
    });
    tally.add(judge(ended));
    Ok(())
}

/// Asks the machine's own search path.
fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Brings the pinned packages, unless they are there.
fn install(folder: &Path) -> anyhow::Result<()> {
    if installed_version(&folder.join("node_modules/.package-lock.json")).is_some_and(|installed| {
        Some(installed) == installed_version(&folder.join("package-lock.json"))
    }) {
        return Ok(());
    }
    let output = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(folder)
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .stdin(Stdio::null())
        .output()
        .context("npm ci")?;
    if !output.status.success() {
        anyhow::bail!(
            "npm ci in tests/browser: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Playwright's version in a lock file, the installed one's or ours.
fn installed_version(lock: &Path) -> Option<String> {
    let text = std::fs::read_to_string(lock).ok()?;
    let lock: serde_json::Value = serde_json::from_str(&text).ok()?;
    let version = lock
        .get("packages")?
        .get("node_modules/playwright-core")?
        .get("version")?;
    version.as_str().map(str::to_owned)
}

fn judge(ended: anyhow::Result<Ended>) -> Outcome {
    let mut outcome = Outcome {
        label: LABEL.to_owned(),
        ..Outcome::default()
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            outcome.fail(LABEL, format!("{error:#}"));
            return outcome;
        }
    };
    for line in ended.output.lines() {
        if line.starts_with("PASS ") {
            outcome.passed += 1;
        } else if let Some(failure) = line.strip_prefix("FAIL ") {
            let (name, why) = failure.split_once(": ").unwrap_or((failure, "failed"));
            outcome.fail(name, why.to_owned());
        } else if line.starts_with("SKIPPED: ") {
            let reason = line.trim_start_matches("SKIPPED: ").to_owned();
            outcome.skips.push(Skip::parse(line).unwrap_or(Skip {
                name: LABEL.to_owned(),
                reason,
            }));
        }
    }
    match ended.status {
        None => outcome.fail(
            LABEL,
            format!("not done after {} s; killed", Limit::TEST.0.as_secs()),
        ),
        Some(status) if !status.success() && outcome.failures.is_empty() => {
            outcome.fail(LABEL, format!("ended ({status}) and named no failure"));
        }
        Some(_) if outcome.passed + outcome.failures.len() + outcome.skips.len() == 0 => {
            outcome.fail(
                LABEL,
                "printed no result; expected PASS, FAIL or SKIPPED lines".to_owned(),
            );
        }
        Some(_) => {}
    }
    outcome.finish(&ended);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    fn outcome(code: i32, output: &str) -> Outcome {
        judge(Ok(Ended {
            status: Some(ExitStatus::from_raw(code << 8)),
            leftovers: Vec::new(),
            took: Duration::ZERO,
            output: output.to_owned(),
            skip_log: String::new(),
        }))
    }

    #[test]
    fn each_result_line_is_counted() {
        let outcome = outcome(
            1,
            "PASS sign in\nnoise\nFAIL scan: no detection: after 20 s\nSKIPPED: dark: no reason to run\n",
        );
        assert_eq!((outcome.passed, outcome.skips.len()), (1, 1));
        assert_eq!(outcome.failures[0].name, "scan");
        assert_eq!(outcome.failures[0].why, "no detection: after 20 s");
    }

    #[test]
    fn silence_is_a_failure() {
        assert_eq!(outcome(0, "").failures.len(), 1);
    }

    #[test]
    fn a_bad_end_without_a_failed_line_is_a_failure() {
        assert_eq!(outcome(1, "PASS sign in\n").failures.len(), 1);
    }
}
