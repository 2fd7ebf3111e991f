//! What a process and its children use, by the kernel's account.

use anyhow::Context;

/// Ticks a second in /proc: USER_HZ, 100 on every architecture of Linux that we run on (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory in MiB (smaps_rollup in proc_pid_smaps(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Memory {
    /// With pages that other processes map too.
    pub(super) resident: f64,
    /// Shared pages count in part.
    pub(super) proportional: f64,
    /// Pages of this process alone.
    pub(super) private: f64,
}

impl Memory {
    pub(super) fn of(process: u32) -> anyhow::Result<Memory> {
        let path = format!("/proc/{process}/smaps_rollup");
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        Memory::parse(&text).with_context(|| path)
    }

    /// Of several together.
    pub(super) fn of_all(processes: &[u32]) -> anyhow::Result<Memory> {
        let mut sum = Memory::default();
        for process in processes {
            let one = Memory::of(*process)?;
            sum.resident += one.resident;
            sum.proportional += one.proportional;
            sum.private += one.private;
        }
        Ok(sum)
    }

    fn parse(text: &str) -> anyhow::Result<Memory> {
        let mebibytes = |name: &str| -> anyhow::Result<f64> {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .with_context(|| format!("no line {name}"))?;
            let number = line.trim().strip_suffix("kB").context("another unit")?;
            Ok(number.trim().parse::<f64>()? / 1024.0)
        };
        Ok(Memory {
            resident: mebibytes("Rss")?,
            proportional: mebibytes("Pss")?,
            private: mebibytes("Private_Clean")? + mebibytes("Private_Dirty")?,
        })
    }
}

/// A process and all below it, itself first.
pub(super) fn family(root: u32) -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").context("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that ended meanwhile is no matter.
        if let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat"))
            && let Some(parent) = field(&stat, 1)
        {
            parents.push((id, parent));
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(id, _)| *id),
        );
        next += 1;
    }
    Ok(family)
}

/// CPU time of a process, its children that ended, and those that run, in seconds.
pub(super) fn cpu_of_family(root: u32) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for process in family(root)? {
        let path = format!("/proc/{process}/stat");
        let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        // utime, stime, cutime, cstime
        for index in 11..=14 {
            ticks += field(&stat, index).with_context(|| path.clone())?;
        }
    }
    Ok(f64::from(ticks) / TICKS_PER_SECOND)
}

/// CPU time of all children of this process that ended and were waited for, and of theirs, in
/// seconds.
pub(super) fn cpu_of_ended_children() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // cutime, cstime
    let ticks = field(&stat, 13).zip(field(&stat, 14));
    let (user, system) = ticks.context("/proc/self/stat")?;
    Ok(f64::from(user + system) / TICKS_PER_SECOND)
}

/// The largest resident set of a process so far, in MiB.
pub(super) fn high_water(process: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    let number = number.with_context(|| format!("{path}: no VmHWM in kB"))?;
    Ok(number.trim().parse::<f64>()? / 1024.0)
}

/// A field of /proc/PID/stat, counted from the state on, which is 0.
fn field(stat: &str, index: usize) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_belongs_to_the_family() {
        let mut child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let found = family(std::process::id()).unwrap();
        let memory = Memory::of_all(&[std::process::id(), child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.first(), Some(&std::process::id()));
        assert!(found.contains(&child.id()), "{found:?}");
        let memory = memory.unwrap();
        assert!(
            memory.resident >= memory.private && memory.private > 0.0,
            "{memory:?}"
        );
    }

    #[test]
    fn sizes_are_read_in_mebibytes() {
        let text = "55 ---p 00 [rollup]\nRss: 2048 kB\nPss: 1024 kB\nPss_Anon: 5 kB\nPrivate_Clean: 512 kB\nPrivate_Dirty: 256 kB\n";
        let expected = Memory {
            resident: 2.0,
            proportional: 1.0,
            private: 0.75,
        };
        assert_eq!(Memory::parse(text).unwrap(), expected);
        assert!(Memory::parse("Rss: 1 kB").is_err());
    }
}
