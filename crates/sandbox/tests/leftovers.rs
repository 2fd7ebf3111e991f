//! What is left of a pool. Alone in its program: descriptors are counted for the whole process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs;
use std::time::{Duration, Instant};

use model::FileOutcome;
use setup::{definitions, judged, pool, scan, trusted};

/// A field of `/proc/PROCESS/status`; `None` when there is no such process.
fn status(process: u32, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim_start_matches(':').trim().to_owned())
}

/// Gone, or dead and not yet buried.
fn has_ended(process: u32) -> bool {
    status(process, "State").is_none_or(|state| state.starts_with('Z'))
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for 60 s");
        std::thread::yield_now();
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_pool_that_is_dropped_leaves_no_process_and_no_descriptor() {
    let before = descriptors();
    let pool = pool();
    let processes = [pool.template_process().unwrap(), pool.idle_processes()[0]];
    for how in ["crash", "abort", "exit", "open"] {
        let outcome = scan(&pool, format!("misbehave: {how}").as_bytes());
        assert!(matches!(outcome, FileOutcome::Failed { .. }), "{how}");
    }
    assert!(judged(scan(&pool, b"fine")).matches.is_empty());
    let during = descriptors();
    for revision in 2..6 {
        pool.reload(definitions(revision), &trusted()).unwrap();
        scan(&pool, b"misbehave: crash");
        assert!(judged(scan(&pool, b"fine")).matches.is_empty());
    }
    assert_eq!(descriptors(), during);
    drop(pool);
    assert_eq!(descriptors(), before);
    wait_until(|| processes.iter().all(|process| has_ended(*process)));
}
