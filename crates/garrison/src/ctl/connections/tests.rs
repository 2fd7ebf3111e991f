use std::time::Duration;

use model::Timestamp;
use model::network::{Stage, Verdict, Who};
use proto::api::connection::{ConnectionCounts, ConnectionFinding, ManagerConnections};
use proto::api::network::BreakSeverity;

use super::*;

#[test]
fn a_feature_that_nobody_checks_is_told_from_one_that_works_and_one_that_nobody_knows() {
    let now = Timestamp::from_millis(1_763_733_780_000);
    let clock = moment::Clock::new(now, false);
    let of = |state, devices, since| ConnectionFeature {
        feature: "reputation".to_owned(),
        severity: BreakSeverity::Major,
        symptom: String::new(),
        fallback: None,
        flows: Vec::new(),
        state,
        devices,
        manager: None,
        since,
        causes: Vec::new(),
    };
    let none = ConnectionCounts::default();
    let row = feature_row(&of(Outcome::Skipped, none, None), &clock);
    assert_eq!(row, ["reputation", "not checked", "", "", ""]);
    let some = ConnectionCounts {
        total: 9,
        ok: 4,
        degraded: 1,
        broken: 2,
        unknown: 2,
    };
    let since = now.minus(Duration::from_secs(600));
    let row = feature_row(&of(Outcome::Broken, some, Some(since)), &clock);
    assert_eq!(
        row,
        [
            "reputation",
            "broken",
            "3 of 9, 2 unknown",
            "10 min ago",
            ""
        ]
    );
}

#[test]
fn who_was_asked_already_is_said() {
    let now = Timestamp::from_millis(1_763_733_780_000);
    let clock = moment::Clock::new(now, false);
    let asked = ConnectionCheckAsked {
        devices: 3,
        already: 1,
        expires: now.plus(Duration::from_secs(7200)),
    };
    let told = told(&asked, &clock);
    assert!(
        told.contains("asked: 3 devices (1 had been asked already"),
        "{told}"
    );
    assert!(told.contains("in 2 h"), "{told}");
}

#[test]
fn a_cause_is_sixteen_hexadecimal_digits() {
    assert!(arguments::parse_cause("0123456789abcdef").is_ok());
    for wrong in ["", "0123", "0123456789abcdeg", "../devices"] {
        assert!(arguments::parse_cause(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_summary_says_how_the_manager_itself_is_and_nothing_of_it_where_it_dials_nothing() {
    let now = Timestamp::from_millis(1_763_733_780_000);
    let clock = moment::Clock::new(now, false);
    let mut all = Connections {
        site: "Lyon".to_owned(),
        devices: ConnectionCounts::default(),
        manager: None,
        causes: 0,
        features: 0,
        since: None,
        time: now,
    };
    let said = |all: &Connections| {
        let facts = numbers(all, &clock).into_iter();
        let own = facts.skip_while(|(name, _)| *name != "manager");
        own.map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert!(said(&all).is_empty());
    all.manager = Some(ManagerConnections {
        state: Outcome::Broken,
        checked: now.minus(Duration::from_secs(120)),
        findings: vec![ConnectionFinding {
            id: "0123456789abcdef".to_owned(),
            result: Outcome::Broken,
            stage: Stage::Tls,
            verdict: Verdict::TimeOut,
            cause: "no answer from the cloud".to_owned(),
            features: vec!["pings".to_owned()],
            who: Who::Firewall,
            since: now,
        }],
    });
    assert_eq!(
        said(&all),
        ["broken, checked 2 min ago", "no answer from the cloud"]
    );
}

#[test]
fn lines_that_devices_wrote_come_with_a_caution_and_the_managers_own_without() {
    let now = Timestamp::from_millis(1_763_733_780_000);
    let clock = moment::Clock::new(now, false);
    let mut cause = ConnectionCause {
        id: "0123456789abcdef".to_owned(),
        result: Outcome::Broken,
        stage: Stage::Tls,
        verdict: Verdict::Inspected,
        cause: "TLS is inspected".to_owned(),
        features: Vec::new(),
        flows: Vec::new(),
        endpoints: Vec::new(),
        evidence: Vec::new(),
        who: Who::Proxy,
        product: "squid".to_owned(),
        lines: vec!["ssl_bump splice garrison".to_owned()],
        lines_by: LinesBy::Manager,
        devices: 1,
        devices_unheard: 0,
        manager: false,
        described_otherwise: 0,
        since: now,
        last_seen: now,
        mended: None,
    };
    let said = |cause: &ConnectionCause| {
        let mut facts = facts(cause, &clock).into_iter();
        facts.find(|(name, _)| *name == "what to add").unwrap().1
    };
    assert_eq!(said(&cause), "squid");
    cause.lines_by = LinesBy::Devices;
    assert!(said(&cause).contains("read them before you use them"));
}
