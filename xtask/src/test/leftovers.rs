//! Finds and ends what a test left running, through /proc.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::environment::MARKER;

/// How long children that end with their parent may take to notice.
const GRACE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Kernel limit of what /proc shows of an environment is far below.
const LONGEST_ENVIRONMENT: u64 = 4 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: i32,
    pub(crate) command: String,
    group: i32,
}

/// Ends a child's whole process group, for a child that ran out of time.
pub(crate) fn kill_group(leader: u32) {
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // It may have ended by itself in this moment.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

pub(crate) fn kill(process: &Process) {
    if let Some(id) = Pid::from_raw(process.id) {
        let _ = kill_process(id, Signal::KILL);
    }
}

/// What is still there of a test that has ended, after a moment of grace; it is killed.
pub(crate) fn sweep(group: u32, mark: &str) -> Vec<Process> {
    let until = Instant::now() + GRACE;
    loop {
        let found = remaining(group, mark);
        if found.is_empty() {
            return found;
        }
        if Instant::now() >= until {
            found.iter().for_each(kill);
            return found;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn remaining(group: u32, mark: &str) -> Vec<Process> {
    processes()
        .into_iter()
        .filter(|process| {
            u32::try_from(process.group) == Ok(group)
                || marks(process.id, |found| found == mark.as_bytes())
        })
        .collect()
}

/// Processes whose mark starts with this, our own aside.
pub(crate) fn marked(prefix: &str) -> Vec<Process> {
    processes()
        .into_iter()
        .filter(|process| marks(process.id, |found| found.starts_with(prefix.as_bytes())))
        .collect()
}

/// Every process but this one and those that are dead already.
fn processes() -> Vec<Process> {
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|id| u32::try_from(*id) != Ok(own))
        .filter_map(|id| {
            let bytes = std::fs::read(format!("/proc/{id}/stat")).ok()?;
            parse_stat(id, &String::from_utf8_lossy(&bytes))
        })
        .collect()
}

/// `proc(5)`: id (command) state parent group …; the command may hold anything.
fn parse_stat(id: i32, text: &str) -> Option<Process> {
    let (_, rest) = text.split_once('(')?;
    let (command, rest) = rest.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    let dead = matches!(state, "Z" | "X");
    (!dead).then(|| Process {
        id,
        command: command.to_owned(),
        group,
    })
}

/// Whether the process bears a mark that fits. One that we may not look into bears none.
fn marks(id: i32, fits: impl Fn(&[u8]) -> bool) -> bool {
    let Ok(bytes) = read_at_most(
        Path::new(&format!("/proc/{id}/environ")),
        LONGEST_ENVIRONMENT,
    ) else {
        return false;
    };
    bytes
        .split(|byte| *byte == 0)
        .filter_map(|variable| variable.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"="))
        .any(fits)
}

fn read_at_most(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(limit)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::environment::inside_own_run;
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_command_with_brackets_and_spaces_is_read_whole() {
        let process = parse_stat(7, "7 (a) b (c)) S 1 42 7 0").unwrap();
        assert_eq!((process.command.as_str(), process.group), ("a) b (c)", 42));
    }

    #[test]
    fn a_dead_process_is_no_leftover() {
        assert_eq!(parse_stat(7, "7 (sleep) Z 1 42 7 0"), None);
    }

    #[test]
    fn a_child_that_left_its_group_is_found_by_its_mark_and_killed() {
        let mark = inside_own_run(&format!("unit-{}", std::process::id()));
        let mut child = Command::new("sleep")
            .arg("600")
            .env(MARKER, &mark)
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let found = marked(&mark);
        assert_eq!(
            found.iter().map(|process| process.id).collect::<Vec<_>>(),
            [i32::try_from(child.id()).unwrap()]
        );
        found.iter().for_each(kill);
        assert!(!child.wait().unwrap().success());
        assert!(marked(&mark).is_empty());
    }

    #[test]
    fn a_child_without_a_mark_is_found_by_its_group_and_killed() {
        let mut child = Command::new("sleep")
            .arg("600")
            .env_clear()
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let found = remaining(child.id(), "garrison-test-unit/none");
        assert_eq!(found.len(), 1);
        kill_group(child.id());
        assert!(!child.wait().unwrap().success());
        assert!(remaining(child.id(), "garrison-test-unit/none").is_empty());
    }
}
