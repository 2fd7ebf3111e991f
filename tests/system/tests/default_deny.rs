//! Cloud, manager and agent on hosts of their own, each under the ruleset that the catalogue
//! renders for its role: nothing else is needed, and nothing else passes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use skip::skip;
use system_tests::clock;
use system_tests::estate::{Estate, Installed, MANAGER};
use system_tests::lab::firewall::{Dropped, dropped, passed};
use system_tests::lab::{can_make, time};
use system_tests::system::{LIMIT, eicar};
use system_tests::wait::{Seen, until};

/// How long a packet may take before it counts as dropped.
const LOST: Duration = Duration::from_secs(2);

const NOTHING: Dropped = Dropped {
    incoming: 0,
    outgoing: 0,
};

#[test]
fn under_default_deny_everything_works_and_nothing_is_dropped() {
    if !can_make(
        "under_default_deny_everything_works_and_nothing_is_dropped",
        &["curl"],
    ) {
        return;
    }
    let Some(later) = clock::off_by("+16d") else {
        return skip(
            "under_default_deny_everything_works_and_nothing_is_dropped",
            "libfaketime is missing (package faketime)",
        );
    };
    let estate = Estate::new().unwrap();
    let mut site = estate.install().unwrap();

    let overview = site.ctl(&["overview"]).unwrap();
    assert_eq!(overview["cloud"]["state"], "connected", "{overview}");
    assert_eq!(overview["definitions"]["hashes"], 1, "{overview}");

    let files = estate.host("agent").unwrap().folder().join("files");
    std::fs::create_dir(&files).unwrap();
    let file = files.join("eicar.com");
    std::fs::write(&file, eicar()).unwrap();
    let detection = site.detect(&files).unwrap();
    let id = detection["id"].as_str().unwrap();
    let state = |wanted: &'static str| {
        site.until_item(wanted, &["detections", "list"], |item| {
            (item["id"] == id && item["file"] == wanted).then_some(())
        })
        .unwrap();
    };
    site.ctl(&["detections", "quarantine", id]).unwrap();
    state("quarantined");
    assert!(!file.exists());
    site.ctl(&["detections", "restore", id]).unwrap();
    state("restored");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), eicar());

    // A certificate is good for 30 days, and changed when half of them are over.
    let first = expiry(&site).unwrap();
    site.restart_manager(&later).unwrap();
    site.start_agent(&later).unwrap();
    until("another certificate", LIMIT, || {
        // For a moment after its start the agent can't say.
        let now = expiry(&site);
        Ok(if now.as_ref().is_some_and(|now| *now > first) {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("it expires {now:?}"))
        })
    })
    .unwrap();
    site.restart_manager(&[]).unwrap();

    let page = browse(&estate, "/");
    assert!(page.contains("password"), "{page}");
    let clock = estate.host("time-server").unwrap();
    for host in estate.hosts() {
        if host.name() != "time-server" {
            time::ask(host, clock, LOST).unwrap();
        }
    }

    for (role, dropped) in estate.dropped().unwrap() {
        assert_eq!(dropped, NOTHING, "{role}");
    }
    // Each row was needed on both of its ends.
    for (role, flows) in [
        ("agent", vec!["agent-channel", "dns", "time"]),
        (
            "manager",
            vec![
                "agent-channel",
                "api",
                "console",
                "dns",
                "manager-cloud",
                "time",
            ],
        ),
        ("cloud", vec!["manager-cloud", "time"]),
        ("operator", vec!["api", "dns", "time"]),
        ("browser", vec!["console", "dns", "time"]),
        ("resolver", vec!["dns", "time"]),
        ("time-server", vec!["time"]),
    ] {
        let passed = passed(role, estate.host(role).unwrap()).unwrap();
        for flow in flows {
            assert!(
                passed.get(flow).is_some_and(|count| *count > 0),
                "{role}: {flow}: {passed:?}"
            );
        }
    }
    drops_are_counted(&estate);
}

/// When the certificate of the agent expires, as text that sorts by time.
fn expiry(site: &Installed<'_>) -> Option<String> {
    let data = site.agent_folder().unwrap();
    let words = ["status", "--json", "--data", data.to_str().unwrap()];
    let host = site.estate().host("agent").unwrap();
    let output = host.run("garrison-agent", words).unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    status["certificate_expires"].as_str().map(str::to_owned)
}

/// A page of the console, as a browser on the administrator's host gets it.
fn browse(estate: &Estate, path: &str) -> String {
    let host = estate.host("browser").unwrap();
    let output = host
        .namespace()
        .command("curl")
        .args(["--silent", "--show-error", "--location", "--max-time", "20"])
        .arg("--cacert")
        .arg(host.folder().join("ca.pem"))
        .arg(format!("https://{MANAGER}:8443{path}"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The control: ports that no row opens for these hosts are closed on both ends, and counted.
fn drops_are_counted(estate: &Estate) {
    let host = |role: &str| estate.host(role).unwrap();
    let at = |role: &str, port: u16| SocketAddr::from((host(role).address(), port));
    let reached = |tries: &[(&str, SocketAddr)]| -> Vec<bool> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = tries
                .iter()
                .map(|(from, peer)| scope.spawn(|| host(from).reaches(*peer, LOST).unwrap()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    };
    let tries = [
        ("agent", at("manager", 8446)),
        ("agent", at("manager", 22)),
        ("agent", at("cloud", 443)),
        ("browser", at("manager", 8446)),
        ("operator", at("manager", 443)),
        ("manager", at("agent", 443)),
        ("cloud", at("manager", 443)),
    ];
    assert_eq!(reached(&tries), [false; 7]);
    for (role, packets) in [
        ("agent", 3),
        ("browser", 1),
        ("operator", 1),
        ("manager", 1),
        ("cloud", 1),
    ] {
        let dropped = dropped(role, host(role)).unwrap();
        assert!(dropped.outgoing >= packets, "{role}: {dropped:?}");
        assert_eq!(dropped.incoming, 0, "{role}");
    }
    // What a host without rules of its own sends is dropped where it arrives.
    host("agent")
        .namespace()
        .shell("nft flush ruleset")
        .unwrap();
    let tries = [
        ("agent", at("manager", 8446)),
        ("agent", at("manager", 22)),
        ("agent", at("cloud", 443)),
        ("agent", at("manager", 443)),
    ];
    assert_eq!(reached(&tries), [false, false, false, true]);
    for (role, packets) in [("manager", 2), ("cloud", 1)] {
        let dropped = dropped(role, host(role)).unwrap();
        assert!(dropped.incoming >= packets, "{role}: {dropped:?}");
    }
}
