use std::time::Duration;

use model::Timestamp;
use proto::api::connection::ConnectionCounts;
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
    assert!(parse_cause("0123456789abcdef").is_ok());
    for wrong in ["", "0123", "0123456789abcdeg", "../devices"] {
        assert!(parse_cause(wrong).is_err(), "{wrong}");
    }
}
