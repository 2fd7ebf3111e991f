//! How a test says that it can't run here: one line that the test runner counts.
//!
//! A test calls [`skip`] and returns. Nothing else belongs here, so that every crate can lean on
//! it in its tests and none outside them.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The variable that names the file which the runner reads the lines from.
const LOG: &str = "GARRISON_SKIP_LOG";

/// Leaves the line `SKIPPED: test: reason` in the output and in the runner's log, if it has one.
///
/// The line goes into the log by one write, so that tests which skip at the same time don't break
/// each other's lines.
///
/// # Panics
/// Where the log can't be written: a skip that is lost counts as a pass.
#[expect(
    clippy::expect_used,
    reason = "a skip that is lost counts as a pass, so the test must fail"
)]
pub fn skip(test: &str, reason: &str) {
    let line = line(test, reason);
    print!("{line}");
    if let Some(log) = std::env::var_os(LOG).map(PathBuf::from) {
        append(&log, &line).expect("the file named by GARRISON_SKIP_LOG takes a line");
    }
}

fn append(log: &Path, line: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)?;
    // `writeln!` would write the end of the line by itself.
    file.write_all(line.as_bytes())
}

fn line(test: &str, reason: &str) -> String {
    format!("SKIPPED: {test}: {}\n", reason.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stays_on_its_line() {
        assert_eq!(line("a::b", "no\nroot"), "SKIPPED: a::b: no root\n");
    }

    #[test]
    fn lines_written_at_the_same_time_stay_whole() {
        let name = format!("skip-lines-{}", std::process::id());
        let log = std::env::temp_dir().join(name);
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for _ in 0..200 {
                        append(log, &line(&writer.to_string(), "as all do")).expect("a line");
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&log).expect("the lines");
        std::fs::remove_file(&log).expect("removed");
        assert_eq!(text.lines().count(), 8 * 200);
        for line in text.lines() {
            let whole = line.starts_with("SKIPPED: ") && line.ends_with(": as all do");
            assert!(
                whole && line.len() == "SKIPPED: 0: as all do".len(),
                "{line}"
            );
        }
    }
}
