//! The other scanner, for tests that compare.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at a broken expectation"
)]

use std::io::Write as _;

pub(crate) const CLAMSCAN: &str = "/usr/bin/clamscan";

/// Says that a test can't run here.
pub(crate) fn skipped(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {reason}");
    println!("{line}");
    if let Some(log) = std::env::var_os("GARRISON_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .unwrap();
        writeln!(log, "{line}").unwrap();
    }
}
