//! The agent checks the network by itself, and its manager learns what was lost, since when and
//! why, also when it was the way to the manager that was lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use system_tests::estate::{Estate, Installed};
use system_tests::lab::can_make;
use system_tests::places;
use system_tests::system::said;
use system_tests::wait::{Seen, until};

/// Check-ins that fail, a check a minute, and a busy machine.
const LONG: Duration = Duration::from_secs(240);

/// In its whole form (`make soak`) all of it happens to one agent, which after three checks makes
/// one a minute; else one agent's cable is out and another's firewall drops, at the same time.
#[test]
fn what_breaks_is_noticed_by_the_agent_and_told_with_since_when_as_soon_as_it_can_be() {
    if !can_make(
        "what_breaks_is_noticed_by_the_agent_and_told_with_since_when_as_soon_as_it_can_be",
        &["ss", "python3"],
    ) {
        return;
    }
    let begun = Instant::now();
    if std::env::var_os("GARRISON_SOAK").is_some() {
        watched(|estate, site| {
            a_cable_is_out_and_in_again(estate, site);
            a_firewall_drops_what_the_agent_needs(estate, site);
        });
    } else {
        std::thread::scope(|scope| {
            let cable = scope.spawn(|| watched(a_cable_is_out_and_in_again));
            watched(a_firewall_drops_what_the_agent_needs);
            cable.join().unwrap();
        });
    }
    println!("it took {:.1} s", begun.elapsed().as_secs_f32());
}

/// An estate of its own, whose agent has told that all is well.
fn watched(what: impl FnOnce(&Estate, &Installed<'_>)) {
    let estate = Estate::new().unwrap();
    let site = estate.install().unwrap();
    let settings = estate
        .host("operator")
        .unwrap()
        .folder()
        .join("policy.toml");
    std::fs::write(&settings, "check_in_seconds = 2\n").unwrap();
    let words = [
        "policies",
        "set",
        "Default",
        "--file",
        settings.to_str().unwrap(),
    ];
    site.ctl(&words).unwrap();

    // After enrolment.
    let told = reports(&site, 1);
    assert_eq!(told[0]["result"], "ok", "{told:#?}");
    assert_eq!(told[0]["trigger"], "start", "{told:#?}");
    assert_eq!(told[0]["findings"], serde_json::json!([]), "{told:#?}");
    assert!(told[0]["counts"]["ok"].as_u64().unwrap() > 0, "{told:#?}");
    what(&estate, &site);
}

/// The network changes.
fn a_cable_is_out_and_in_again(estate: &Estate, site: &Installed<'_>) {
    let before = bodies(site).len();
    let wire = |state: &str| {
        let namespace = estate.host("agent").unwrap().namespace();
        namespace
            .shell(&format!("ip link set dev wire {state}"))
            .unwrap();
    };
    wire("down");
    let seen = seen(site, "broken");
    assert_eq!(seen["trigger"], "network_change", "{seen:#}");
    assert!(features(&seen).contains(&"central management"), "{seen:#}");
    assert!(status(site)["state"]["spooled_events"].as_u64().unwrap() > 0);
    wire("up");
    let told = reports(site, before + 2);
    assert_eq!(
        without_time_of_check(&told[before]),
        without_time_of_check(&seen)
    );
    assert_eq!(told[before + 1]["result"], "ok", "{told:#?}");
}

/// No link, address or route changes.
fn a_firewall_drops_what_the_agent_needs(estate: &Estate, site: &Installed<'_>) {
    let before = bodies(site).len();
    estate
        .load(Some(&catalogue_without(site, "agent-channel")))
        .unwrap();
    site.cut().unwrap();
    let seen = seen(site, "broken");
    assert_eq!(seen["trigger"], "manager_unreachable", "{seen:#}");
    let finding = &seen["findings"][0];
    assert_eq!(finding["stage"], "transport", "{seen:#}");
    assert_eq!(finding["flows"], serde_json::json!(["agent-channel"]));
    assert_eq!(finding["who"], "firewall", "{seen:#}");
    assert_eq!(finding["since"], seen["checked"], "{seen:#}");
    assert_ne!(finding["mend"]["lines"], serde_json::json!([]), "{seen:#}");
    let words = site.estate().host("agent").unwrap();
    let data = site.agent_folder().unwrap();
    let output = words
        .run(
            "garrison-agent",
            ["status", "--data", data.to_str().unwrap()],
        )
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("lost: enrolment (since 20"), "{shown}");
    assert!(shown.contains("whoever runs the firewall"), "{shown}");

    estate.load(None).unwrap();
    let told = reports(site, before + 2);
    assert_eq!(told[before]["findings"], seen["findings"], "{told:#?}");
    assert_eq!(told[before]["checked"], seen["checked"], "{told:#?}");
    let last = &told[before + 1];
    assert_eq!(last["result"], "ok", "{told:#?}");
    assert_eq!(last["trigger"], "manager_reachable", "{told:#?}");
    // And the manager knows that this is what holds.
    site.until_item("the network's state", &["devices", "list"], |device| {
        let network = &device["state"]["network"];
        (network["result"] == "ok" && network["reported"] == last["checked"]).then_some(())
    })
    .unwrap();
}

/// The reports that the manager has of the agent's host, once there are so many.
fn reports(site: &Installed<'_>, count: usize) -> Vec<Value> {
    until(&format!("{count} reports"), LONG, || {
        let bodies = bodies(site);
        Ok(if bodies.len() >= count {
            Seen::Yes(bodies)
        } else {
            Seen::NotYet(format!("{bodies:#?}\n{}", log(site)))
        })
    })
    .unwrap()
}

/// What the manager keeps, read beside it.
fn bodies(site: &Installed<'_>) -> Vec<Value> {
    const QUESTION: &str = "
import json, sqlite3, sys
database = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True)
rows = database.execute('SELECT body FROM event ORDER BY sequence').fetchall()
events = [json.loads(row[0]) for row in rows]
print(json.dumps([event['report'] for event in events if event['class'] == 'network_report']))
";
    let folder = site.estate().host("manager").unwrap().folder();
    let output = Command::new("timeout")
        .args(["30", "python3", "-c", QUESTION])
        .arg(folder.join("garrison/manager/garrison.db"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
}

/// What the agent itself says of its network, once it came out like this.
fn seen(site: &Installed<'_>, result: &str) -> Value {
    until(&format!("the agent sees: {result}"), LONG, || {
        let network = status(site)["network"].take();
        Ok(if network["result"] == result {
            Seen::Yes(network)
        } else {
            Seen::NotYet(format!("{network:#}\n{}", log(site)))
        })
    })
    .unwrap()
}

fn status(site: &Installed<'_>) -> Value {
    let data = site.agent_folder().unwrap();
    let words = ["status", "--json", "--data", data.to_str().unwrap()];
    let host = site.estate().host("agent").unwrap();
    let output = host.run("garrison-agent", words).unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn log(site: &Installed<'_>) -> String {
    let agent = site.agent.as_ref();
    agent.map(system_tests::Running::log).unwrap_or_default()
}

fn features(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    let features = findings
        .iter()
        .flat_map(|finding| finding["features"].as_array().unwrap());
    features
        .map(|one| one["feature"].as_str().unwrap())
        .collect()
}

/// What of a report stays when the same is found again.
fn without_time_of_check(report: &Value) -> (Value, Value) {
    (report["result"].clone(), report["findings"].clone())
}

/// The catalogue without a row.
fn catalogue_without(site: &Installed<'_>, id: &str) -> PathBuf {
    const ROW: &str = "\n[[flow]]\n";
    let path = places::sources().join("crates/flows/catalogue/garrison.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let head = format!("id = \"{id}\"\n");
    let kept: Vec<&str> = text
        .split(ROW)
        .filter(|part| !part.starts_with(&head))
        .collect();
    assert_eq!(kept.len() + 1, text.split(ROW).count(), "{id} is one row");
    let path = site.folder().join(format!("without-{id}.toml"));
    std::fs::write(&path, kept.join(ROW)).unwrap();
    path
}
