//! Builds every test executable and every program in one call of cargo, so that
//! libraries are compiled once, with one set of features.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use cargo_metadata::{Artifact, Message, TargetKind};

use super::Selection;
use crate::workspace::Workspace;

/// A linker that failed gives back what it had written, so more than nothing is left afterwards.
const SCARCE_BYTES: u64 = 1 << 30;
/// `make check` and `make test` together, measured as what `target` holds.
const WHOLE_BUILD_GB: u32 = 6;

/// Optimised or not: what `cargo` calls a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// A test executable.
#[derive(Debug, Clone)]
pub(crate) struct Executable {
    /// `net`, or `net-stages` for an integration test: names its log, unlike any other.
    pub(crate) label: String,
    pub(crate) package: String,
    pub(crate) path: PathBuf,
    /// The package's folder, in which tests run.
    pub(crate) folder: PathBuf,
}

impl Executable {
    /// Whole-system tests start the real programs and want the machine for themselves.
    pub(crate) fn is_whole_system(&self) -> bool {
        self.package == "system-tests"
    }

    fn of(artifact: &Artifact) -> Option<Executable> {
        let path = artifact
            .executable
            .as_ref()
            .filter(|_| artifact.profile.test)?;
        let folder = artifact.manifest_path.parent()?;
        let package = package_name(artifact, folder.as_std_path());
        let target = &artifact.target;
        let label = if target.kind.contains(&TargetKind::Test) {
            format!("{package}-{}", target.name)
        } else if target.name.replace('-', "_") == package.replace('-', "_") {
            // A package may hold a library and a program of one name.
            if target.is_bin() && folder.join("src/lib.rs").exists() {
                format!("{package}-main")
            } else {
                package.clone()
            }
        } else {
            format!("{package}-{}", target.name)
        };
        Some(Executable {
            label,
            package,
            path: path.clone().into_std_path_buf(),
            folder: folder.as_std_path().to_path_buf(),
        })
    }
}

/// cargo's package id ends in `#name@version`, or in `/folder#version` where both are the same.
fn package_name(artifact: &Artifact, folder: &Path) -> String {
    let (_, fragment) = artifact
        .package_id
        .repr
        .rsplit_once('#')
        .unwrap_or_default();
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
    }
}

/// What a disk with this much room has to do with a failed build. A linker without room may be killed
/// in the middle of a word, so that its own messages don't say it.
fn scarce(free: Option<u64>, folder: &Path) -> String {
    match free {
        Some(free) if free < SCARCE_BYTES => format!(
            "; the disk of {} has {} MB left, and a whole build takes about {WHOLE_BUILD_GB} GB: \
             make room there, or move the project to another disk",
            folder.display(),
            free / 1_000_000
        ),
        Some(_) | None => String::new(),
    }
}

fn free_bytes(folder: &Path) -> Option<u64> {
    // cargo makes the folder; without it the one that it would be in is asked.
    let known = folder.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(known).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) executables: Vec<Executable>,
    /// `garrison`, `garrison-agent` and the others.
    pub(crate) programs: Vec<PathBuf>,
    pub(crate) program_folder: PathBuf,
}

pub(crate) fn build(
    workspace: &Workspace,
    selection: &Selection,
    profile: Profile,
) -> anyhow::Result<Built> {
    let mut command = workspace.cargo();
    command
        .args([
            "build",
            "--bins",
            "--tests",
            "--locked",
            "--message-format=json-render-diagnostics",
        ])
        .args(selection.cargo_arguments())
        .stdout(Stdio::piped());
    if profile == Profile::Release {
        command.arg("--release");
    }
    let mut cargo = command.spawn().context("cargo build")?;
    let output = cargo.stdout.take().context("cargo build: no output")?;
    let mut artifacts = Vec::new();
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message.context("cargo build: a message")? {
            artifacts.push(artifact);
        }
    }
    if !cargo.wait().context("cargo build")?.success() {
        let folder = workspace.metadata()?.target_directory.into_std_path_buf();
        bail!(
            "the build failed; cargo's messages stand above{}",
            scarce(free_bytes(&folder), &folder)
        );
    }
    let mut executables: Vec<Executable> = artifacts.iter().filter_map(Executable::of).collect();
    executables.sort_by(|one, other| one.label.cmp(&other.label));
    let mut programs: Vec<PathBuf> = artifacts
        .iter()
        .filter(|artifact| !artifact.profile.test && artifact.target.is_bin())
        .filter_map(|artifact| {
            artifact
                .executable
                .clone()
                .map(|path| path.into_std_path_buf())
        })
        .collect();
    programs.sort();
    let metadata = workspace.metadata()?;
    let program_folder = metadata
        .target_directory
        .into_std_path_buf()
        .join(match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        });
    Ok(Built {
        executables,
        programs,
        program_folder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_build_on_a_full_disk_says_so() {
        let folder = Path::new("/project/target");
        let said = scarce(Some(287_000_000), folder);
        assert!(said.contains("/project/target has 287 MB left"), "{said}");
        assert_eq!(scarce(Some(80_000_000_000), folder), "");
        assert_eq!(scarce(None, folder), "");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_above() {
        let above = tempfile::tempdir().unwrap();
        let free = free_bytes(&above.path().join("target/debug")).unwrap();
        let disk = rustix::fs::statvfs(above.path()).unwrap();
        assert!(free > 0 && free <= disk.f_blocks * disk.f_frsize);
    }
}
