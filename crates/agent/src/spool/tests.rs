use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use model::event::Gap;
use uuid::Uuid;

use super::*;

const BUDGET: u64 = 64 << 20;

fn refused(text: &str) -> EventBody {
    EventBody::Refused {
        what: text.to_owned(),
        reason: "r".repeat(200),
    }
}

fn result(command: CommandId) -> EventBody {
    EventBody::CommandResult {
        command,
        outcome: CommandOutcome::Done,
    }
}

fn read(batch: &Batch) -> EventBatch {
    let plain = zstd::bulk::decompress(&batch.compressed, batch_limits::PLAIN_BYTES).unwrap();
    serde_json::from_slice(&plain).unwrap()
}

fn whole(spool: &Spool) -> Option<EventBatch> {
    spool.batch().unwrap().as_ref().map(read)
}

fn receipt(spool: &SpoolId, through: u64) -> EventReceipt {
    EventReceipt {
        spool: spool.clone(),
        stored_through: Sequence(through),
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_763_733_780_123)
}

#[test]
fn events_come_back_in_order_until_they_are_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.redb");
    let spool = Spool::open(path.clone(), BUDGET);
    assert!(whole(&spool).is_none());
    assert_eq!(
        spool.append(now(), &[refused("a"), refused("b")]).unwrap(),
        Sequence(1)
    );
    assert_eq!(spool.append(now(), &[refused("c")]).unwrap(), Sequence(3));
    drop(spool);
    let spool = Spool::open(path, BUDGET);
    let batch = whole(&spool).unwrap();
    let sequences: Vec<u64> = batch.events.iter().map(|event| event.sequence.0).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert_eq!(batch.events[2].body, refused("c"));
    assert_eq!(batch.events[2].time, now());
    spool.acknowledge(&receipt(&batch.spool, 2)).unwrap();
    assert_eq!(whole(&spool).unwrap().events[0].sequence, Sequence(3));
    spool.acknowledge(&receipt(&batch.spool, 3)).unwrap();
    assert!(whole(&spool).is_none());
    assert_eq!(spool.state().bytes, 0);
    assert_eq!(spool.append(now(), &[refused("d")]).unwrap(), Sequence(4));
}

#[test]
fn a_receipt_for_another_spool_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("agent.redb"), BUDGET);
    spool.append(now(), &[refused("a")]).unwrap();
    spool
        .acknowledge(&receipt(&SpoolId("other".into()), 1))
        .unwrap();
    assert_eq!(whole(&spool).unwrap().events.len(), 1);
}

#[test]
fn the_budget_evicts_the_disposable_first_and_tells_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("agent.redb"), 4000);
    let command = CommandId::generate();
    spool.append(now(), &[result(command)]).unwrap();
    for number in 0..100 {
        spool
            .append(now(), &[refused(&number.to_string())])
            .unwrap();
    }
    let batch = whole(&spool).unwrap();
    assert_eq!(batch.events[0].body, result(command));
    assert_eq!(batch.gaps.len(), 1);
    assert_eq!(batch.gaps[0].first, Sequence(2));
    assert_eq!(batch.events.last().unwrap().sequence, Sequence(101));
    assert_covers(&batch, 1, 101);
    let state = spool.state();
    let lost = batch.gaps[0].last.0 - batch.gaps[0].first.0 + 1;
    assert_eq!(state.losses.events_evicted, lost);
    assert!(state.bytes <= 4000);

    // When only the others are left, the oldest of them goes.
    for _ in 0..100 {
        spool
            .append(now(), &[result(CommandId::generate())])
            .unwrap();
    }
    let batch = whole(&spool).unwrap();
    assert_covers(&batch, 1, 201);
    assert_eq!(batch.gaps.first().unwrap().first, Sequence(1));
    assert!(
        batch
            .events
            .iter()
            .all(|event| event.body.is_kept_longest())
    );
}

#[test]
fn one_event_larger_than_a_batch_may_be_is_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("agent.redb"), BUDGET);
    let huge = refused(&"x".repeat(MAX_EVENT_BYTES));
    assert!(matches!(
        spool.append(now(), &[huge]),
        Err(SpoolError::TooLarge { .. })
    ));
    assert_eq!(spool.state().losses.events_unwritten, 1);
}

#[test]
fn batches_keep_their_limits_and_leave_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("agent.redb"), BUDGET);
    let incompressible = || {
        (0..6000)
            .map(|_| Uuid::new_v4().simple().to_string())
            .collect::<String>()
    };
    let bodies: Vec<EventBody> = (0..20).map(|_| refused(&incompressible())).collect();
    spool.append(now(), &bodies).unwrap();
    let many: Vec<EventBody> = (0..2500).map(|n| refused(&n.to_string())).collect();
    spool.append(now(), &many).unwrap();
    let mut next = 1;
    while let Some(batch) = spool.batch().unwrap() {
        assert!(batch.compressed.len() <= batch_limits::COMPRESSED_BYTES);
        let content = read(&batch);
        assert!(content.events.len() + content.gaps.len() <= batch_limits::ITEMS);
        assert_covers(&content, next, batch.through.0);
        next = batch.through.0 + 1;
        spool
            .acknowledge(&receipt(&batch.spool, batch.through.0))
            .unwrap();
    }
    assert_eq!(next, 2521);
}

#[test]
fn a_new_identity_gets_a_new_spool_with_what_was_undelivered() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("agent.redb"), 4000);
    for number in 0..40 {
        spool
            .append(now(), &[refused(&number.to_string())])
            .unwrap();
    }
    let before = whole(&spool).unwrap();
    spool.acknowledge(&receipt(&before.spool, 30)).unwrap();
    let new = spool.begin_anew().unwrap();
    assert_ne!(new, before.spool);
    let batch = whole(&spool).unwrap();
    assert_eq!(batch.spool, new);
    assert_covers(&batch, 1, 10);
    assert_eq!(batch.events.last().unwrap().body, refused("39"));
    assert_eq!(spool.append(now(), &[refused("x")]).unwrap(), Sequence(11));
}

#[test]
fn a_receipt_from_the_future_of_an_older_disk_starts_a_new_spool() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path().join("agent.redb"), BUDGET);
    spool.append(now(), &[refused("a")]).unwrap();
    let before = whole(&spool).unwrap();
    spool.acknowledge(&receipt(&before.spool, 7)).unwrap();
    let after = whole(&spool).unwrap();
    assert_ne!(after.spool, before.spool);
    assert_eq!(after.events.len(), 1);
}

#[test]
fn a_command_begins_once_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.redb");
    let id = CommandId::generate();
    let begin = |spool: &Spool| {
        spool
            .begin_command(id, Timestamp::from_millis(i64::MAX), now())
            .unwrap()
    };
    let spool = Spool::open(path.clone(), BUDGET);
    assert_eq!(begin(&spool), CommandMemory::Fresh);
    assert_eq!(begin(&spool), CommandMemory::Begun);
    drop(spool);
    let spool = Spool::open(path, BUDGET);
    assert_eq!(spool.begun_commands().unwrap(), [id]);
    spool.end_command(id, CommandOutcome::Done, now()).unwrap();
    assert_eq!(begin(&spool), CommandMemory::Ended);
    assert_eq!(whole(&spool).unwrap().events[0].body, result(id));
    assert!(spool.begun_commands().unwrap().is_empty());
}

#[test]
fn a_damaged_database_is_moved_aside_and_the_agent_goes_on() {
    let seed: u64 = rand_seed();
    println!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.redb");
    let spool = Spool::open(path.clone(), BUDGET);
    for number in 0..50 {
        spool
            .append(now(), &[refused(&number.to_string())])
            .unwrap();
    }
    let old = whole(&spool).unwrap().spool;
    drop(spool);
    let sound = std::fs::read(&path).unwrap();

    // No database at all; cut; bytes altered all over the place.
    let mut altered = sound.clone();
    let mut state = seed | 1;
    for _ in 0..2000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = usize::try_from(state >> 33).unwrap() % altered.len();
        altered[at] ^= 0x55;
    }
    for content in [
        b"hello, I am no database".to_vec(),
        sound[..sound.len() / 2].to_vec(),
        altered,
    ] {
        std::fs::write(&path, content).unwrap();
        let spool = Spool::open(path.clone(), BUDGET);
        assert_eq!(spool.append(now(), &[refused("new")]).unwrap(), Sequence(1));
        let batch = whole(&spool).unwrap();
        assert_ne!(batch.spool, old);
        let aside = spool.state().moved_aside;
        assert_eq!(aside.len(), 1);
        assert!(aside[0].exists());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

/// The tests below run this very test program again, as the child named by this variable.
const CHILD: &str = "GARRISON_TEST_SPOOL_CHILD";

fn child(test: &str, spool: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "--nocapture",
            "--test-threads=1",
            &format!("spool::tests::{test}"),
        ])
        .env(CHILD, spool);
    command
}

#[test]
fn no_answered_append_is_lost_to_kill_and_no_sequence_is_given_twice() {
    if let Ok(path) = std::env::var(CHILD) {
        let spool = Spool::open(path.into(), BUDGET);
        for number in 0.. {
            let sequence = spool
                .append(now(), &[refused(&format!("{number}"))])
                .unwrap();
            println!("\nANSWERED {} {number}", sequence.0);
        }
    }
    let mut state = rand_seed();
    println!("seed {state}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.redb");
    let mut answered: Vec<(u64, String)> = Vec::new();
    for _ in 0..6 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let wanted = 1 + usize::try_from(state >> 33).unwrap() % 40;
        let mut running = child(
            "no_answered_append_is_lost_to_kill_and_no_sequence_is_given_twice",
            &path,
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let mut seen = 0;
        // Killed after `wanted` answers, at whatever the child does then; the rest of the pipe counts too.
        while let Some(Ok(line)) = lines.next() {
            let Some(answer) = line.strip_prefix("ANSWERED ") else {
                continue;
            };
            let (sequence, number) = answer.split_once(' ').unwrap();
            answered.push((sequence.parse().unwrap(), number.to_owned()));
            seen += 1;
            if seen == wanted {
                running.kill().unwrap();
            }
        }
        running.wait().unwrap();
        assert!(seen >= wanted);
    }
    let mut sequences: Vec<u64> = answered.iter().map(|(sequence, _)| *sequence).collect();
    sequences.dedup();
    assert_eq!(
        sequences.len(),
        answered.len(),
        "a sequence was given twice"
    );
    let spool = Spool::open(path, BUDGET);
    let mut stored = std::collections::BTreeMap::new();
    while let Some(batch) = spool.batch().unwrap() {
        for event in read(&batch).events {
            stored.insert(event.sequence.0, event.body);
        }
        spool
            .acknowledge(&receipt(&batch.spool, batch.through.0))
            .unwrap();
    }
    for (sequence, number) in answered {
        assert_eq!(
            stored.get(&sequence),
            Some(&refused(&number)),
            "event {sequence}"
        );
    }
}

#[test]
fn a_full_disk_is_counted_and_the_spool_recovers() {
    if let Ok(path) = std::env::var(CHILD) {
        // Files of this process can't grow past a limit that its shell set.
        let spool = Spool::open(path.into(), BUDGET);
        let mut stored = 0_u64;
        let failing = loop {
            match spool.append(now(), &[refused(&"y".repeat(4000))]) {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
            assert!(stored < 100_000);
        };
        let state = spool.state();
        assert!(state.failing.is_some());
        assert!(failing.to_string().contains("make room"), "{failing}");
        // What is delivered makes room again, and then the count is told.
        while let Some(batch) = spool.batch().unwrap() {
            spool
                .acknowledge(&receipt(&batch.spool, batch.through.0))
                .unwrap();
        }
        spool.append(now(), &[refused("after")]).unwrap();
        assert!(spool.state().losses.events_unwritten >= 1);
        assert!(spool.state().failing.is_none());
        println!("\nRECOVERED after {stored}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let inner = child(
        "a_full_disk_is_counted_and_the_spool_recovers",
        &folder.path().join("agent.redb"),
    );
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 12000; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(CHILD, folder.path().join("agent.redb"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("RECOVERED"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn assert_covers(batch: &EventBatch, first: u64, last: u64) {
    let mut spans: Vec<Gap> = batch.gaps.clone();
    spans.extend(batch.events.iter().map(|event| Gap {
        first: event.sequence,
        last: event.sequence,
    }));
    spans.sort_by_key(|span| span.first);
    let mut next = first;
    for span in spans {
        assert_eq!(span.first.0, next);
        next = span.last.0 + 1;
    }
    assert_eq!(next, last + 1);
}

fn rand_seed() -> u64 {
    u64::from_le_bytes(Uuid::new_v4().as_bytes()[..8].try_into().unwrap())
}
