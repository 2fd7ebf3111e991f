//! Which processes a process has started, and those in turn, from /proc.

use std::collections::BTreeMap;

use anyhow::Context;

/// A process, as `proc(5)` tells of it in `stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub id: u32,
    pub parent: u32,
    /// At most 15 bytes, and of a process that runs another file again, that file's name.
    pub command: String,
}

/// `root` and every process below it. Dead ones that nobody has waited for are left out.
///
/// # Errors
/// Where /proc can't be listed.
pub fn of(root: u32) -> anyhow::Result<Vec<Process>> {
    let all = every()?;
    let mut found: Vec<Process> = all.get(&root).cloned().into_iter().collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.id) {
        found.extend(
            all.values()
                .filter(|process| process.parent == parent && process.id != root)
                .cloned(),
        );
        next += 1;
    }
    Ok(found)
}

fn every() -> anyhow::Result<BTreeMap<u32, Process>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").context("/proc")? {
        let Ok(entry) = entry else { continue };
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process may end between the listing and the look.
        let Ok(bytes) = std::fs::read(entry.path().join("stat")) else {
            continue;
        };
        if let Some(process) = parse_stat(id, &String::from_utf8_lossy(&bytes)) {
            all.insert(id, process);
        }
    }
    Ok(all)
}

/// id (command) state parent …; the command may hold anything.
fn parse_stat(id: u32, text: &str) -> Option<Process> {
    let (_, rest) = text.split_once('(')?;
    let (command, rest) = rest.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let dead = matches!(state, "Z" | "X");
    (!dead).then(|| Process {
        id,
        parent,
        command: command.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_is_read_whole() {
        let process = parse_stat(9, "9 (a) (b) S 4 9 9").unwrap();
        assert_eq!((process.parent, process.command.as_str()), (4, "a) (b"));
    }

    #[test]
    fn a_dead_process_is_left_out() {
        assert_eq!(parse_stat(9, "9 (a) Z 4 9 9"), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_an_empty_tree() {
        // The kernel gives no process an id above 2^22.
        assert!(of(u32::MAX).unwrap().is_empty());
    }

    #[test]
    fn this_process_is_the_root_of_its_tree() {
        let own = std::process::id();
        assert_eq!(
            of(own).unwrap().first().map(|process| process.id),
            Some(own)
        );
    }
}
