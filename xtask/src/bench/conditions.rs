//! On what, when and in whose company figures were taken.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// A machine that is busier than this before a measurement disturbs it, in percent.
const QUIET: f64 = 10.0;
/// How long to wait for quiet; then the figures are taken all the same, and say so.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(3);

/// Where the measured programs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Programs {
    BuiltNow,
    /// They lay in the target folder, and may be older than the commit.
    Found,
}

/// The machine and the moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Conditions {
    pub(super) date: String,
    /// With `+` where files differ from it.
    pub(super) commit: String,
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) memory_mib: u64,
    pub(super) kernel: String,
    /// What other programs used just before, in percent of all cores.
    pub(super) busy_before: f64,
}

impl Conditions {
    /// Waits a while for a quiet machine, and describes it.
    pub(super) fn await_quiet(
        workspace: &Workspace,
        programs: Programs,
    ) -> anyhow::Result<Conditions> {
        let until = Instant::now() + PATIENCE;
        let mut busy_before = busy()?;
        while busy_before > QUIET && Instant::now() < until {
            busy_before = busy()?;
        }
        let memory = read("/proc/meminfo")?;
        let processor = read("/proc/cpuinfo")?;
        Ok(Conditions {
            date: said_by(workspace, "date", &["-u", "+%Y-%m-%d %H:%M UTC"])?,
            commit: match programs {
                Programs::BuiltNow => commit(workspace)?,
                Programs::Found => format!("{} or a little before", commit(workspace)?),
            },
            processor: field(&processor, "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: field(&memory, "MemTotal")
                .and_then(|text| text.strip_suffix("kB")?.trim().parse::<u64>().ok())
                .context("/proc/meminfo: no MemTotal in kB")?
                / 1024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            busy_before,
        })
    }

    pub(super) fn in_words(&self) -> String {
        let company = if self.busy_before > QUIET {
            format!(
                "**disturbed:** other programs used {:.0} % of the machine just before",
                self.busy_before
            )
        } else {
            format!(
                "{:.0} % of the machine was in use just before",
                self.busy_before
            )
        };
        format!(
            "{}, commit {}; {} ({} cores), {} MiB, Linux {}; {company}.",
            self.date, self.commit, self.processor, self.cores, self.memory_mib, self.kernel
        )
    }
}

/// The part of all cores' time that was used over a moment, in percent.
fn busy() -> anyhow::Result<f64> {
    let before = times(&read("/proc/stat")?)?;
    std::thread::sleep(LOOK);
    let after = times(&read("/proc/stat")?)?;
    let (all, idle) = (after.0 - before.0, after.1 - before.1);
    Ok(100.0 * (all - idle) / all.max(1.0))
}

/// All time and idle time in the first line of /proc/stat (proc(5)), in ticks.
fn times(stat: &str) -> anyhow::Result<(f64, f64)> {
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let fields: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .context("/proc/stat")?;
    let idle = fields.get(3).unwrap_or(&0.0) + fields.get(4).unwrap_or(&0.0);
    Ok((fields.iter().sum(), idle))
}

fn commit(workspace: &Workspace) -> anyhow::Result<String> {
    let commit = said_by(workspace, "git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = said_by(
        workspace,
        "git",
        &["status", "--porcelain", "--", ":!docs", ":!build"],
    )?;
    let mark = if changes.is_empty() { "" } else { "+" };
    Ok(format!("{commit}{mark}"))
}

fn said_by(workspace: &Workspace, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(&workspace.root)
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn read(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.to_owned())
}

fn field(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_disks_counts_as_idle() {
        let (all, idle) = times("cpu  10 0 20 60 10 0 0 0 5 5\ncpu0 1").unwrap();
        assert!((all - 100.0).abs() < 1e-9 && (idle - 70.0).abs() < 1e-9);
    }

    #[test]
    fn a_disturbed_measurement_says_so() {
        let mut conditions = Conditions {
            date: "2026-01-01".to_owned(),
            commit: "abc".to_owned(),
            processor: "P".to_owned(),
            cores: 2,
            memory_mib: 1,
            kernel: "6.1".to_owned(),
            busy_before: 2.0,
        };
        assert!(!conditions.in_words().contains("disturbed"));
        conditions.busy_before = 60.0;
        assert!(conditions.in_words().contains("disturbed"));
    }
}
