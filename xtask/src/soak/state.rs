//! How far a proof has come, in build/soak/NAME.json.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// What was proved; another commit starts from nothing.
    pub(super) commit: String,
    pub(super) rounds: u64,
    pub(super) seconds: u64,
    pub(super) counts: BTreeMap<String, u64>,
}

impl State {
    fn new(commit: &str) -> State {
        State {
            commit: commit.to_owned(),
            rounds: 0,
            seconds: 0,
            counts: BTreeMap::new(),
        }
    }

    /// The state at this commit, or a new one.
    pub(super) fn load(folder: &Path, name: &str, commit: &str) -> anyhow::Result<State> {
        let path = folder.join(format!("{name}.json"));
        if !path.exists() {
            return Ok(State::new(commit));
        }
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let state: State = serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; remove it to start over", path.display()))?;
        Ok(if state.commit == commit {
            state
        } else {
            State::new(commit)
        })
    }

    pub(super) fn add(&mut self, counts: &[(String, u64)], took: Duration) {
        self.rounds += 1;
        self.seconds += took.as_secs();
        for (what, number) in counts {
            *self.counts.entry(what.clone()).or_default() += number;
        }
    }

    /// Written beside and renamed, so that a stopped run leaves the old or the new.
    pub(super) fn save(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        let path = folder.join(format!("{name}.json"));
        let beside = folder.join(format!("{name}.json.new"));
        let text = serde_json::to_string_pretty(self).context("a soak state")?;
        std::fs::write(&beside, text).with_context(|| beside.display().to_string())?;
        std::fs::rename(&beside, &path).with_context(|| path.display().to_string())
    }
}

/// The checkout's commit, with a `+` where files differ from it.
pub(super) fn commit(workspace: &Workspace) -> anyhow::Result<String> {
    let git = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&workspace.root)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("git {}", arguments.join(" ")))?;
        anyhow::ensure!(
            output.status.success(),
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    // The report itself changes with every proof that holds.
    let changed = git(&["status", "--porcelain", "--", ".", ":(exclude)docs/soak.md"])?;
    Ok(if changed.is_empty() {
        head
    } else {
        format!("{head}+")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_proof_goes_on_at_the_same_commit_and_starts_over_at_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::load(folder.path(), "proof", "one").unwrap();
        state.add(&[("events".to_owned(), 5)], Duration::from_secs(3));
        state.add(&[("events".to_owned(), 6)], Duration::from_secs(4));
        state.save(folder.path(), "proof").unwrap();

        let resumed = State::load(folder.path(), "proof", "one").unwrap();
        assert_eq!(resumed, state);
        assert_eq!(
            (resumed.rounds, resumed.seconds, resumed.counts["events"]),
            (2, 7, 11)
        );
        assert_eq!(
            State::load(folder.path(), "proof", "two").unwrap().rounds,
            0
        );
    }

    #[test]
    fn a_damaged_state_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("proof.json"), "{").unwrap();
        let error = State::load(folder.path(), "proof", "one").unwrap_err();
        assert!(error.to_string().contains("remove it"));
    }
}
