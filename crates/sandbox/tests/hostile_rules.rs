//! YARA rules that ask for more than a scan may take, matched by real workers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::os::fd::AsFd as _;
use std::time::Duration;

use model::{FileOutcome, Limit, ScanFailure};
use sandbox::Pool;
use scan::Limits;
use setup::{config, definitions_of, file, trusted};

const TIME: Duration = Duration::from_millis(1500);

/// Scans a file that a hostile rule never has done with, then one that it does not look at.
fn ends_with_the_limit_and_no_further_loss(rule: &str, content: &[u8]) {
    let rules = format!("{rule}\nrule harmless {{ strings: $a = \"NEEDLE\" condition: $a }}");
    let pool = Pool::new(config(), definitions_of(&rules, 1), &trusted()).unwrap();
    let short = Limits {
        time: TIME,
        ..setup::limits()
    };
    match pool.scan(file(content).as_fd(), &short) {
        FileOutcome::Judged { verdict } => {
            let limits: Vec<Limit> = verdict.limits.iter().map(|hit| hit.limit).collect();
            assert_eq!(limits, [Limit::Time], "{verdict:?}");
            assert!(!verdict.is_whole());
        }
        // The worker did not notice the time itself, and was ended.
        FileOutcome::Failed { failure } => {
            let expected = ScanFailure::TimedOut {
                limit_ms: 1500,
                member: Vec::new(),
            };
            assert_eq!(failure, expected);
        }
        other => panic!("expected a limit, got {other:?}"),
    }
    let verdict = setup::judged(setup::scan(&pool, b"a NEEDLE"));
    assert_eq!(verdict.matches.len(), 1, "{verdict:?}");
}

#[test]
fn a_loop_without_an_end_is_stopped_by_the_time_for_a_file() {
    ends_with_the_limit_and_no_further_loss(
        "rule endless { condition: filesize > 100 and \
         for all i in (0..0x7fffffffffff) : (i >= 0) }",
        &[b'x'; 200],
    );
}

#[test]
fn loops_within_loops_over_matches_are_stopped_by_the_time_for_a_file() {
    ends_with_the_limit_and_no_further_loss(
        "rule cubed { strings: $a = \"a\" condition: filesize > 100 and \
         for all i in (1..#a) : (for all j in (1..#a) : (for all k in (1..#a) : \
         (@a[i] + @a[j] + @a[k] >= 0))) }",
        &[b'a'; 20_000],
    );
}

#[test]
fn a_regular_expression_that_takes_ages_is_stopped_by_the_time_for_a_file() {
    ends_with_the_limit_and_no_further_loss(
        "rule slow { strings: $a = /ab(a|b|ab|ba){1,3000}(a|b|ab|ba){1,3000}c/ \
         condition: filesize > 100 and $a }",
        &b"ab".repeat(1 << 20),
    );
}
