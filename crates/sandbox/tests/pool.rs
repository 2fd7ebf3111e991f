//! The pool with real workers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs::{File, OpenOptions};
use std::io::{Cursor, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use model::{FileOutcome, Limit, ScanFailure, SkipReason};
use sandbox::{Pool, PoolConfig, PoolError};
use scan::{DefinitionsError, Limits, TrustedKeys};
use setup::{config, definitions, definitions_of, file, judged, limits, pool, scan, trusted};

fn failure(outcome: FileOutcome) -> ScanFailure {
    match outcome {
        FileOutcome::Failed { failure } => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn still_works(pool: &Pool) {
    assert!(judged(scan(pool, b"nothing")).matches.is_empty());
    let verdict = judged(scan(pool, b"a NEEDLE in hay"));
    assert_eq!(verdict.matches.len(), 1, "{verdict:?}");
}

fn zip_with(names: &[&str]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"harmless").unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_match_comes_back_with_rule_revision_and_hashes() {
    let pool = pool();
    let verdict = judged(scan(&pool, b"a NEEDLE in hay"));
    assert_eq!(verdict.matches[0].rule, "Test.Needle.1");
    assert_eq!(verdict.definitions.0, 1);
    assert_eq!(verdict.hashes.as_ref(), Some(&verdict.matches[0].hashes));
    assert_eq!(verdict.size, 15);
    assert_eq!((pool.counts().yara, pool.revision().0), (1, 1));
    assert_eq!(pool.signer(), setup::key().public_key());
}

#[test]
fn a_crash_costs_one_file_and_names_the_signal() {
    let pool = pool();
    let lost = failure(scan(&pool, b"misbehave: crash"));
    let expected = ScanFailure::WorkerCrashed {
        signal: Some(11),
        member: Vec::new(),
    };
    assert_eq!(lost, expected);
    still_works(&pool);
    for how in ["abort", "panic", "exit"] {
        let lost = failure(scan(&pool, format!("misbehave: {how}").as_bytes()));
        assert!(
            matches!(lost, ScanFailure::WorkerCrashed { .. }),
            "{how}: {lost:?}"
        );
    }
    still_works(&pool);
}

#[test]
fn a_crash_inside_a_container_names_the_member() {
    let pool = pool();
    let lost = failure(scan(&pool, &zip_with(&["before", "crash-here", "after"])));
    let expected = ScanFailure::WorkerCrashed {
        signal: Some(11),
        member: vec!["crash-here".into()],
    };
    assert_eq!(lost, expected);
    still_works(&pool);
}

#[test]
fn a_hang_is_stopped_and_names_the_member() {
    let pool = pool();
    let short = Limits {
        time: Duration::from_millis(300),
        ..limits()
    };
    let hanging = file(&zip_with(&["hang-here"]));
    let lost = failure(pool.scan(hanging.as_fd(), &short));
    let expected = ScanFailure::TimedOut {
        limit_ms: 300,
        member: vec!["hang-here".into()],
    };
    assert_eq!(lost, expected);
    still_works(&pool);
}

#[test]
fn a_worker_that_eats_memory_is_stopped_and_said_so() {
    let mut config = config();
    config.memory_bytes = 256 << 20;
    let pool = Pool::new(config, definitions(1), &trusted()).unwrap();
    let lost = failure(scan(&pool, b"misbehave: memory"));
    assert_eq!(lost, ScanFailure::OutOfMemory { member: Vec::new() });
    still_works(&pool);
}

#[test]
fn a_file_too_large_for_memory_is_said_so_and_the_worker_lives() {
    let mut config = config();
    config.memory_bytes = 128 << 20;
    let pool = Pool::new(config, definitions(1), &trusted()).unwrap();
    let workers = pool.idle_processes();
    let sparse = tempfile::NamedTempFile::new().unwrap();
    sparse.as_file().set_len(200 << 20).unwrap();
    let read_only = File::open(sparse.path()).unwrap();
    let lost = failure(pool.scan(read_only.as_fd(), &limits()));
    assert_eq!(lost, ScanFailure::OutOfMemory { member: Vec::new() });
    assert_eq!(pool.idle_processes(), workers);
}

#[test]
fn a_huge_sparse_file_is_scanned_up_to_its_limit() {
    let pool = pool();
    let sparse = tempfile::NamedTempFile::new().unwrap();
    sparse.as_file().write_all(b"NEEDLE").unwrap();
    sparse.as_file().set_len(1 << 42).unwrap();
    let read_only = File::open(sparse.path()).unwrap();
    let small = Limits {
        file_bytes: 4 << 20,
        ..limits()
    };
    let verdict = judged(pool.scan(read_only.as_fd(), &small));
    assert_eq!(verdict.limits[0].limit, Limit::FileSize);
    assert_eq!((verdict.size, verdict.scanned_bytes), (1 << 42, 4 << 20));
    assert_eq!(verdict.matches.len(), 1);
    assert_eq!(verdict.hashes, None);
}

#[test]
fn what_is_no_file_is_skipped_and_a_writable_descriptor_is_refused() {
    let pool = pool();
    let null = File::open("/dev/null").unwrap();
    let skipped = FileOutcome::Skipped {
        reason: SkipReason::CharacterDevice,
    };
    assert_eq!(pool.scan(null.as_fd(), &limits()), skipped);
    let (pipe, _writer) = std::io::pipe().unwrap();
    let skipped = FileOutcome::Skipped {
        reason: SkipReason::Fifo,
    };
    assert_eq!(pool.scan(pipe.as_fd(), &limits()), skipped);
    let folder = File::open("/").unwrap();
    let lost = failure(pool.scan(folder.as_fd(), &limits()));
    assert!(matches!(lost, ScanFailure::Unreadable { .. }), "{lost:?}");

    let named = tempfile::NamedTempFile::new().unwrap();
    let writable = OpenOptions::new()
        .read(true)
        .write(true)
        .open(named.path())
        .unwrap();
    let lost = failure(pool.scan(writable.as_fd(), &limits()));
    assert!(matches!(lost, ScanFailure::Unreadable { .. }), "{lost:?}");
    still_works(&pool);
}

#[test]
fn a_file_that_shrinks_meanwhile_is_changed() {
    // Whoever cuts it races with the worker: repeat until the cut fell into the reading.
    let pool = pool();
    let named = tempfile::NamedTempFile::new().unwrap();
    let read_only = File::open(named.path()).unwrap();
    for attempt in 0..200 {
        named.as_file().set_len(64 << 20).unwrap();
        let outcome = std::thread::scope(|scope| {
            let cutter = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(attempt % 20));
                named.as_file().set_len(10).unwrap();
            });
            let outcome = pool.scan(read_only.as_fd(), &limits());
            cutter.join().unwrap();
            outcome
        });
        if let FileOutcome::Failed { failure } = outcome {
            assert_eq!(failure, ScanFailure::Changed);
            return;
        }
    }
    panic!("no cut out of 200 fell into the reading");
}

#[test]
fn reload_replaces_definitions_and_refuses_older_and_foreign_ones() {
    let pool = pool();
    let before = pool.idle_processes();
    assert_eq!(pool.reload(definitions(3), &trusted()).unwrap().0, 3);
    assert_ne!(pool.idle_processes(), before);
    let verdict = judged(scan(&pool, b"NEEDLE"));
    assert_eq!(verdict.matches[0].rule, "Test.Needle.3");
    assert_eq!(verdict.definitions.0, 3);

    let older = pool.reload(definitions(2), &trusted()).unwrap_err();
    assert!(matches!(older, PoolError::Revision(_)), "{older}");
    let stranger = pool
        .reload(definitions(4), &TrustedKeys::none())
        .unwrap_err();
    let expected = |error: &PoolError| {
        matches!(
            error,
            PoolError::Definitions(DefinitionsError::SignedByStranger { .. })
        )
    };
    assert!(expected(&stranger), "{stranger}");
    assert_eq!(pool.revision().0, 3);
    still_works(&pool);
}

#[test]
fn many_threads_share_few_workers() {
    let pool = pool();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    still_works(&pool);
                }
            });
        }
    });
    assert!(pool.idle_processes().len() <= 2);
}

#[test]
fn a_full_pool_says_so_when_the_wait_is_over() {
    let config = PoolConfig {
        workers: 1,
        wait_time: Duration::from_millis(50),
        ..config()
    };
    let pool = Pool::new(config, definitions(1), &trusted()).unwrap();
    let short = Limits {
        time: Duration::from_secs(1),
        ..limits()
    };
    std::thread::scope(|scope| {
        let hanging = scope.spawn(|| pool.scan(file(b"misbehave: hang").as_fd(), &short));
        while !pool.idle_processes().is_empty() {
            std::thread::yield_now();
        }
        let lost = failure(scan(&pool, b"waiting"));
        assert!(matches!(lost, ScanFailure::NoWorker { .. }), "{lost:?}");
        let lost = failure(hanging.join().unwrap());
        assert!(matches!(lost, ScanFailure::TimedOut { .. }), "{lost:?}");
    });
}

#[test]
fn a_program_that_is_no_worker_is_an_error() {
    let mut config = config();
    config.worker.program = "/bin/true".into();
    let error = Pool::new(config, definitions(1), &trusted()).unwrap_err();
    assert!(matches!(error, PoolError::NoWorker { .. }), "{error}");
}

/// A worker may make no thread, and yara-x makes one in its first scan with a limit on its time:
/// it has to be there although the rules that it began with need a rare text.
#[test]
fn rules_that_few_files_meet_are_matched_in_a_worker() {
    let rule = "rule rare { strings: $a = \"a long text that hardly any file has in it\" \
                condition: $a }";
    let pool = Pool::new(config(), definitions_of(rule, 1), &trusted()).unwrap();
    assert!(judged(scan(&pool, b"nothing of it")).matches.is_empty());
    let verdict = judged(scan(
        &pool,
        b"so: a long text that hardly any file has in it",
    ));
    assert_eq!(verdict.matches.len(), 1);
}
