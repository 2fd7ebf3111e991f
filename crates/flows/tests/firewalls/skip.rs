//! How a test says that it can't run here: a line that the runner counts.

use std::io::Write;
use std::process::{Command, Stdio};

/// Leaves the line `SKIPPED: test: reason`; the test returns after it.
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {}", reason.replace('\n', " "));
    println!("{line}");
    if let Some(log) = std::env::var_os("GARRISON_SKIP_LOG") {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .unwrap();
    }
}

/// Whether this runs as root, which loading rules needs, and the programs are there; else the
/// test is skipped.
pub(crate) fn can_load(test: &str, programs: &[&str]) -> bool {
    if !rustix::process::geteuid().is_root() {
        skip(test, "needs root for a network namespace");
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
            skip(test, &format!("{program} is not installed"));
            return false;
        }
    }
    true
}
