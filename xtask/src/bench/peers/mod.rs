//! Garrison beside ClamAV and YARA over the same files and signatures, in one run: `make
//! bench-scan`.
//!
//! Each row can be taken alone (`make bench-scan ARGS='load yara'`). What rows share (files by type,
//! signatures, compiled definitions) is made once and stays in build/bench/peers. Signatures are
//! those of GARRISON_CORPUS; the large set is made from them (`signatures.rs`), or taken from the
//! folder that GARRISON_BENCH_LARGE names. PE files come from GARRISON_BENCH_PE, if it names a
//! folder, else from this machine like all others (`files.rs`).

mod clam;
mod files;
mod rows;
mod signatures;
mod used;
mod yara;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::Bench;
use super::figure::Figure;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Load,
    Memory,
    Speed,
    Growth,
    One,
    Yara,
    Build,
    Cores,
}

impl Row {
    pub(super) const ALL: [Row; 8] = [
        Row::Load,
        Row::Memory,
        Row::Speed,
        Row::Growth,
        Row::One,
        Row::Yara,
        Row::Build,
        Row::Cores,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Row::Load => "scan-load",
            Row::Memory => "scan-memory",
            Row::Speed => "scan-speed",
            Row::Growth => "scan-growth",
            Row::One => "scan-one",
            Row::Yara => "scan-yara",
            Row::Build => "scan-build",
            Row::Cores => "scan-cores",
        }
    }

    pub(super) fn measure(self, bench: &Bench) -> anyhow::Result<Vec<Figure>> {
        let peers = Peers {
            bench,
            folder: bench.folder.join("peers"),
        };
        std::fs::create_dir_all(&peers.folder)?;
        match self {
            Row::Load => rows::load(&peers),
            Row::Memory => rows::memory(&peers),
            Row::Speed => rows::speed(&peers),
            Row::Growth => rows::growth(&peers),
            Row::One => rows::one(&peers),
            Row::Yara => yara::row(&peers),
            Row::Build => rows::build(&peers),
            Row::Cores => rows::cores(&peers),
        }
    }
}

/// What rows stand on.
struct Peers<'b> {
    bench: &'b Bench,
    /// build/bench/peers
    folder: PathBuf,
}

impl Peers<'_> {
    /// Definitions compiled from sources, once; compiled again when the compiler is newer.
    fn definitions(&self, name: &str, sources: &[PathBuf]) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(format!("{name}.gdef"));
        let changed = |path: &Path| path.metadata().and_then(|data| data.modified());
        let compiler = changed(&self.bench.environment.programs.join("garrison"))?;
        if changed(&path).is_ok_and(|made| made > compiler) {
            return Ok(path);
        }
        let status = self.build(&path, sources)?.status()?;
        ensure!(status.success(), "garrison definitions build: {status}");
        Ok(path)
    }

    fn build(&self, output: &Path, sources: &[PathBuf]) -> anyhow::Result<Command> {
        let mut build = self.bench.command("garrison", "definitions")?;
        build.args(["definitions", "build"]).args(sources);
        build.arg("--output").arg(output);
        // One key for all that stays here.
        build.env("XDG_CONFIG_HOME", self.folder.join("key"));
        Ok(build)
    }

    /// The key that signs what is compiled here.
    fn key(&self, definitions: &Path) -> anyhow::Result<String> {
        let mut show = self.bench.command("garrison", "inspect")?;
        show.stdout(std::process::Stdio::piped());
        show.args(["definitions", "inspect", "--json"])
            .arg(definitions);
        show.env("XDG_CONFIG_HOME", self.folder.join("key"));
        let output = show.output()?;
        let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let signer = said.get("signer").and_then(serde_json::Value::as_str);
        Ok(signer.context("no signer")?.to_owned())
    }

    fn scan(&self, definitions: &Path, jobs: u8, paths: &[&Path]) -> anyhow::Result<Command> {
        let mut scan = self.bench.command("garrison-agent", "scan")?;
        scan.arg("scan").arg("--definitions").arg(definitions);
        scan.arg("--jobs").arg(jobs.to_string()).args(paths);
        scan.env("XDG_CONFIG_HOME", self.folder.join("key"));
        Ok(scan)
    }
}
