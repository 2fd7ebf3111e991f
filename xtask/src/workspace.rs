//! Where the workspace is, what cargo says of it, and which files git would commit.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// The folder that holds the root `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
}

impl Workspace {
    /// Finds the workspace of the folder that cargo was called in.
    pub(crate) fn find() -> anyhow::Result<Workspace> {
        let from = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let root = from
            .parent()
            .context("xtask has no parent folder")?
            .to_path_buf();
        if !root.join("Cargo.toml").is_file() {
            bail!(
                "{} holds no Cargo.toml: xtask was built in a folder that has moved; build it again",
                root.display()
            );
        }
        Ok(Workspace { root })
    }

    /// The folder for what a run leaves behind: logs, summaries, states.
    pub(crate) fn build_folder(&self) -> PathBuf {
        self.root.join("build")
    }

    /// cargo, without the variables that `cargo run` hands to xtask and that
    /// would be mistaken for those of another package.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_")
                || text.starts_with("CARGO_MANIFEST_")
                || text == "LD_LIBRARY_PATH"
            {
                command.env_remove(&name);
            }
        }
        command
    }

    /// What `cargo metadata` says, for the machine it runs on; with what fuzzing programs alone link.
    pub(crate) fn metadata(&self) -> anyhow::Result<Metadata> {
        MetadataCommand::new()
            .cargo_path("cargo")
            .manifest_path(self.root.join("Cargo.toml"))
            .other_options(vec![
                "--locked".to_owned(),
                "--filter-platform".to_owned(),
                host()?,
                "--features".to_owned(),
                "fuzz/libfuzzer".to_owned(),
            ])
            .exec()
            .context("cargo metadata --locked (if Cargo.lock is behind, run `cargo metadata` once and commit it)")
    }

    /// Paths, relative to the root, that git tracks or would add. Deleted ones are left out.
    pub(crate) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .output()
            .context("git ls-files (the check looks at what git tracks: install git)")?;
        if !output.status.success() {
            bail!(
                "git ls-files in {}: {} (expected a git checkout)",
                self.root.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let mut files: Vec<PathBuf> = output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| PathBuf::from(OsString::from_vec(name.to_vec())))
            .filter(|path| is_plain_file(&self.root.join(path)))
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }
}

fn is_plain_file(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file())
}

/// The target triple that rustc compiles for by default.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .stdin(Stdio::null())
        .output()
        .context("rustc -vV")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc -vV names no host")
}
