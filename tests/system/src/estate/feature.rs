//! What a site can do, each thing tried within a moment, as its user would see it.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::{Installed, MANAGER, text};
use crate::lab::time;
use crate::system::LIMIT;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A feature that the catalogue's rows name as lost when they are blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    Enrolment,
    CentralManagement,
    Console,
    Automation,
    Pings,
    Clocks,
}

impl Feature {
    pub const ALL: [Feature; 6] = [
        Feature::Enrolment,
        Feature::CentralManagement,
        Feature::Console,
        Feature::Automation,
        Feature::Pings,
        Feature::Clocks,
    ];

    /// The catalogue's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Feature::Enrolment => "enrolment",
            Feature::CentralManagement => "central management",
            Feature::Console => "console",
            Feature::Automation => "automation",
            Feature::Pings => "pings",
            Feature::Clocks => "right clocks",
        }
    }

    /// Whether it needs a name resolved, as [`super::Estate`] is set up.
    pub const fn dials_a_name(self) -> bool {
        match self {
            Feature::Enrolment
            | Feature::CentralManagement
            | Feature::Console
            | Feature::Automation
            | Feature::Pings => true,
            Feature::Clocks => false,
        }
    }

    /// The features that are lost by the catalogue when this flow is blocked.
    ///
    /// # Errors
    /// Where the flow names one that nothing here tries.
    pub fn lost_without(flow: &flows::Flow) -> anyhow::Result<Vec<Feature>> {
        let mut lost = Vec::new();
        for broken in &flow.breaks {
            let name = broken.feature.to_string();
            if name == "every flow whose destination is a name" {
                lost.extend(Feature::ALL.into_iter().filter(|one| one.dials_a_name()));
                continue;
            }
            let found = Feature::ALL.into_iter().find(|one| one.name() == name);
            lost.push(found.with_context(|| {
                format!("{}: nothing here tries the feature {name:?}", flow.id)
            })?);
        }
        lost.sort();
        Ok(lost)
    }

    /// Whether it works now. `turn` is another number at each try.
    ///
    /// # Errors
    /// Where it can't be tried at all.
    pub fn works(self, site: &Installed<'_>, turn: &str, limit: Duration) -> anyhow::Result<bool> {
        let host = |role: &str| site.estate().host(role);
        match self {
            Feature::Enrolment => {
                let agent = host("agent")?;
                let data = agent.folder().join(format!("new-{turn}"));
                let token = site.many_token()?;
                let mut command = agent.command("garrison-agent")?;
                command.args(["enrol", "--data", text(&data)?, "--token-file"]);
                command.arg(token);
                succeeds(command, limit)
            }
            Feature::CentralManagement => checks_in(site, limit),
            Feature::Console => {
                let browser = host("browser")?;
                let mut command = browser.namespace().command("curl");
                command
                    .args(["--silent", "--fail", "--location", "--output", "/dev/null"])
                    .arg("--cacert")
                    .arg(browser.folder().join("ca.pem"))
                    .arg(format!("https://{MANAGER}:8443/"));
                succeeds(command, limit)
            }
            Feature::Automation => {
                let mut command = host("operator")?.command("garrison")?;
                command.args(site.ctl_words()?).arg("overview");
                succeeds(command, limit)
            }
            Feature::Pings => {
                let manager = host("manager")?;
                let root = manager.folder().join("garrison");
                let mut command = manager.command("garrison")?;
                command.args(["ctl", "--json", "--data", text(&root)?, "cloud", "deliver"]);
                let Some(output) = within(command, limit)? else {
                    return Ok(false);
                };
                let link: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
                Ok(link.get("state").is_some_and(|state| state == "connected"))
            }
            Feature::Clocks => Ok(time::ask(host("agent")?, host("time-server")?, limit).is_ok()),
        }
    }
}

/// Asks the agent to check in, and looks whether it did.
fn checks_in(site: &Installed<'_>, limit: Duration) -> anyhow::Result<bool> {
    let end = Instant::now() + limit;
    let data = site.agent_folder()?;
    let ask = |words: &[&str]| -> anyhow::Result<Command> {
        let mut command = site.estate().host("agent")?.command("garrison-agent")?;
        command.args(words).args(["--data", text(&data)?]);
        Ok(command)
    };
    // Points in time as text, which sorts as they do.
    let last = || -> anyhow::Result<Option<String>> {
        let output = within(ask(&["status", "--json"])?, LIMIT)?;
        let status = output.context("the agent's status does not come")?;
        let status: Value = serde_json::from_slice(&status.stdout)?;
        let last = status.get("last_check_in").and_then(Value::as_str);
        Ok(last.map(str::to_owned))
    };
    let before = last()?;
    // The agent takes a wish at a time; another is of no harm.
    while Instant::now() < end {
        succeeds(ask(&["check-in"])?, LIMIT)?;
        if last()? > before {
            return Ok(true);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Ok(false)
}

fn succeeds(command: Command, limit: Duration) -> anyhow::Result<bool> {
    Ok(within(command, limit)?.is_some_and(|output| output.status.success()))
}

/// Runs a command for so long; `None` when it was not done by then.
fn within(mut command: Command, limit: Duration) -> anyhow::Result<Option<Output>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let end = Instant::now() + limit;
    // What these commands print fits into a pipe.
    loop {
        if child.try_wait()?.is_some() {
            return Ok(Some(child.wait_with_output()?));
        }
        if Instant::now() >= end {
            let _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
