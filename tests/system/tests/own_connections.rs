//! The manager notices by itself that its cloud is out of reach, and that it is back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use system_tests::system::{Place, System};
use system_tests::wait::{Seen, until};

/// A check may take a minute and a half.
const LONG: Duration = Duration::from_secs(180);
/// What the manager's link to its cloud carries, in the catalogue's words.
const FEATURE: &str = "pings";

fn signal(id: u32, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

/// What the manager says of itself, once it is so.
fn until_manager_is(system: &System<'_>, wanted: &str) -> Value {
    let what = format!("the manager's own connections are {wanted}");
    until(&what, LONG, || {
        // A manager that was killed is on its way back.
        let output = system.place().try_ctl(&["connections", "summary"])?;
        let shown = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        Ok(match shown.pointer("/manager/state") {
            Some(state) if state == wanted => Seen::Yes(shown),
            _ => Seen::NotYet(format!("{shown:#}")),
        })
    })
    .unwrap()
}

#[test]
fn an_outage_of_the_cloud_is_named_with_what_it_costs_and_becomes_history() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let fine = until_manager_is(&system, "ok");
    assert_eq!(fine["manager"]["findings"], json!([]), "{fine:#}");

    // Stopped, not killed: nobody starts it again, and nobody answers. The next delivery fails.
    let cloud = system.process("cloud").unwrap();
    signal(cloud, Signal::STOP);
    place.ctl(&["cloud", "deliver"]).unwrap();
    let lost = until_manager_is(&system, "broken");
    let named = &lost["manager"]["findings"][0]["id"];
    let causes = place.items(&["connections", "causes"]).unwrap();
    let cause = causes.iter().find(|cause| &cause["id"] == named).unwrap();
    assert_eq!(cause["manager"], true, "{cause:#}");
    assert_eq!(cause["devices"], 0, "{cause:#}");
    assert_eq!(cause["flows"], json!(["manager-cloud"]), "{cause:#}");
    let features = place.items(&["connections", "features"]).unwrap();
    let feature = |features: &[Value]| {
        let mut rows = features.iter();
        rows.find(|row| row["feature"] == FEATURE).unwrap().clone()
    };
    let row = feature(&features);
    assert_eq!(
        (&row["state"], &row["manager"]),
        (&json!("broken"), &json!("broken")),
        "{row:#}"
    );
    assert_eq!(row["causes"][0]["id"], *named, "{row:#}");

    // It is back. A manager that starts checks at once, and has forgotten nothing.
    signal(cloud, Signal::CONT);
    let manager = system.process("manager").unwrap();
    signal(manager, Signal::KILL);
    system.another("manager", manager).unwrap();
    until_manager_is(&system, "ok");
    let causes = place.items(&["connections", "causes"]).unwrap();
    assert!(causes.is_empty(), "{causes:#?}");
    let mended = place.items(&["connections", "mended"]).unwrap();
    let past = mended.iter().find(|one| &one["id"] == named).unwrap();
    assert_eq!(past["device"], Value::Null, "{past:#}");
    assert_eq!(past["since"], cause["since"], "{past:#}");
    assert!(past["until"].as_str() > past["since"].as_str(), "{past:#}");
    let shown = place
        .ctl(&["connections", "show", named.as_str().unwrap()])
        .unwrap();
    assert_eq!(shown["mended"], past["until"], "{shown:#}");
    system.stop().unwrap();
}
