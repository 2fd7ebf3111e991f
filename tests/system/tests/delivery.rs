//! Events reach the manager once, whoever is killed in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use system_tests::system::{LIMIT, Place, System, eicar, said};
use system_tests::wait::{Seen, until};

/// Numbers from a seed that is printed: SplitMix64.
struct Dice(u64);

impl Dice {
    fn new() -> Dice {
        let seed = match std::env::var("GARRISON_TEST_SEED") {
            Ok(text) => text.parse().unwrap(),
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        println!("GARRISON_TEST_SEED={seed}");
        Dice(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn kill(id: u32) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(id, Signal::KILL).unwrap();
}

/// Scans one file by the local command; `true` when the agent took the finding over.
fn scan_locally(place: &Place, file: &Path) -> bool {
    let agent = place.data().join("agent");
    let words = [
        "scan",
        "--data",
        agent.to_str().unwrap(),
        file.to_str().unwrap(),
    ];
    let output = place.garrison_agent(words).unwrap();
    let text = said(&output);
    println!("{}: {}: {text}", file.display(), output.status);
    output.status.code() == Some(1)
        && !text.contains("did not record")
        && !text.contains("did not answer")
}

fn seen(place: &Place, file: &Path) -> u64 {
    let path = file.to_str().unwrap();
    let items = place.items(&["detections", "list"]).unwrap();
    items
        .iter()
        .filter(|item| item["path"] == path)
        .map(|item| item["times_seen"].as_u64().unwrap())
        .sum()
}

fn until_delivered(system: &System<'_>) {
    let place = system.place();
    let device = system.device().unwrap();
    until("the agent has delivered everything", LIMIT, || {
        // A manager that was killed is on its way back.
        place.try_ctl(&["devices", "check-in", &device])?;
        let output = place.try_ctl(&["devices", "show", &device])?;
        let Ok(shown) = serde_json::from_slice::<Value>(&output.stdout) else {
            return Ok(Seen::NotYet(said(&output)));
        };
        let empty = shown["connected"] == true && shown["state"]["spooled_events"] == 0;
        Ok(if empty {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{shown:#}"))
        })
    })
    .unwrap();
}

#[test]
fn manager_down_agent_spools_then_delivers_once() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let files = place.path().join("files");
    std::fs::create_dir(&files).unwrap();

    // Stopped, not killed: nobody starts it again, and nobody answers.
    let manager = system.process("manager").unwrap();
    let id = Pid::from_raw(i32::try_from(manager).unwrap()).unwrap();
    kill_process(id, Signal::STOP).unwrap();
    let mut found = Vec::new();
    for name in ["one", "two", "three"] {
        let file = files.join(name);
        std::fs::write(&file, eicar()).unwrap();
        assert!(scan_locally(&place, &file), "with no manager in reach");
        found.push(file);
    }
    // The agent dies with what it spooled, and then the manager.
    let agent = system.process("agent").unwrap();
    kill(agent);
    system.another("agent", agent).unwrap();
    kill(manager);
    system.another("manager", manager).unwrap();

    for file in &found {
        until("the spooled detection", LIMIT, || {
            let output = place.try_ctl(&["detections", "list"])?;
            let path = file.to_str().unwrap();
            Ok(if said(&output).contains(path) {
                Seen::Yes(())
            } else {
                Seen::NotYet(said(&output))
            })
        })
        .unwrap();
    }
    until_delivered(&system);
    for file in &found {
        assert_eq!(seen(&place, file), 1, "{}", file.display());
    }
    let device = place
        .ctl(&["devices", "show", &system.device().unwrap()])
        .unwrap();
    assert_eq!(device["events_lost"], 0, "{device:#}");
    system.stop().unwrap();
}

#[test]
fn kill_9_of_either_side_at_any_moment_loses_and_repeats_nothing() {
    // Few enough for no child to count as crashing in a loop.
    const KILLS: u64 = 3;
    let mut dice = Dice::new();
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let files = place.path().join("files");
    std::fs::create_dir(&files).unwrap();

    let mut certain = Vec::new();
    let mut uncertain = Vec::new();
    for round in 0..KILLS * 2 {
        let victim = if round % 2 == 0 { "manager" } else { "agent" };
        let id = system.process(victim).unwrap();
        let pause = Duration::from_millis(dice.below(150));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(pause);
                kill(id);
            });
            for number in 0..4 {
                let file = files.join(format!("{round}-{number}"));
                std::fs::write(&file, eicar()).unwrap();
                if scan_locally(&place, &file) {
                    certain.push(file);
                } else {
                    uncertain.push(file);
                }
            }
        });
        system.another(victim, id).unwrap();
    }
    until_delivered(&system);
    println!("{} taken over, {} not", certain.len(), uncertain.len());
    assert!(!certain.is_empty());
    for file in &certain {
        assert_eq!(seen(&place, file), 1, "{}", file.display());
    }
    for file in &uncertain {
        assert!(seen(&place, file) <= 1, "{}", file.display());
    }
    let device = place
        .ctl(&["devices", "show", &system.device().unwrap()])
        .unwrap();
    assert_eq!(device["events_lost"], 0, "{device:#}");
    system.stop().unwrap();
}
