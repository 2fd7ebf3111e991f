//! What another process costs, by the kernel's account.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Ticks a second in /proc: fixed at 100 by Linux on every architecture that Garrison runs on
/// (USER_HZ, proc(5)).
const TICKS_PER_SECOND: u64 = 100;

/// A process under measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time since its start, to 10 ms.
    pub(crate) cpu: Duration,
    pub(crate) resident_bytes: u64,
}

impl Process {
    pub(crate) const fn new(pid: u32) -> Self {
        Self(pid)
    }

    pub(crate) fn usage(self) -> Result<Usage> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.0);
            std::fs::read_to_string(&path)
                .with_context(|| format!("{path}: is --manager-pid the manager's process?"))
        };
        Ok(Usage {
            cpu: cpu(&read("stat")?)?,
            resident_bytes: resident(&read("status")?)?,
        })
    }
}

/// Fields 14 and 15 of /proc/PID/stat (proc(5)); the second field may hold spaces and brackets.
fn cpu(stat: &str) -> Result<Duration> {
    let (_, rest) = stat.rsplit_once(')').context("no process state")?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<u64> { Ok(fields.next().context("too few fields")?.parse()?) };
    let ticks = ticks()? + ticks()?;
    Ok(Duration::from_millis(ticks * (1000 / TICKS_PER_SECOND)))
}

/// The line VmRSS of /proc/PID/status, in kB.
fn resident(status: &str) -> Result<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no resident size: the process has ended")?;
    let number = line.trim().strip_suffix("kB").context("another unit")?;
    let kilobytes: u64 = number.trim().parse()?;
    ensure!(kilobytes > 0, "the process has ended");
    Ok(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_spaces_are_no_trouble() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 9 0 100";
        assert_eq!(cpu(stat).unwrap(), Duration::from_secs(2));
        assert!(cpu("42 (a").is_err());
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = Process::new(std::process::id()).usage().unwrap();
        assert!(usage.resident_bytes > 1 << 20, "{usage:?}");
    }

    #[test]
    fn a_process_that_is_none_is_named() {
        let error = Process::new(u32::MAX).usage().unwrap_err().to_string();
        assert!(error.contains("--manager-pid"), "{error}");
    }
}
