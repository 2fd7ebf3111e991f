use doctor::report::{Check, CheckedEndpoint, VERSION};
use doctor::{PathKind, Stage, Verdict};
use model::network::{Evidence, Mend, Who};

use super::*;

const DAY: i64 = 24 * 3600 * 1000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn check_of(flow: &str, result: Outcome, what: Option<(Stage, Verdict)>) -> Check {
    Check {
        flow: flow.to_owned(),
        endpoint: CheckedEndpoint {
            host: "manager.example".to_owned(),
            port: Some(443),
            transport: "tcp".to_owned(),
        },
        path: PathKind::Direct,
        via: None,
        result,
        stage: what.map(|(stage, _)| stage),
        verdict: what.map(|(_, verdict)| verdict),
        detail: String::new(),
        evidence: Vec::new(),
        stages: Vec::new(),
    }
}

fn report(checks: Vec<Check>, findings: Vec<Finding>) -> Report {
    Report {
        version: VERSION,
        result: Report::worst(&checks),
        checked: checks.len(),
        took_ms: 5,
        checks,
        findings,
    }
}

fn fine() -> Report {
    report(
        vec![
            check_of("agent-channel", Outcome::Ok, None),
            check_of("relay", Outcome::Ok, None),
        ],
        Vec::new(),
    )
}

/// What is broken at a stage, with these features lost.
fn broken(verdict: Verdict, flow: &str, features: &[&str]) -> (Check, Finding) {
    let stage = Stage::Transport;
    let finding = Finding {
        key: FindingKey::of(stage, verdict, flow),
        verdict,
        stage,
        cause: "something drops the packets".to_owned(),
        result: Outcome::Broken,
        flows: vec![flow.to_owned()],
        endpoints: vec!["manager.example:443".to_owned()],
        features: features.iter().map(|&one| one.to_owned()).collect(),
        evidence: vec![Evidence::new("address", "192.0.2.1")],
        who: Who::Firewall,
        mend: Mend {
            product: "nftables".to_owned(),
            lines: vec!["accept".to_owned()],
        },
    };
    let check = check_of(flow, Outcome::Broken, Some((stage, verdict)));
    (check, finding)
}

fn of(broken: &[(Check, Finding)]) -> Report {
    let checks = broken.iter().map(|(check, _)| check.clone()).collect();
    let findings = broken.iter().map(|(_, finding)| finding.clone()).collect();
    report(checks, findings)
}

/// Checks one after the other, as one device makes them.
struct Device {
    id: DeviceId,
    known: Option<Knowledge>,
}

impl Device {
    fn new() -> Self {
        Self {
            id: DeviceId::generate(),
            known: None,
        }
    }

    fn learns(&mut self, report: Report, time: i64) -> News {
        let learned = learn(
            self.known.as_ref(),
            self.id,
            report,
            Trigger::Schedule,
            at(time),
        );
        // As from the disk.
        let text = serde_json::to_vec(&learned.knowledge).unwrap();
        self.known = Some(serde_json::from_slice(&text).unwrap());
        assert_eq!(self.known.as_ref(), Some(&learned.knowledge));
        learned.news
    }

    fn last(&self) -> &NetworkReport {
        &self.known.as_ref().unwrap().last
    }

    fn since(&self, feature: &str) -> Option<i64> {
        let lost = self.last().lost();
        let one = lost.iter().find(|lost| lost.feature == feature)?;
        Some(one.since.millis())
    }
}

#[test]
fn the_first_check_is_news_and_the_same_again_is_none() {
    let mut device = Device::new();
    assert_eq!(device.learns(fine(), 1_000), News::Changed);
    assert_eq!(device.learns(fine(), 2_000), News::None);
    let state = device.known.as_ref().unwrap().state();
    assert_eq!(state.result, Outcome::Ok);
    assert_eq!((state.checked, state.reported), (at(2_000), at(1_000)));
}

#[test]
fn what_breaks_and_what_is_mended_is_news_with_the_time_since_when() {
    let mut device = Device::new();
    device.learns(fine(), 1_000);
    let lost = || {
        of(&[broken(
            Verdict::TimeOut,
            "agent-channel",
            &["central management"],
        )])
    };
    assert_eq!(device.learns(lost(), 2_000), News::Changed);
    assert_eq!(device.learns(lost(), 3_000), News::None);
    assert_eq!(device.since("central management"), Some(2_000));
    assert_eq!(device.last().findings[0].since, at(2_000));
    assert_eq!(device.last().counts.broken, 1);
    assert_eq!(device.learns(fine(), 4_000), News::Changed);
    assert_eq!(device.last().findings, []);
    // Another time is another loss.
    device.learns(lost(), 5_000);
    assert_eq!(device.since("central management"), Some(5_000));
}

#[test]
fn another_cause_of_the_same_loss_is_news_and_the_loss_keeps_its_time() {
    let mut device = Device::new();
    let first = of(&[broken(Verdict::TimeOut, "agent-channel", &["management"])]);
    let second = of(&[broken(
        Verdict::Unreachable,
        "agent-channel",
        &["management", "enrolment"],
    )]);
    device.learns(first, 1_000);
    assert_eq!(device.learns(second, 2_000), News::Changed);
    assert_eq!(device.last().findings[0].since, at(2_000));
    assert_eq!(device.since("management"), Some(1_000));
    assert_eq!(device.since("enrolment"), Some(2_000));
}

#[test]
fn other_words_evidence_and_destinations_are_no_news() {
    let mut device = Device::new();
    let (check, mut finding) = broken(Verdict::TimeOut, "agent-channel", &["management"]);
    device.learns(report(vec![check.clone()], vec![finding.clone()]), 1_000);
    finding.cause = "no answer within 3.2 s".to_owned();
    finding.endpoints.push("192.0.2.7:443".to_owned());
    finding.evidence.clear();
    finding.mend.lines.push("more".to_owned());
    let again = report(vec![check.clone()], vec![finding.clone()]);
    assert_eq!(device.learns(again, 2_000), News::None);
    // What is kept for the local command is the newest.
    assert_eq!(device.last().findings[0].cause, "no answer within 3.2 s");
    finding.result = Outcome::Degraded;
    let better = report(vec![check], vec![finding]);
    assert_eq!(device.learns(better, 3_000), News::Changed);
}

#[test]
fn what_nobody_could_tell_mends_nothing() {
    let mut device = Device::new();
    let lost = || {
        of(&[
            broken(Verdict::TimeOut, "agent-channel", &["management"]),
            broken(Verdict::TimeOut, "relay", &["relaying"]),
        ])
    };
    device.learns(lost(), 1_000);
    let open = report(
        vec![
            check_of("agent-channel", Outcome::Unknown, None),
            check_of("relay", Outcome::Ok, None),
        ],
        Vec::new(),
    );
    assert_eq!(device.learns(open.clone(), 2_000), News::Changed);
    assert_eq!(device.last().result, Outcome::Broken);
    assert_eq!(device.since("management"), Some(1_000));
    assert_eq!(device.since("relaying"), None);
    assert_eq!(device.last().covered, ["agent-channel", "relay"]);
    assert_eq!(device.learns(open, 3_000), News::None);
    assert_eq!(device.learns(fine(), 4_000), News::Changed);
    assert_eq!(device.last().result, Outcome::Ok);
}

#[test]
fn a_report_is_repeated_each_day_and_for_another_device() {
    let mut device = Device::new();
    device.learns(fine(), 0);
    assert_eq!(device.learns(fine(), DAY - 1), News::None);
    assert_eq!(device.learns(fine(), DAY), News::Repeated);
    assert_eq!(device.learns(fine(), DAY + 1), News::None);
    device.id = DeviceId::generate();
    assert_eq!(device.learns(fine(), DAY + 2), News::Changed);
}

#[test]
fn a_clock_that_is_set_back_makes_no_time_of_the_future() {
    let mut device = Device::new();
    let lost = || of(&[broken(Verdict::TimeOut, "agent-channel", &["management"])]);
    device.learns(lost(), 9_000);
    assert_eq!(device.learns(lost(), 4_000), News::Repeated);
    assert_eq!(device.since("management"), Some(4_000));
    assert_eq!(device.last().findings[0].since, at(4_000));
    assert_eq!(device.known.as_ref().unwrap().reported, at(4_000));
}

#[test]
fn a_report_that_could_not_be_stored_is_tried_again() {
    let mut device = Device::new();
    device.learns(fine(), 1_000);
    device.known = device.known.take().map(Knowledge::untold);
    assert_eq!(device.learns(fine(), 2_000), News::Changed);
    assert_eq!(device.learns(fine(), 3_000), News::None);
}

#[test]
fn what_was_asked_for_is_told_though_nothing_changed() {
    let id = DeviceId::generate();
    let first = learn(None, id, fine(), Trigger::Start, at(1_000)).told_anyway();
    assert_eq!(first.news, News::Changed);
    let again = learn(
        Some(&first.knowledge),
        id,
        fine(),
        Trigger::Asked,
        at(2_000),
    );
    assert_eq!(again.news, News::None);
    let again = again.told_anyway();
    assert_eq!(again.news, News::Asked);
    assert_eq!(again.knowledge.reported, at(2_000));
    assert_eq!(again.knowledge.last.trigger, Trigger::Asked);
    // The next one is measured by it.
    let third = learn(
        Some(&again.knowledge),
        id,
        fine(),
        Trigger::Schedule,
        at(3_000),
    );
    assert_eq!(third.news, News::None);
    assert_eq!(third.knowledge.reported, at(2_000));
}
