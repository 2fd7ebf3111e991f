//! What loading rules takes, and whether it is here.

use std::process::{Command, Stdio};

/// Whether this runs as root, which loading rules needs, and the programs are there; else the
/// test is skipped.
pub(crate) fn can_load(test: &str, programs: &[&str]) -> bool {
    if !rustix::process::geteuid().is_root() {
        skip::skip(test, "needs root for a network namespace");
        return false;
    }
    for program in programs.iter().chain(&["unshare", "nsenter", "ip"]) {
        let there = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if there.is_err() {
            skip::skip(test, &format!("{program} is not installed"));
            return false;
        }
    }
    true
}
