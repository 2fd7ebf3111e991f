//! A network and mount namespace, held by a child that waits for the end of its input.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::Launch;

/// The most that a program which sets something up may take, in seconds.
const SET_UP_SECONDS: &str = "60";

/// A network namespace of its own, and a view of the file system of its own.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// A fresh one, with nothing but a loopback interface.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn new() -> anyhow::Result<Namespace> {
        Self::with_files(&[])
    }

    /// As [`Namespace::new`]; the first of each pair stands in place of the second inside.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn with_files(files: &[(PathBuf, &str)]) -> anyhow::Result<Namespace> {
        // Addresses of IPv6 are usable at once.
        let mut script = String::from(
            "set -e\n\
             echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad\n\
             ip link set lo up\n",
        );
        for (file, place) in files {
            script.push_str(&format!("mount --bind '{}' '{place}'\n", file.display()));
        }
        script.push_str("echo ready\nexec cat\n");
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "sh", "-c"])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare")?;
        let mut line = String::new();
        let output = holder.stdout.take().context("the holder's output")?;
        let namespace = Namespace { holder };
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line == "ready\n", "the namespace did not come up");
        Ok(namespace)
    }

    /// The process that holds it.
    pub fn id(&self) -> u32 {
        self.holder.id()
    }

    fn enter(&self) -> [String; 2] {
        ["net", "mnt"].map(|kind| {
            let word = if kind == "mnt" { "mount" } else { kind };
            format!("--{word}=/proc/{}/ns/{kind}", self.id())
        })
    }

    /// A program to be started inside.
    pub fn launch(&self, program: &Path, log: impl Into<PathBuf>) -> Launch {
        Launch::new("nsenter", log)
            .arguments(self.enter())
            .arguments([program])
    }

    /// A command inside, not started yet, with nothing to read.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(self.enter()).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a line of the shell inside that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// Where it fails, with what it said.
    pub fn shell(&self, line: &str) -> anyhow::Result<String> {
        self.feed(&["sh", "-ec", line], "")
    }

    /// Runs a program inside that must succeed, with a text as its input.
    ///
    /// # Errors
    /// Where it fails, with what it said.
    pub fn feed(&self, words: &[&str], input: &str) -> anyhow::Result<String> {
        let mut child = self
            .command("timeout")
            .arg(SET_UP_SECONDS)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| words.join(" "))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that stops early closes its input; its status tells.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output: Output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "{words:?}: {}\n{input}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Does something in a thread inside; a socket that it makes stays inside.
    ///
    /// # Errors
    /// Where the namespace can't be entered.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let namespace = File::open(format!("/proc/{}/ns/net", self.id()))?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(work())
            });
            match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
