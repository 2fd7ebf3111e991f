//! ClamAV's daemon and its scanner on the command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::Peers;
use super::used::{self, Used};
use crate::bench::process;
use crate::bench::system::Running;

/// clamd with a set of signatures. Dropping it ends it.
pub(super) struct Clamd {
    running: Running,
    configuration: PathBuf,
}

impl Clamd {
    pub(super) fn start(peers: &Peers<'_>, signatures: &Path) -> anyhow::Result<Clamd> {
        let folder = peers.bench.scratch("clamd");
        std::fs::create_dir_all(&folder)?;
        let (socket, configuration) = (folder.join("socket"), folder.join("clamd.conf"));
        let _ = std::fs::remove_file(&socket);
        // Without its cache, which would answer from the second run on.
        let text = format!(
            "DatabaseDirectory {}\nLocalSocket {}\nForeground yes\nDisableCache yes\n\
             MaxThreads 2\nTemporaryDirectory {}\n",
            signatures.display(),
            socket.display(),
            folder.display()
        );
        std::fs::write(&configuration, text)?;
        let mut command = Command::new("clamd");
        command.arg("-c").arg(&configuration);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut running = Running::start("clamd", command)?;
        running.until(|| socket.exists().then_some(()))?;
        Ok(Clamd {
            running,
            configuration,
        })
    }

    /// Has files scanned, and gives the daemon's CPU seconds.
    pub(super) fn scan(&self, paths: &[&Path]) -> anyhow::Result<f64> {
        let before = process::cpu_of_family(self.running.process())?;
        let mut command = Command::new("clamdscan");
        command.arg("-c").arg(&self.configuration);
        command.args(["--fdpass", "--multiscan", "--no-summary", "--infected"]);
        command
            .args(paths)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = command.status().context("clamdscan")?;
        ensure!(matches!(status.code(), Some(0..=2)), "clamdscan: {status}");
        Ok(process::cpu_of_family(self.running.process())? - before)
    }

    pub(super) fn memory(&self) -> anyhow::Result<f64> {
        Ok(process::Memory::of_all(&process::family(self.running.process())?)?.proportional)
    }
}

/// One file with clamscan: nearly all of it is loading.
pub(super) fn clamscan(signatures: &Path, file: &Path) -> anyhow::Result<Used> {
    let mut command = Command::new("clamscan");
    command.args(["--no-summary", "--infected", "--database"]);
    command
        .arg(signatures)
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    used::run(command, &[0])
}
