//! The programs under measurement, as children that end with us.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Bench;

/// How long a program may take to end after SIGTERM.
const END_LIMIT: Duration = Duration::from_secs(30);
/// How long the whole system may take to start.
const START_LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Bench {
    /// A program of ours with its own home; `label` names its log.
    pub(super) fn command(&self, program: &str, label: &str) -> anyhow::Result<Command> {
        let home = self.environment.scratch.join("home");
        std::fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
        let mut command = Command::new(self.environment.programs.join(program));
        self.environment.apply(&mut command, label, &home);
        let log = self.environment.logs.join(format!("{label}.log"));
        let log = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// A folder of this part, gone after it.
    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.environment.scratch.join(name)
    }

    /// Starts the whole system on a folder.
    pub(super) fn start_up(&self, data: &Path) -> anyhow::Result<Running> {
        let mut command = self.command("garrison", "up")?;
        command.arg("up").arg("--data").arg(data);
        command.arg("--ready-file").arg(ready_of(data));
        Running::start("garrison up", command)
    }

    /// Waits until the whole system is up; gives its ready file.
    pub(super) fn await_up(&self, up: &mut Running, data: &Path) -> anyhow::Result<Value> {
        up.await_json(&ready_of(data))
    }

    /// Starts a manager alone on DATA/manager, and waits until it serves.
    pub(super) fn start_manager(&self, data: &Path) -> anyhow::Result<Running> {
        std::fs::create_dir_all(data).with_context(|| data.display().to_string())?;
        let folder = data.join("manager");
        let mut command = self.command("garrison", "manager")?;
        command.arg("manager").arg("--data").arg(&folder);
        // Its standard input is closed when we end, and then it ends too.
        command.arg("--lifeline").stdin(Stdio::piped());
        let mut manager = Running::start("garrison manager", command)?;
        manager.await_json(&folder.join("ready.json"))?;
        Ok(manager)
    }

    /// Makes an enrolment token in a file.
    pub(super) fn enrolment_token(&self, data: &Path, uses: u32) -> anyhow::Result<PathBuf> {
        let file = data.join("bench.token");
        let mut command = self.command("garrison", "ctl")?;
        command.arg("ctl").arg("--data").arg(data);
        command.args(["tokens", "create", "--name", "bench", "--max-uses"]);
        command.arg(uses.to_string()).arg("--output").arg(&file);
        let status = command.status().context("garrison ctl")?;
        ensure!(status.success(), "garrison ctl tokens create: {status}");
        Ok(file)
    }
}

fn ready_of(data: &Path) -> PathBuf {
    data.with_extension("ready.json")
}

/// A running program. Dropping it ends it.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    pub(super) started: Instant,
}

impl Running {
    pub(super) fn start(name: &'static str, mut command: Command) -> anyhow::Result<Running> {
        let started = Instant::now();
        let child = command.spawn().with_context(|| name.to_owned())?;
        Ok(Running {
            name,
            child,
            started,
        })
    }

    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a file of JSON that the program, or a child of it, writes.
    pub(super) fn await_json(&mut self, path: &Path) -> anyhow::Result<Value> {
        self.until(|| {
            let text = std::fs::read(path).ok()?;
            serde_json::from_slice(&text).ok()
        })
        .with_context(|| path.display().to_string())
    }

    /// Waits until `found` finds something; not when the program ends before.
    pub(super) fn until<T>(&mut self, mut found: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
        let until = Instant::now() + START_LIMIT;
        loop {
            if let Some(found) = found() {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended early ({status})", self.name);
            }
            if Instant::now() > until {
                bail!("{}: nothing after {} s", self.name, START_LIMIT.as_secs());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Asks it to end, and waits for that.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let status = self.end()?;
        ensure!(status.success(), "{} ended badly ({status})", self.name);
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(id, Signal::TERM).context("SIGTERM")?;
        }
        let until = Instant::now() + END_LIMIT;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("{} did not end within {} s", self.name, END_LIMIT.as_secs())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know how it ended called `stop`.
        let _ = self.end();
    }
}
