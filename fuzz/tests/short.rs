//! A short round of each target: its seeds, and changed seeds that are the same each time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use fuzz::change::{Numbers, change};
use fuzz::{ALL, Target};

/// Two threads of tests have half of the targets each.
fn round(half: usize) {
    for (_, target) in ALL
        .iter()
        .enumerate()
        .filter(|(place, _)| place % 2 == half)
    {
        run(target);
    }
}

fn run(target: &Target) {
    let seeds = target.all_seeds();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for (number, seed) in seeds.iter().enumerate() {
        check(target, seed, &format!("seed {number}"));
    }
    for number in 0..target.short {
        let mut numbers = Numbers::new((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = seeds[numbers.below(seeds.len())].clone();
        change(&mut bytes, target.words, target.most_bytes, &mut numbers);
        check(target, &bytes, &format!("change {number}"));
    }
}

fn check(target: &Target, bytes: &[u8], which: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
        let shown: String = bytes
            .iter()
            .take(2000)
            .flat_map(|byte| byte.escape_ascii())
            .map(char::from)
            .collect();
        panic!("{}: {which}, {} bytes: {shown}", target.name, bytes.len());
    }
}

#[test]
fn each_reader_ends_well_on_changed_bytes() {
    round(0);
}

#[test]
fn each_other_reader_ends_well_on_changed_bytes() {
    round(1);
}
