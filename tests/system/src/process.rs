//! Starts a program as a child that cannot outlive its test.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::tree;
use crate::wait::{Seen, until};

/// What a child has as its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifeline {
    /// A pipe that stays open until the value is dropped or [`Running::release`]d.
    Held,
    /// Nothing to read.
    None,
}

/// A program that is to be started.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    lifeline: Lifeline,
    log: PathBuf,
}

impl Launch {
    /// `log` takes what the program writes to standard output and standard error.
    pub fn new(program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Launch {
        Launch {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            lifeline: Lifeline::None,
            log: log.into(),
        }
    }

    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Launch {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    #[must_use]
    pub fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Launch {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn lifeline(mut self, lifeline: Lifeline) -> Launch {
        self.lifeline = lifeline;
        self
    }

    /// Starts it in a process group of its own.
    ///
    /// # Errors
    /// Where its log can't be written or it can't be started.
    pub fn start(self) -> anyhow::Result<Running> {
        let context = || self.log.display().to_string();
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(context)?;
        let second = log.try_clone().with_context(context)?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(match self.lifeline {
                Lifeline::Held => Stdio::piped(),
                Lifeline::None => Stdio::null(),
            })
            .stdout(log)
            .stderr(second)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} can't be started", self.program.display()))?;
        let lifeline = child.stdin.take();
        Ok(Running {
            child,
            lifeline,
            log: self.log,
            name: self.program,
        })
    }
}

/// A child that runs, or has ended. Dropped, it and all that it started are killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lifeline: Option<ChildStdin>,
    log: PathBuf,
    name: PathBuf,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// What it has written so far; empty where the log can't be read.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// It and every process below it.
    ///
    /// # Errors
    /// Where /proc can't be read.
    pub fn tree(&self) -> anyhow::Result<Vec<tree::Process>> {
        tree::of(self.id())
    }

    /// Closes the pipe that it holds as its standard input.
    pub fn release(&mut self) {
        self.lifeline = None;
    }

    /// Sends a signal to it alone, not to its children.
    ///
    /// # Errors
    /// Where it has ended already.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        // Once it has been waited for, its id may be another's.
        if let Some(status) = self.child.try_wait()? {
            bail!("{} has ended ({status})", self.name.display());
        }
        let id = pid(self.id()).context("a process id")?;
        kill_process(id, signal).with_context(|| format!("a signal to {}", self.name.display()))
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// Where the kernel won't say.
    pub fn status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// After `limit`, with the end of its log.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("the end of {}", self.name.display());
        let (child, log) = (&mut self.child, &self.log);
        until(&what, limit, || {
            Ok(match child.try_wait()? {
                Some(status) => Seen::Yes(status),
                None => Seen::NotYet(end_of(log)),
            })
        })
    }

    /// Waits for a condition, and stops waiting when the child ends.
    ///
    /// # Errors
    /// As [`until`], with the end of the log; at once where the child has ended.
    pub fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut() -> anyhow::Result<Seen<T>>,
    ) -> anyhow::Result<T> {
        let (child, log, name) = (&mut self.child, &self.log, &self.name);
        until(what, limit, || {
            // The end is noted first: what was done before it still counts.
            let ended = child.try_wait()?;
            let seen = condition()?;
            match (ended, seen) {
                (_, Seen::Yes(value)) => Ok(Seen::Yes(value)),
                (None, Seen::NotYet(words)) => {
                    Ok(Seen::NotYet(format!("{words}\n{}", end_of(log))))
                }
                (Some(status), Seen::NotYet(words)) => {
                    bail!(
                        "{what}: {} ended ({status}) before; last seen: {words}\n{}",
                        name.display(),
                        end_of(log)
                    )
                }
            }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lifeline = None;
        if matches!(self.child.try_wait(), Ok(None)) {
            // While it is unwaited for, its id and its group's are its own.
            let below = self.tree().unwrap_or_default();
            if let Some(group) = pid(self.id()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            for process in below.iter().filter(|process| process.id != self.id()) {
                if let Some(id) = pid(process.id) {
                    let _ = kill_process(id, Signal::KILL);
                }
            }
            let _ = self.child.wait();
        }
    }
}

/// Whether it was ended by this signal.
pub fn ended_by(status: ExitStatus, signal: Signal) -> bool {
    status.signal() == Some(signal.as_raw())
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The last lines of a log, for a message.
fn end_of(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(30);
    format!(
        "end of {}:\n{}",
        log.display(),
        lines.get(from..).unwrap_or_default().join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places;

    const LIMIT: Duration = Duration::from_secs(30);

    fn shell(folder: &Path, script: &str) -> Launch {
        Launch::new("/bin/sh", folder.join("log")).arguments(["-c", script])
    }

    fn is_gone(id: u32) {
        until("the end of a process", LIMIT, || {
            Ok(if tree::of(id)?.is_empty() {
                Seen::Yes(())
            } else {
                Seen::NotYet("it runs".to_owned())
            })
        })
        .unwrap();
    }

    #[test]
    fn both_outputs_are_in_the_log() {
        let folder = places::temporary().unwrap();
        let mut child = shell(folder.path(), "echo $WORD; echo two >&2")
            .environment("WORD", "one")
            .start()
            .unwrap();
        assert!(child.wait(LIMIT).unwrap().success());
        assert_eq!(child.log(), "one\ntwo\n");
    }

    #[test]
    fn a_child_with_a_lifeline_lives_until_it_is_released() {
        let folder = places::temporary().unwrap();
        let mut child = shell(folder.path(), "echo up; read line; echo down")
            .lifeline(Lifeline::Held)
            .start()
            .unwrap();
        let log = child.log_path().to_path_buf();
        child
            .until("its first word", LIMIT, || {
                let text = std::fs::read_to_string(&log)?;
                Ok(if text == "up\n" {
                    Seen::Yes(())
                } else {
                    Seen::NotYet(text)
                })
            })
            .unwrap();
        assert!(child.status().unwrap().is_none());
        child.release();
        child.wait(LIMIT).unwrap();
        assert_eq!(child.log(), "up\ndown\n");
    }

    #[test]
    fn a_dropped_child_is_gone_with_all_that_it_started() {
        let folder = places::temporary().unwrap();
        // One grandchild stays in the group, one leaves it.
        let mut child = shell(folder.path(), "sleep 600 & setsid sleep 600 & wait")
            .start()
            .unwrap();
        let id = child.id();
        let below = child
            .until("two grandchildren", LIMIT, || {
                let below = tree::of(id)?;
                let asleep = below
                    .iter()
                    .filter(|process| process.command == "sleep")
                    .count();
                Ok(if asleep == 2 {
                    Seen::Yes(below)
                } else {
                    Seen::NotYet(format!("{below:?}"))
                })
            })
            .unwrap();
        drop(child);
        for process in below {
            is_gone(process.id);
        }
    }

    #[test]
    fn waiting_on_a_child_that_has_ended_says_so_with_its_log() {
        let folder = places::temporary().unwrap();
        let mut child = shell(folder.path(), "echo no port left; exit 7")
            .start()
            .unwrap();
        let error = child
            .until::<()>("an answer", LIMIT, || Ok(Seen::NotYet("none".into())))
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("exit status: 7") && text.contains("no port left"),
            "{text}"
        );
    }

    #[test]
    fn a_signal_reaches_the_child_and_none_is_sent_after_its_end() {
        let folder = places::temporary().unwrap();
        let mut child = Launch::new("/bin/sleep", folder.path().join("log"))
            .arguments(["600"])
            .start()
            .unwrap();
        child.signal(Signal::TERM).unwrap();
        assert!(ended_by(child.wait(LIMIT).unwrap(), Signal::TERM));
        assert!(child.signal(Signal::TERM).is_err());
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let folder = places::temporary().unwrap();
        let error = Launch::new("/nonexistent/program", folder.path().join("log"))
            .start()
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("/nonexistent/program can't be started")
        );
    }
}
