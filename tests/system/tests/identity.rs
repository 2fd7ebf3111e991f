//! Who is who: enrolment tokens, clones, revocation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use proto::EnrolmentToken;
use serde_json::Value;
use system_tests::system::{LIMIT, Place, said};
use system_tests::wait::{Seen, until};
use system_tests::{Launch, Lifeline, Running, clock, places};

/// An agent beside the one that `up` keeps.
fn agent(place: &Place, name: &str, token: Option<&Path>) -> Running {
    agent_launch(place, name, token).start().unwrap()
}

fn agent_launch(place: &Place, name: &str, token: Option<&Path>) -> Launch {
    let program = places::program("garrison-agent").unwrap();
    let data = place.path().join(name);
    let mut launch = Launch::new(program, place.path().join(format!("{name}.log")))
        .arguments(["run", "--lifeline", "--data", data.to_str().unwrap()])
        .lifeline(Lifeline::Held);
    if let Some(token) = token {
        launch = launch.arguments(["--token-file", token.to_str().unwrap()]);
    }
    launch
}

fn token(place: &Place, name: &str, more: &[&str]) -> PathBuf {
    let path = place.path().join(format!("{name}.token"));
    let mut words = vec![
        "tokens",
        "create",
        "--name",
        name,
        "-o",
        path.to_str().unwrap(),
    ];
    words.extend(more);
    place.ctl(&words).unwrap();
    path
}

fn standing(place: &Place, device: &str) -> Value {
    place.ctl(&["devices", "show", device]).unwrap()
}

#[test]
fn cloned_agent_folder_becomes_two_forks() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let origin = system.device().unwrap();
    system.stop().unwrap();

    // A machine that is copied while it is off, and both copies are switched on.
    let copied = Command::new("cp")
        .arg("-a")
        .args([place.data().join("agent"), place.path().join("clone")])
        .status()
        .unwrap();
    assert!(copied.success());
    let system = place.start().unwrap();
    let clone = agent(&place, "clone", None);

    // Each learns what became of it when it checks in again, which is within a minute by itself.
    let check_in = || {
        for data in [place.data().join("agent"), place.path().join("clone")] {
            let words = ["check-in", "--data", data.to_str().unwrap()];
            place.garrison_agent(words).unwrap();
        }
    };
    let forks = until("two forks that await approval", LIMIT, || {
        check_in();
        let devices = place.items(&["devices", "list"])?;
        let forks: Vec<String> = devices
            .iter()
            .filter(|device| {
                device["standing"] == "awaiting_approval" && device["fork_of"] == origin.as_str()
            })
            .map(|device| device["id"].as_str().unwrap().to_owned())
            .collect();
        Ok(if forks.len() == 2 {
            Seen::Yes(forks)
        } else {
            Seen::NotYet(format!("{devices:#?}\n{}", clone.log()))
        })
    })
    .unwrap();
    assert_eq!(standing(&place, &origin)["standing"], "suspended");

    for fork in &forks {
        place.ctl(&["devices", "approve", fork]).unwrap();
    }
    for fork in &forks {
        until("an approved fork is up to date", LIMIT, || {
            check_in();
            let device = standing(&place, fork);
            let good = device["standing"] == "approved"
                && device["connected"] == true
                && device["up_to_date"] == true;
            Ok(if good {
                Seen::Yes(())
            } else {
                Seen::NotYet(format!("{device:#}\n{}", clone.log()))
            })
        })
        .unwrap();
    }
    let devices = place.items(&["devices", "list"]).unwrap();
    assert_eq!(devices.len(), 3, "{devices:#?}");
    drop(clone);
    system.stop().unwrap();
}

#[test]
fn revoked_device_is_refused_at_once() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let file = token(&place, "second", &[]);
    let second = agent(&place, "second", Some(&file));
    let first = system.device().unwrap();
    let device = place
        .until_item("the second device", &["devices", "list"], |item| {
            (item["id"] != first.as_str() && item["connected"] == true)
                .then(|| item["id"].as_str().unwrap().to_owned())
        })
        .unwrap();

    place.ctl(&["devices", "revoke", &device]).unwrap();
    let data = place.path().join("second");
    until("the revoked device is cut off and knows why", LIMIT, || {
        // By itself it asks within a minute.
        place.garrison_agent(["check-in", "--data", data.to_str().unwrap()])?;
        let shown = standing(&place, &device);
        let log = second.log();
        Ok(if shown["connected"] == false && log.contains("revoked") {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{shown:#}\n{log}"))
        })
    })
    .unwrap();
    let seen = standing(&place, &device);
    assert_eq!(seen["standing"], "revoked");
    // Nothing of it is taken any more: it isn't seen again.
    let path = place.path().to_str().unwrap();
    let output = place
        .try_ctl(&["scan", "start", "--device", &device, path])
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(standing(&place, &device)["last_seen"], seen["last_seen"]);
    // The other one is none the worse for it.
    assert_eq!(standing(&place, &first)["connected"], true);
    drop(second);
    system.stop().unwrap();
}

#[test]
fn a_token_that_lets_nobody_in_says_why_and_what_to_do() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let refused = |name: &str, file: &Path| {
        let data = place.path().join(name);
        let output = place
            .garrison_agent([
                "enrol",
                "--data",
                data.to_str().unwrap(),
                "--token-file",
                file.to_str().unwrap(),
            ])
            .unwrap();
        let text = said(&output);
        assert!(!output.status.success(), "{name}: {text}");
        text
    };

    let once = token(&place, "once", &["--max-uses", "1"]);
    let data = place.path().join("good");
    let good = place
        .garrison_agent([
            "enrol",
            "--data",
            data.to_str().unwrap(),
            "--token-file",
            once.to_str().unwrap(),
        ])
        .unwrap();
    assert!(good.status.success(), "{}", said(&good));
    let text = refused("late", &once);
    assert!(
        text.contains("used up") && text.contains("new token"),
        "{text}"
    );

    let revoked = token(&place, "gone", &[]);
    let id = place
        .until_item("the token", &["tokens", "list"], |item| {
            (item["name"] == "gone").then(|| item["id"].as_str().unwrap().to_owned())
        })
        .unwrap();
    place.ctl(&["tokens", "revoke", &id]).unwrap();
    let text = refused("revoked", &revoked);
    assert!(
        text.contains("revoked") && text.contains("new token"),
        "{text}"
    );

    let wrong = token(&place, "wrong", &[]);
    let mut altered = EnrolmentToken::parse(&std::fs::read_to_string(&wrong).unwrap()).unwrap();
    altered.secret = "A".repeat(altered.secret.len());
    std::fs::write(&wrong, altered.to_text()).unwrap();
    let text = refused("wrong", &wrong);
    assert!(
        text.contains("not known") && text.contains("new token"),
        "{text}"
    );
    // Another site's CA: nothing is sent to whom the token doesn't pin.
    altered.ca_pin = "ab".repeat(32);
    std::fs::write(&wrong, altered.to_text()).unwrap();
    let text = refused("elsewhere", &wrong);
    assert!(text.contains("CA"), "{text}");

    let damaged = token(&place, "damaged", &[]);
    let whole = std::fs::read_to_string(&damaged).unwrap();
    std::fs::write(&damaged, &whole[..whole.len() - 20]).unwrap();
    let text = refused("damaged", &damaged);
    assert!(text.contains("damaged"), "{text}");
    std::fs::write(&damaged, "hello").unwrap();
    let text = refused("none", &damaged);
    assert!(text.contains("garrison ctl tokens create"), "{text}");

    let open = token(&place, "open", &[]);
    let all: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&open, all).unwrap();
    let text = refused("open", &open);
    assert!(text.contains("chmod 600"), "{text}");
    // Nothing of all that became a device.
    let devices = place.items(&["devices", "list"]).unwrap();
    assert_eq!(devices.len(), 2, "{devices:#?}");
    system.stop().unwrap();
}

#[test]
fn a_clock_that_is_an_hour_off_is_said_and_stops_nothing() {
    if clock::off_by("+0s").is_none() {
        return skip::skip(
            "a_clock_that_is_an_hour_off_is_said_and_stops_nothing",
            "libfaketime is missing (package faketime)",
        );
    }
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    for (name, offset, skew) in [
        ("ahead", "+3600s", 3_600_000_i64),
        ("behind", "-3600s", -3_600_000),
    ] {
        let file = token(&place, name, &[]);
        let mut launch = agent_launch(&place, name, Some(&file));
        for (variable, value) in clock::off_by(offset).unwrap() {
            launch = launch.environment(variable, value);
        }
        let running = launch.start().unwrap();
        let data = place.path().join(name);
        until("the clock is said to be off", LIMIT, || {
            place.garrison_agent(["check-in", "--data", data.to_str().unwrap()])?;
            let devices = place.items(&["devices", "list"])?;
            let told = devices.iter().any(|device| {
                let off = device["clock_skew_ms"].as_i64().unwrap_or(0);
                let issues = device["state"]["issues"].to_string();
                (off - skew).abs() < 60_000
                    && issues.contains("clock_skew")
                    && device["connected"] == true
                    && device["up_to_date"] == true
            });
            Ok(if told {
                Seen::Yes(())
            } else {
                Seen::NotYet(format!("{devices:#?}\n{}", running.log()))
            })
        })
        .unwrap();
        drop(running);
    }
    system.stop().unwrap();
}
