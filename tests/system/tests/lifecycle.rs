//! How a system comes up, stays up, and goes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use rustix::process::Signal;
use system_tests::process::ended_by;
use system_tests::system::{EICAR_RULE, LIMIT, Place, eicar, gone, said};

#[test]
fn up_enrols_scans_and_detects_eicar() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let device = system.device().unwrap();

    let shown = place.ctl(&["devices", "show", &device]).unwrap();
    assert_eq!(shown["standing"], "approved", "{shown}");
    assert_eq!(shown["connected"], true, "{shown}");
    assert_eq!(shown["up_to_date"], true, "{shown}");
    let overview = place.ctl(&["overview"]).unwrap();
    assert_eq!(overview["definitions"]["hashes"], 1, "{overview}");
    assert_eq!(overview["cloud"]["state"], "connected", "{overview}");

    let folder = place.path().join("files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("clean.txt"), "nothing to see").unwrap();
    std::fs::write(folder.join("eicar.com"), eicar()).unwrap();
    let scan = system.scan(&folder).unwrap();
    assert_eq!(scan["devices"][0]["state"], "done", "{scan:#}");
    assert_eq!(scan["devices"][0]["totals"]["detected"], 1, "{scan:#}");
    assert_eq!(scan["devices"][0]["totals"]["clean"], 1, "{scan:#}");

    let path = folder.join("eicar.com").to_str().unwrap().to_owned();
    let detection = place
        .until_item("the detection", &["detections", "list"], |item| {
            (item["path"] == path.as_str()).then(|| item.clone())
        })
        .unwrap();
    assert_eq!(detection["matches"][0]["rule"], EICAR_RULE, "{detection:#}");
    assert_eq!(detection["device"], device.as_str());

    let id = detection["id"].as_str().unwrap();
    place.ctl(&["detections", "quarantine", id]).unwrap();
    let state = |wanted: &'static str| {
        place
            .until_item(wanted, &["detections", "list"], |item| {
                (item["id"] == id && item["file"] == wanted).then_some(())
            })
            .unwrap();
    };
    state("quarantined");
    assert!(!folder.join("eicar.com").exists());
    place.ctl(&["detections", "restore", id]).unwrap();
    state("restored");
    assert_eq!(
        std::fs::read_to_string(folder.join("eicar.com")).unwrap(),
        eicar()
    );
    system.stop().unwrap();
}

#[test]
fn try_eicar_follows_the_detection_and_cleans_up() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    let data = place.data();
    let words = ["try", "eicar", "--data", data.to_str().unwrap()];
    let output = place.garrison(words).unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains(EICAR_RULE) && text.contains("/detections/"),
        "{text}"
    );
    let made = text.lines().find_map(|line| line.strip_prefix("made    "));
    assert!(!std::path::Path::new(made.unwrap()).exists(), "{text}");
    system.stop().unwrap();
}

#[test]
fn up_killed_by_sigkill_leaves_no_child() {
    let place = Place::new().unwrap();
    let mut system = place.start().unwrap();
    let tree = system.up().tree().unwrap();
    // up, manager, cloud, agent, and a worker or more.
    assert!(tree.len() >= 4, "{tree:?}");
    system.up().signal(Signal::KILL).unwrap();
    let status = system.up().wait(LIMIT).unwrap();
    assert!(ended_by(status, Signal::KILL));
    gone(&tree).unwrap();
    // What was left behind is no obstacle.
    place.start().unwrap().stop().unwrap();
}

#[test]
fn a_second_up_on_the_same_folder_is_refused_and_the_first_is_named() {
    let place = Place::new().unwrap();
    let mut system = place.start().unwrap();
    let first = system.up().id();
    let data = place.data();
    let output = place
        .garrison(["up", "--data", data.to_str().unwrap()])
        .unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("process {first}")), "{text}");
    assert!(text.contains("--data"), "{text}");
    assert!(system.up().status().unwrap().is_none());
    system.stop().unwrap();
}

#[test]
fn a_second_start_goes_on_where_the_first_stopped() {
    let place = Place::new().unwrap();
    let facts = || {
        let system = place.start().unwrap();
        let device = system.device().unwrap();
        let overview = place.ctl(&["overview"]).unwrap();
        let addresses = system.ready()["addresses"].clone();
        let devices = place.items(&["devices", "list"]).unwrap().len();
        system.stop().unwrap();
        let revision = overview["definitions"]["revision"].clone();
        assert!(revision.is_u64(), "{overview}");
        (device, revision, addresses["api"].clone(), devices)
    };
    let first = facts();
    let second = facts();
    assert_eq!(first, second);
    let log = std::fs::read_to_string(place.path().join("up.log")).unwrap();
    assert_eq!(log.matches("definitions: revision").count(), 1, "{log}");
}

#[test]
fn sigterm_and_ctrl_c_stop_everything_cleanly() {
    let place = Place::new().unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let mut system = place.start().unwrap();
        let tree = system.up().tree().unwrap();
        system.up().signal(signal).unwrap();
        let status = system.up().wait(LIMIT).unwrap();
        assert!(status.success(), "{status}: {}", system.up().log());
        gone(&tree).unwrap();
    }
}

#[test]
fn a_killed_child_is_started_again() {
    let place = Place::new().unwrap();
    let system = place.start().unwrap();
    for name in ["manager", "agent", "cloud"] {
        let before = system.process(name).unwrap();
        let id = i32::try_from(before).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, Signal::KILL).unwrap();
        system.another(name, before).unwrap();
    }
    let device = system.device().unwrap();
    system_tests::wait::until("the device is connected again", LIMIT, || {
        let output = place.try_ctl(&["devices", "show", &device])?;
        let text = said(&output);
        Ok(if text.contains("\"connected\": true") {
            system_tests::wait::Seen::Yes(())
        } else {
            system_tests::wait::Seen::NotYet(text)
        })
    })
    .unwrap();
    system.stop().unwrap();
}
