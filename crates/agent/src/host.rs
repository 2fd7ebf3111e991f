//! What the agent runs on.

use std::path::Path;

use model::health::HostFacts;

use crate::file;

/// Longer texts are cut; in characters.
const MAX_TEXT: usize = 200;

/// Asks the system.
#[must_use]
pub(crate) fn facts() -> HostFacts {
    let unknown = || "unknown".to_owned();
    HostFacts {
        hostname: line("/proc/sys/kernel/hostname").unwrap_or_else(unknown),
        os: os_name().unwrap_or_else(|| std::env::consts::OS.to_owned()),
        kernel: line("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        architecture: std::env::consts::ARCH.to_owned(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        privileged: rustix::process::geteuid().is_root(),
    }
}

fn line(path: &str) -> Option<String> {
    let text = file::read_text(Path::new(path)).ok().flatten()?;
    let text: String = text.trim().chars().take(MAX_TEXT).collect();
    (!text.is_empty()).then_some(text)
}

/// `PRETTY_NAME` of os-release(5).
fn os_name() -> Option<String> {
    let text = file::read_text(Path::new("/etc/os-release"))
        .ok()
        .flatten()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(
        value
            .trim_matches(['"', '\''])
            .chars()
            .take(MAX_TEXT)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_fact_is_known() {
        let facts = super::facts();
        for text in [facts.hostname, facts.os, facts.kernel, facts.architecture] {
            assert!(!text.is_empty());
        }
    }
}
