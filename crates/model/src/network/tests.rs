use super::*;

fn finding() -> NetworkFinding {
    let time = Timestamp::from_millis(1_000);
    NetworkFinding {
        key: FindingKey::of(Stage::Transport, Verdict::TimeOut, "direct"),
        since: time,
        verdict: Verdict::TimeOut,
        stage: Stage::Transport,
        cause: "no answer".to_owned(),
        result: Outcome::Broken,
        flows: vec!["agent-channel".to_owned()],
        endpoints: vec!["manager.example:443".to_owned()],
        features: vec![lost("Policies", 1_000)],
        evidence: vec![Evidence::new("address", "192.0.2.1")],
        who: Who::Firewall,
        mend: Mend {
            product: "nftables".to_owned(),
            lines: vec!["accept".to_owned()],
        },
        omitted: 0,
    }
}

fn lost(feature: &str, since: i64) -> LostFeature {
    LostFeature {
        feature: feature.to_owned(),
        since: Timestamp::from_millis(since),
    }
}

fn report(findings: Vec<NetworkFinding>) -> NetworkReport {
    NetworkReport {
        checked: Timestamp::from_millis(2_000),
        trigger: Trigger::Schedule,
        result: Outcome::Broken,
        counts: Counts::default(),
        covered: Vec::new(),
        findings,
        omitted: 0,
    }
}

/// A report with far more of everything, and every text made of `sign`.
fn huge(sign: &str) -> NetworkReport {
    let text = sign.repeat(4_000);
    let mut one = finding();
    one.cause.clone_from(&text);
    one.flows = vec![text.clone(); 100];
    one.endpoints = vec![text.clone(); 100];
    one.features = vec![lost(&text, 0); 100];
    one.evidence = vec![Evidence::new(&text, text.clone()); 100];
    one.mend.product.clone_from(&text);
    one.mend.lines = vec![text; 100];
    report(vec![one; 40])
}

#[test]
fn a_bounded_report_fits_into_an_event_whatever_was_in_it() {
    const LARGEST_EVENT: usize = 512 << 10;
    for sign in ["a", "\"", "\\", "\u{1b}", "\u{7f}", "é", "\u{1f600}"] {
        let mut report = huge(sign);
        report.bound();
        let bytes = serde_json::to_vec(&report).unwrap().len();
        assert!(bytes < LARGEST_EVENT, "{sign:?}: {bytes} bytes");
        assert_eq!((report.findings.len(), report.omitted), (12, 28));
        let first = report.findings.first().unwrap();
        assert_eq!(first.omitted, 68 + 84 + 84 + 88 + 84);
        assert!(first.cause.len() <= limits::CAUSE_BYTES && first.cause.ends_with('…'));
        assert!(!first.cause.chars().any(char::is_control));
    }
}

#[test]
fn bounding_twice_is_bounding_once_and_changes_nothing_that_fits() {
    let mut report = report(vec![finding()]);
    let before = report.clone();
    report.bound();
    assert_eq!(report, before);
    let mut huge = huge("é\"\n");
    huge.bound();
    let once = huge.clone();
    huge.bound();
    assert_eq!(huge, once);
}

#[test]
fn a_report_reads_back_and_a_key_that_is_none_is_refused() {
    let report = report(vec![finding()]);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(
        serde_json::from_str::<NetworkReport>(&json).unwrap(),
        report
    );
    let key = report.findings.first().unwrap().key.as_str().to_owned();
    for wrong in ["", "xyz", &key.to_uppercase().replace('0', "G"), "<script>"] {
        let altered = json.replace(&key, wrong);
        assert!(
            serde_json::from_str::<NetworkReport>(&altered).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a_key_stays_the_same_and_tells_causes_apart() {
    let key = FindingKey::of(Stage::Transport, Verdict::TimeOut, "direct");
    // Stored by managers: it may not change from version to version.
    assert_eq!(key.as_str(), "f596166beb326605");
    assert_ne!(
        key,
        FindingKey::of(Stage::Transport, Verdict::TimeOut, "proxy")
    );
    assert_ne!(key, FindingKey::of(Stage::Tls, Verdict::TimeOut, "direct"));
    assert_ne!(
        key,
        FindingKey::of(Stage::Transport, Verdict::Refused, "direct")
    );
}

#[test]
fn a_feature_that_several_causes_take_is_lost_once_since_the_first() {
    let mut second = finding();
    second.features = vec![lost("Policies", 500), lost("Updates", 700)];
    let mut unsure = finding();
    unsure.result = Outcome::Unknown;
    unsure.features = vec![lost("Right clocks", 100)];
    let report = report(vec![finding(), second, unsure]);
    assert_eq!(report.lost(), [lost("Policies", 500), lost("Updates", 700)]);
}
