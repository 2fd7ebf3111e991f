//! Each row of the catalogue is needed: without its rule exactly the features fail that the row
//! says are lost, and the others go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use flows::{Catalogue, Flow};
use serde_json::Value;
use system_tests::estate::{Estate, Feature, Installed};
use system_tests::lab::can_make;
use system_tests::places;
use system_tests::system::LIMIT;
use system_tests::wait::{Seen, until};

/// How long a feature that is to fail is tried. On a busy machine, several times what it took
/// just before.
const MOMENT: Duration = Duration::from_secs(1);
/// Sets of hosts at once, when all rows are tried.
const SETS: usize = 2;
/// The rows that are tried every time.
const SHORT: [&str; 3] = ["console", "dns", "agent-channel"];

#[test]
fn without_a_row_exactly_the_features_that_it_names_are_lost() {
    if !can_make(
        "without_a_row_exactly_the_features_that_it_names_are_lost",
        &["curl", "ss"],
    ) {
        return;
    }
    let soak = std::env::var_os("GARRISON_SOAK").is_some();
    let all = rows();
    let chosen = |flow: &&Flow| soak || SHORT.contains(&flow.id.as_str());
    let rows: Mutex<Vec<&Flow>> = Mutex::new(all.filter(chosen).collect());
    let faults = Mutex::new(Vec::new());
    let sets = if soak { SETS } else { 1 };
    std::thread::scope(|scope| {
        for _ in 0..sets {
            scope.spawn(|| {
                let estate = Estate::new().unwrap();
                let site = estate.install().unwrap();
                site.make_many_token().unwrap();
                loop {
                    let Some(flow) = rows.lock().unwrap().pop() else {
                        return;
                    };
                    let found = without(&site, flow);
                    faults.lock().unwrap().extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Those that a site has without asking for them. The laboratory tries what the others break.
fn rows() -> impl Iterator<Item = &'static Flow> {
    let all = Catalogue::garrison().flows.iter();
    all.filter(|flow| flow.default_on)
}

/// What is not as the row says.
fn without(site: &Installed<'_>, flow: &Flow) -> Vec<String> {
    let id = flow.id.as_str();
    let lost = Feature::lost_without(flow).unwrap();
    let took = all_work(site, &format!("{id}-before"));

    let catalogue = catalogue_without(site, id);
    site.estate().load(Some(&catalogue)).unwrap();
    site.cut().unwrap();
    let turn = format!("{id}-without");
    let works = each(|at, feature| {
        let limit = if lost.contains(&feature) {
            MOMENT.max(took[at] * 3)
        } else {
            LIMIT
        };
        feature.works(site, &turn, limit).unwrap()
    });

    let named = doctor_names(site, id);

    site.estate().load(None).unwrap();
    all_work(site, &format!("{id}-after"));
    Feature::ALL
        .into_iter()
        .zip(works)
        .filter(|(feature, works)| lost.contains(feature) == *works)
        .map(|(feature, works)| {
            let how = if works { "works" } else { "is lost" };
            format!("without {id} the feature {:?} {how}", feature.name())
        })
        .chain(named)
        .collect()
}

/// What is wrong with what the doctor says on a host that opens this flow.
fn doctor_names(site: &Installed<'_>, id: &str) -> Option<String> {
    let role = match id {
        "agent-channel" | "dns" | "time" => "agent",
        "console" => "browser",
        "api" => "operator",
        "manager-cloud" => "manager",
        other => panic!("{other}: nobody of this test opens it"),
    };
    let report = site.estate().examine(role).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let names = |finding: &Value| {
        let flows = finding["flows"].as_array().unwrap();
        flows.iter().any(|flow| flow == id)
    };
    // The hosts that open flows have a ruleset of their own, and without the row that one holds the
    // packets back. Without a name server the flows that dial names are lost with it: one cause.
    let here = |finding: &Value| {
        finding["stage"] == "transport"
            && finding["verdict"] == "refused"
            && finding["who"] == "host"
    };
    let good = findings
        .first()
        .is_some_and(|finding| names(finding) && here(finding));
    (!good).then(|| format!("without {id} the doctor on {role} does not name it: {report:#}"))
}

/// Waits until every feature works, and says how long each took.
fn all_work(site: &Installed<'_>, turn: &str) -> Vec<Duration> {
    each(|_, feature| {
        let mut tries = 0;
        until(feature.name(), LIMIT, || {
            tries += 1;
            let begun = Instant::now();
            Ok(if feature.works(site, &format!("{turn}-{tries}"), LIMIT)? {
                Seen::Yes(begun.elapsed())
            } else {
                Seen::NotYet("it fails".to_owned())
            })
        })
        .unwrap()
    })
}

/// Does this for every feature at once.
fn each<T: Send>(work: impl Fn(usize, Feature) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = Feature::ALL
            .into_iter()
            .enumerate()
            .map(|(at, feature)| scope.spawn(move || work(at, feature)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// The built-in catalogue without one of its flows, as a file.
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

#[test]
fn every_feature_that_a_row_names_is_tried_and_every_feature_is_named() {
    let mut named: Vec<Feature> = Vec::new();
    for flow in rows() {
        named.extend(Feature::lost_without(flow).unwrap());
    }
    named.sort();
    named.dedup();
    assert_eq!(named, Feature::ALL);
}
