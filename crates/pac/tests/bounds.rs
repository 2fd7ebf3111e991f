//! Scripts of others end, whatever they do, and say what they depended on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use flows::audit::{
    AuditError, AuditFormat, AuditOptions, AuditReport, FindingKind, PacQuestion, PacRunner,
    PacWorld, audit,
};
use flows::{Catalogue, Site, select};
use pac::{Limits, Order, Quick, serve};
use proptest::prelude::*;

fn ask(script: &str) -> Result<Result<String, String>, String> {
    let question = PacQuestion {
        url: "http://a.example.com/".to_owned(),
        host: "a.example.com".to_owned(),
    };
    let answers = Quick::default().run(script, &[question], &PacWorld::default())?;
    Ok(answers[0].result.clone())
}

#[test]
fn scripts_that_never_end_or_eat_memory_are_stopped() {
    for body in [
        "for (;;) {}",
        "var a = []; for (;;) a.push(new Array(1000).fill(7));",
        "return (function f() { return f() + 1; })();",
        "var s = 'x'; for (;;) s += s;",
        "return /(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!') ? 'a' : 'b';",
        "try { for (;;) {} } catch (e) { for (;;) {} }",
        "return 7;",
        "throw 'x';",
        "return String(process.version) + require('fs');",
        "return std.getenv('HOME') + os.getcwd();",
    ] {
        let answer = ask(&format!("function FindProxyForURL(url, host) {{ {body} }}")).unwrap();
        assert!(answer.is_err(), "{body}: {answer:?}");
    }
    assert!(ask("for (;;) {}").is_err());
    assert!(ask("function (").is_err());
    assert!(ask("var x = 1;").unwrap_err().contains("FindProxyForURL"));
    // One that was stopped doesn't harm the next question.
    let script =
        "function FindProxyForURL(url, host) { if (host == 'x') for (;;) {} return 'DIRECT'; }";
    let questions = ["x", "y"].map(|host| PacQuestion {
        url: format!("http://{host}/"),
        host: host.to_owned(),
    });
    let answers = Quick::default()
        .run(script, &questions, &PacWorld::default())
        .unwrap();
    assert!(answers[0].result.is_err());
    assert!(answers[1].result.as_deref() == Ok("DIRECT") || answers[1].result.is_err());
}

#[test]
fn what_a_script_asks_for_and_nobody_said_is_told() {
    let question = [PacQuestion {
        url: "http://a.example.com/".to_owned(),
        host: "a.example.com".to_owned(),
    }];
    let missing = |expression: &str| {
        let script =
            format!("function FindProxyForURL(url, host) {{ {expression}; return 'DIRECT'; }}");
        Quick::default()
            .run(&script, &question, &PacWorld::default())
            .unwrap()[0]
            .missing
            .clone()
    };
    assert_eq!(
        missing("dnsResolve(host)"),
        ["the addresses of a.example.com"]
    );
    assert_eq!(
        missing("myIpAddress()"),
        ["the address of the one who asks"]
    );
    assert_eq!(missing("timeRange(8, 17)"), ["the hour"]);
    assert_eq!(missing("new Date()"), ["the hour"]);
    assert_eq!(missing("new Date(2020, 1, 1)"), [""; 0]);
    assert_eq!(
        missing("isInNet('192.0.2.1', '192.0.2.0', '255.255.255.0')"),
        [""; 0]
    );
}

#[test]
fn a_child_answers_over_bytes() {
    let order = Order {
        script: "function FindProxyForURL(url, host) { return 'PROXY p:1'; }".to_owned(),
        questions: vec![PacQuestion {
            url: "http://a/".to_owned(),
            host: "a".to_owned(),
        }],
        world: PacWorld::default(),
    };
    let answer = serve(
        &serde_json::to_vec(&order).unwrap(),
        &Quick {
            limits: Limits::default(),
        },
    );
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        r#"{"Ok":[{"result":{"Ok":"PROXY p:1"},"missing":[]}]}"#
    );
    assert!(serve(b"x", &Quick::default()).starts_with(b"{\"Err\":"));
}

const CATALOGUE: &str = r#"
id = "asked"
version = "7"
vendor = "test"
product = "test"
[[party]]
id = "client"
name = "client"
place = "site"
[[party]]
id = "server"
name = "server"
place = "outside"
[[flow]]
id = "direct-one"
purpose = "a"
from = ["client"]
to = "server"
direction = "outbound"
need = "required"
endpoints = [{ match = "exact", value = "rep.example.com", transport = "tcp", ports = ["443"] }]
tls = { trust = "vendor", pinned = "yes", inspection = "forbidden", client_certificate = "none" }
[[flow]]
id = "wild-one"
purpose = "b"
from = ["client"]
to = "server"
direction = "outbound"
need = "required"
endpoints = [{ match = "any-depth", value = "example.net", transport = "tcp", ports = ["80"] }]
proxies = ["transparent"]
"#;

fn audited(script: &str) -> AuditReport {
    let catalogue = Catalogue::parse(CATALOGUE).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let quick = Quick::default();
    let options = AuditOptions {
        pac: Some(&quick),
        ..AuditOptions::default()
    };
    audit(script.as_bytes(), None, &selection, &options).unwrap()
}

fn kind(report: &AuditReport, flow: &str) -> Option<FindingKind> {
    let found = report
        .findings
        .iter()
        .find(|finding| finding.flows.iter().any(|one| one.flow.as_str() == flow));
    found.map(|finding| finding.kind)
}

#[test]
fn a_pac_file_is_audited() {
    let report = audited(
        "function FindProxyForURL(url, host) {\n if (host == 'cdn.example.net') return 'PROXY 127.0.0.1:9';\n return 'DIRECT'; }",
    );
    assert_eq!(kind(&report, "direct-one"), None);
    assert_eq!(
        kind(&report, "wild-one"),
        Some(FindingKind::PartlyBlocked),
        "{}",
        report.text()
    );
    let report = audited(
        "function FindProxyForURL(url, host) { return 'PROXY gate.example.com:8080; DIRECT'; }",
    );
    assert_eq!(
        kind(&report, "direct-one"),
        Some(FindingKind::MayBeInspected)
    );
    assert_eq!(kind(&report, "wild-one"), Some(FindingKind::Blocked));
    assert!(
        report
            .text()
            .contains("if (host === \"rep.example.com\") return \"DIRECT\";"),
        "{}",
        report.text()
    );
    assert!(
        report
            .text()
            .contains("if (dnsDomainIs(host, \".example.net\")) return \"DIRECT\";"),
        "{}",
        report.text()
    );
    let report = audited(
        "function FindProxyForURL(url, host) { return isInNet(host, '10.0.0.0', '255.0.0.0') ? 'DIRECT' : 'PROXY 0.0.0.0:1'; }",
    );
    assert_eq!(kind(&report, "direct-one"), Some(FindingKind::NotJudged));
}

#[test]
fn lines_that_are_added_mend_what_is_blocked() {
    let script = "function FindProxyForURL(url, host) {\n return 'PROXY 0.0.0.0:1'; }";
    let before = audited(script);
    assert_eq!(before.counts.blocked, 2);
    let lines: Vec<String> = before
        .findings
        .iter()
        .flat_map(|finding| finding.lines.clone())
        .collect();
    let mended = script.replacen("{\n", &format!("{{\n{}\n", lines.join("\n")), 1);
    assert_eq!(audited(&mended).counts.permitted, 2, "{mended}");
}

#[test]
fn without_a_runner_or_with_a_broken_script_nothing_is_judged() {
    let catalogue = Catalogue::parse(CATALOGUE).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let script = b"function FindProxyForURL(";
    let error = audit(script, None, &selection, &AuditOptions::default()).unwrap_err();
    assert!(matches!(error, AuditError::NoRunner));
    let quick = Quick::default();
    let options = AuditOptions {
        pac: Some(&quick),
        ..AuditOptions::default()
    };
    let error = audit(script, Some(AuditFormat::Pac), &selection, &options).unwrap_err();
    assert!(matches!(error, AuditError::Script(_)), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_ends(body in "(function FindProxyForURL\\(url, host\\)|\\{|\\}|return |host|url|if |\\(|\\)|'DIRECT'|shExpMatch|,|;|\\[|\\]|/a+/|new Date|__host|delete |=|\\+|for|while|\n){0,40}") {
        let _ = ask(&body);
    }
}
