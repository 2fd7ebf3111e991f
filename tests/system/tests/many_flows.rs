//! A thousand flows behind a slow wire: all of them are checked, side by side and within the
//! bound. How fast is measured by `cargo xtask bench doctor`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::time::{Duration, Instant};

use system_tests::lab::many::{DELAY, FLOWS, ManyFlows};
use system_tests::lab::{can_make, slow};
use system_tests::places;

/// Ten times what the doctor is to need.
const LIMIT: Duration = Duration::from_secs(30);
const PARALLEL: u64 = 64;

#[test]
fn a_thousand_flows_behind_a_slow_wire_are_checked_side_by_side_and_within_the_bound() {
    let test = "a_thousand_flows_behind_a_slow_wire_are_checked_side_by_side_and_within_the_bound";
    if !can_make(test, &["python3", "node", "openssl"]) {
        return;
    }
    if !slow::can_be_made() {
        skip::skip(test, "this kernel has no TAP devices");
        return;
    }
    let folder = places::temporary().unwrap();
    let mut lab = ManyFlows::open(folder.path()).unwrap();
    // The wire is as slow as it is said to be: there and back.
    let begun = Instant::now();
    assert!(
        lab.client()
            .connects((lab.server(), 443).into(), LIMIT)
            .unwrap()
    );
    assert!(begun.elapsed() >= DELAY * 2, "{:?}", begun.elapsed());
    let (carried_before, before) = lab.counted().unwrap();

    let program = places::program("garrison-flows").unwrap();
    let seconds = LIMIT.as_secs().to_string();
    let parallel = PARALLEL.to_string();
    let more = ["--time", &seconds, "--parallel", &parallel];
    let run = lab.examine(&program, &more).unwrap();
    run.all_work().unwrap();
    assert_eq!(run.report["checked"], FLOWS);
    let (carried, served) = lab.counted().unwrap();
    println!(
        "{:?}, {} KiB, {carried:?}, {served:?}",
        run.took, run.resident
    );
    let flows = u64::try_from(FLOWS).unwrap();
    assert_eq!(served.handshakes - before.handshakes, flows);
    assert_eq!(served.requests - before.requests, flows);
    assert_eq!(carried.lost, carried_before.lost);
    assert!(carried.frames > 10 * flows, "{carried:?}");
    assert!(served.most > 1 && served.most <= PARALLEL, "{served:?}");
}
