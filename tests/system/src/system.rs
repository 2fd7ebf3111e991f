//! A whole system under test: `garrison up` in a folder of its own, driven by `garrison ctl`.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Launch, Running};
use crate::wait::{Seen, until};
use crate::{places, tree};

/// How long a system may take to be up; debug builds on a busy machine are slow.
pub const UP_LIMIT: Duration = Duration::from_secs(180);
/// How long anything else may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// SHA-256 of the EICAR test file; hash lists need no more of it.
const EICAR_SHA256: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
/// The rule that [`Place`]'s definitions detect it by.
pub const EICAR_RULE: &str = "Garrison.Test.EICAR";

/// The EICAR test file, out of parts.
pub fn eicar() -> String {
    [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}",
        "$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!",
        "$H+H*",
    ]
    .concat()
}

/// The line of a hash list (`.hsb`) that detects it.
pub fn definition_line() -> String {
    format!("{EICAR_SHA256}:68:{EICAR_RULE}\n")
}

/// A folder in which a system can be started, again and again: its data, its few definitions, and
/// an address of its own, so that systems side by side don't take each other's ports.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    address: Ipv4Addr,
}

impl Place {
    /// A fresh one.
    ///
    /// # Errors
    /// Where its folders can't be made.
    pub fn new() -> anyhow::Result<Place> {
        let folder = places::temporary()?;
        let definitions = folder.path().join("source/definitions");
        std::fs::create_dir_all(&definitions)?;
        std::fs::write(definitions.join("test.hsb"), definition_line())?;
        Ok(Place {
            folder,
            address: own_address(),
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `--data` names.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn ready_file(&self) -> PathBuf {
        self.path().join("ready.json")
    }

    /// The loopback address that the manager of this place binds.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// `garrison up` here, not started yet.
    ///
    /// # Errors
    /// Where the program isn't built.
    pub fn up(&self) -> anyhow::Result<Launch> {
        let launch = Launch::new(places::program("garrison")?, self.path().join("up.log"))
            .environment("GARRISON_SOURCE_DIR", self.path().join("source"))
            .arguments(["up", "--bind", &self.address.to_string(), "--data"])
            .arguments([self.data()])
            .arguments(["--ready-file"])
            .arguments([self.ready_file()]);
        Ok(launch)
    }

    /// Starts a system and waits until it is up.
    ///
    /// # Errors
    /// Where it doesn't come up, with its log.
    pub fn start(&self) -> anyhow::Result<System<'_>> {
        self.start_as(self.up()?)
    }

    /// As [`Place::start`], with more arguments.
    ///
    /// # Errors
    /// Where it doesn't come up, with its log.
    pub fn start_as(&self, launch: Launch) -> anyhow::Result<System<'_>> {
        let file = self.ready_file();
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut up = launch.start()?;
        let ready = up.until("the system is up", UP_LIMIT, || {
            Ok(match std::fs::read(&file) {
                Ok(text) => Seen::Yes(serde_json::from_slice::<Value>(&text)?),
                Err(error) => Seen::NotYet(error.to_string()),
            })
        })?;
        Ok(System {
            place: self,
            up,
            ready,
        })
    }

    /// Runs `garrison` to its end.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn garrison<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Output> {
        run("garrison", arguments, self.path())
    }

    /// Runs `garrison-agent` to its end.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn garrison_agent<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Output> {
        run("garrison-agent", arguments, self.path())
    }

    /// `garrison ctl --json …` on this place's data, whatever comes of it.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn try_ctl(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let data = self.data();
        let fixed = ["ctl", "--json", "--data"].map(OsStr::new);
        let given = arguments.iter().map(OsStr::new);
        self.garrison(fixed.into_iter().chain([data.as_os_str()]).chain(given))
    }

    /// `garrison ctl --json …`, and what it printed.
    ///
    /// # Errors
    /// Where it fails, with what it said.
    pub fn ctl(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.try_ctl(arguments)?;
        ensure!(
            output.status.success(),
            "garrison ctl {}: {}: {}",
            arguments.join(" "),
            output.status,
            said(&output)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text)
            .with_context(|| format!("garrison ctl {}: no JSON: {text}", arguments.join(" ")))
    }

    /// The items of a list.
    ///
    /// # Errors
    /// Where it fails, or is no list.
    pub fn items(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        match self.ctl(arguments)?.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            other => bail!("garrison ctl {}: no items: {other:?}", arguments.join(" ")),
        }
    }

    /// Waits until a list has an item for which `choose` gives something.
    ///
    /// # Errors
    /// As [`until`].
    pub fn until_item<T>(
        &self,
        what: &str,
        arguments: &[&str],
        choose: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        until(what, LIMIT, || {
            let items = self.items(arguments)?;
            Ok(match items.iter().find_map(&choose) {
                Some(chosen) => Seen::Yes(chosen),
                None => Seen::NotYet(format!("{items:#?}")),
            })
        })
    }
}

/// What a program wrote, for a message.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = S>,
    home: &Path,
) -> anyhow::Result<Output> {
    let path = places::program(program)?;
    Command::new(&path)
        .args(arguments)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .stdin(Stdio::null())
        .output()
        .with_context(|| path.display().to_string())
}

/// An address in 127/8 that no other test uses now: by process and count.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let byte = |number: u32| u8::try_from(number % 250).unwrap_or_default();
    Ipv4Addr::new(
        127,
        2 + byte(process) % 200,
        byte(process / 250),
        1 + byte(count),
    )
}

/// A system that is up.
#[derive(Debug)]
pub struct System<'p> {
    place: &'p Place,
    up: Running,
    ready: Value,
}

impl System<'_> {
    pub fn place(&self) -> &Place {
        self.place
    }

    /// The process of `garrison up`.
    pub fn up(&mut self) -> &mut Running {
        &mut self.up
    }

    /// What the ready file said when the system came up.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// The process that is `manager`, `cloud` or `agent` now.
    ///
    /// # Errors
    /// Where the ready file names none.
    pub fn process(&self, name: &str) -> anyhow::Result<u32> {
        let text = std::fs::read(self.place.ready_file())?;
        let ready: Value = serde_json::from_slice(&text)?;
        let id = ready
            .pointer(&format!("/pids/{name}"))
            .and_then(Value::as_u64);
        u32::try_from(id.with_context(|| format!("a process for {name} in {ready}"))?)
            .context("a process id")
    }

    /// Waits until another process than `before` is `manager`, `cloud` or `agent`.
    ///
    /// # Errors
    /// Where none comes.
    pub fn another(&self, name: &str, before: u32) -> anyhow::Result<u32> {
        until(&format!("another process for {name}"), LIMIT, || {
            Ok(match self.process(name) {
                Ok(id) if id != before => Seen::Yes(id),
                Ok(id) => Seen::NotYet(format!("still {id}")),
                Err(error) => Seen::NotYet(error.to_string()),
            })
        })
    }

    /// The device that this machine's agent is.
    ///
    /// # Errors
    /// Where the ready file names none.
    pub fn device(&self) -> anyhow::Result<String> {
        let device = self.ready.get("device").and_then(Value::as_str);
        Ok(device.context("a device in the ready file")?.to_owned())
    }

    /// Has paths scanned on this machine, and waits for the end.
    ///
    /// # Errors
    /// Where the scan can't be asked for, or doesn't end.
    pub fn scan(&self, path: &Path) -> anyhow::Result<Value> {
        let device = self.device()?;
        let path = path.to_str().context("a path in UTF-8")?;
        let words = [
            "scan",
            "start",
            "--wait",
            "--timeout",
            "60s",
            "--device",
            &device,
            path,
        ];
        let output = self.place.try_ctl(&words)?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the scan of {path}: {}", said(&output)))
    }

    /// Ends it as a person would, and waits until every process is gone.
    ///
    /// # Errors
    /// Where it ends otherwise, or leaves a process.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let processes = self.up.tree()?;
        self.up.signal(Signal::INT)?;
        let status = self.up.wait(LIMIT)?;
        ensure!(status.success(), "garrison up: {status}: {}", self.up.log());
        gone(&processes)
    }
}

/// Waits until these processes are gone.
///
/// # Errors
/// Where one stays.
pub fn gone(processes: &[tree::Process]) -> anyhow::Result<()> {
    until("every process of the system is gone", LIMIT, || {
        let left: Vec<&tree::Process> = processes
            .iter()
            .filter(|process| {
                tree::of(process.id).is_ok_and(|tree| {
                    tree.first()
                        .is_some_and(|now| now.command == process.command)
                })
            })
            .collect();
        Ok(if left.is_empty() {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{left:?}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_file_is_whole() {
        assert_eq!(eicar().len(), 68);
    }

    #[test]
    fn places_have_addresses_of_their_own() {
        let (first, second) = (Place::new().unwrap(), Place::new().unwrap());
        assert_ne!(first.address(), second.address());
        assert!(first.address().is_loopback() && second.address().is_loopback());
    }
}
