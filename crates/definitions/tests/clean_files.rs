//! Our own rules hit no file of a clean system. The folder is named by GARRISON_CORPUS (such as
//! `/usr` of a fresh installation), because going through one takes minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use definitions::load;
use scan::{Input, Limits, Scanner};
use setup::{TestWatch, open};

/// Larger files are left out: they are few, and what rules bound by size can't hit them.
const MAX_FILE_BYTES: u64 = 32 << 20;

fn skipped(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {reason}");
    println!("{line}");
    if let Some(log) = std::env::var_os("GARRISON_SKIP_LOG") {
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        writeln!(log, "{line}").unwrap();
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(metadata) = fs::symlink_metadata(entry.path()) else {
            continue;
        };
        if metadata.is_dir() {
            files(&entry.path(), found);
        } else if metadata.is_file() && metadata.len() <= MAX_FILE_BYTES {
            found.push(entry.path());
        }
    }
}

#[test]
fn no_rule_that_enforces_hits_a_clean_file() {
    let Some(corpus) = std::env::var_os("GARRISON_CORPUS") else {
        return skipped(
            "no_rule_that_enforces_hits_a_clean_file",
            "GARRISON_CORPUS names no folder of clean files",
        );
    };
    let mut paths = Vec::new();
    files(Path::new(&corpus), &mut paths);
    assert!(!paths.is_empty(), "no files in {corpus:?}");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    let definitions = open(&load(&[folder]).unwrap());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let hits = std::sync::Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut scanner = Scanner::new(&definitions);
                let limits = Limits {
                    depth: 2,
                    ..Limits::default()
                };
                while let Some(path) =
                    paths.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                {
                    let Ok(bytes) = fs::read(path) else {
                        continue;
                    };
                    let mut watch = TestWatch::default();
                    let verdict = scanner.scan(Input::whole(&bytes), &limits, &mut watch);
                    for found in &verdict.matches {
                        let member = found.member.join(" > ");
                        let line = format!(
                            "{:?} {} {} {member}",
                            found.maturity,
                            found.rule,
                            path.display()
                        );
                        println!("{line}");
                        hits.lock()
                            .unwrap()
                            .push((found.maturity == model::Maturity::Enforcing, line));
                    }
                }
            });
        }
    });
    let hits = hits.into_inner().unwrap();
    println!("{} files, {} hits in all", paths.len(), hits.len());
    let enforcing: Vec<&String> = hits
        .iter()
        .filter(|(enforcing, _)| *enforcing)
        .map(|(_, line)| line)
        .collect();
    assert!(enforcing.is_empty(), "{enforcing:#?}");
}
