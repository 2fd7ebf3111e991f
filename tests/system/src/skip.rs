//! How a test says that it can't run here: a line that the runner counts.

use std::io::Write;
use std::path::PathBuf;

/// Leaves the line `SKIPPED: test: reason`; the test returns after it.
///
/// # Panics
/// Where the runner's skip log can't be written: the skip would count as a pass.
#[expect(
    clippy::expect_used,
    reason = "a skip that is lost counts as a pass, so the test must fail"
)]
pub fn skip(test: &str, reason: &str) {
    let line = line(test, reason);
    println!("{line}");
    if let Some(log) = std::env::var_os("GARRISON_SKIP_LOG").map(PathBuf::from) {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .expect("the file named by GARRISON_SKIP_LOG takes a line");
    }
}

fn line(test: &str, reason: &str) -> String {
    format!("SKIPPED: {test}: {}", reason.replace('\n', " "))
}

/// Whether this test runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stays_on_its_line() {
        assert_eq!(line("a::b", "no\nroot"), "SKIPPED: a::b: no root");
    }
}
