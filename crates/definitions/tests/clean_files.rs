//! Our own rules hit no file that the system's packages brought: a part of them here, all of them
//! in the long proof (GARRISON_SOAK), where going through them takes minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs;
use std::path::{Path, PathBuf};

use definitions::load;
use scan::{Input, Limits, Scanner};
use setup::{TestWatch, open, own_content};

/// Larger files are left out: they are few, and what rules bound by size can't hit them.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// Files that are looked at when there is little time.
const FILES_IN_SHORT: usize = 400;

/// Where packages put files, and nobody else.
fn folders() -> Vec<PathBuf> {
    let all = ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/etc"];
    all.iter()
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir())
        .collect()
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
    let in_full = std::env::var_os("GARRISON_SOAK").is_some();
    let mut paths = Vec::new();
    for folder in folders() {
        files(&folder, &mut paths);
    }
    paths.sort();
    assert!(!paths.is_empty(), "no files in {:?}", folders());
    if !in_full {
        // Evenly from everywhere, and the same ones each time.
        let step = paths.len().div_ceil(FILES_IN_SHORT);
        paths = paths.into_iter().step_by(step).collect();
    }
    let definitions = open(&load(&[own_content()]).unwrap());
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
    if let Some(log) = std::env::var_os("GARRISON_SOAK_LOG") {
        let counts = format!("files: {}\nhits: {}\n", paths.len(), hits.len());
        fs::write(log, counts).unwrap();
    }
    let enforcing: Vec<&String> = hits
        .iter()
        .filter(|(enforcing, _)| *enforcing)
        .map(|(_, line)| line)
        .collect();
    assert!(enforcing.is_empty(), "{enforcing:#?}");
}
