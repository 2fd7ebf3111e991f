//! The run's own folder, and a child that cleans up after a run that was killed.
//!
//! Tests run in process groups of their own, so a Ctrl-C in the terminal ends
//! the runner and not them. The guardian holds a pipe from the runner: when the
//! pipe closes, however the runner ended, it kills what bears the run's mark and
//! removes the folder.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use tempfile::TempDir;

use super::leftovers;

const PREFIX: &str = "garrison-test-";

/// A folder for one run, and the guardian that outlives the run by a moment.
pub(crate) struct Scratch {
    folder: Option<TempDir>,
    run: String,
    guardian: Child,
}

impl Scratch {
    pub(crate) fn create() -> anyhow::Result<Scratch> {
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .context("a temporary folder")?;
        let name = folder.path().file_name().unwrap_or_default();
        let run = name.to_string_lossy().into_owned();
        // The build may have put a new xtask in this one's place; this link holds what runs.
        let guardian = Command::new("/proc/self/exe")
            .args(["guard", &run])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("the guardian of the test run")?;
        Ok(Scratch {
            folder: Some(folder),
            run,
            guardian,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// A name that no other run has.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.folder.take());
        drop(self.guardian.stdin.take());
        // It ends as soon as it has looked once; should it fail, the run is over all the same.
        let _ = self.guardian.wait();
    }
}

/// Waits for standard input to close, then cleans up.
pub(crate) fn guard(run: &str, folder: &Path) -> anyhow::Result<ExitCode> {
    let named_so = folder.file_name().is_some_and(|name| name == run);
    if !run.starts_with(PREFIX) || !named_so {
        bail!(
            "guard: expected a run and its folder, came {run:?} and {}",
            folder.display()
        );
    }
    let mut rest = Vec::new();
    std::io::stdin()
        .take(1 << 16)
        .read_to_end(&mut rest)
        .context("standard input")?;
    for process in leftovers::marked(&format!("{run}/")) {
        leftovers::kill(&process);
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guardian_touches_no_folder_of_another_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(guard("garrison-test-x", folder.path()).is_err());
        assert!(guard("", folder.path()).is_err());
        assert!(folder.path().exists());
    }
}
