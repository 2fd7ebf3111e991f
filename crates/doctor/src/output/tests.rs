use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::report::{
    Check, CheckedEndpoint, Evidence, Finding, FindingKey, Mend, Outcome, Report, Stage,
    StageResult, StageSeen, VERSION, Verdict, Who,
};
use crate::way::PathKind;

use super::{junit, prometheus, sarif, text};

mod judges;

fn check(flow: &str, host: &str, result: Outcome, what: Option<(Stage, Verdict)>) -> Check {
    Check {
        flow: flow.to_owned(),
        endpoint: CheckedEndpoint {
            host: host.to_owned(),
            port: Some(443),
            transport: "tcp".to_owned(),
        },
        path: PathKind::Proxy,
        via: Some("http://proxy.test:3128".to_owned()),
        result,
        stage: what.map(|(stage, _)| stage),
        verdict: what.map(|(_, verdict)| verdict),
        detail: "TLS is inspected by CN=\"Corp\" <CA>\u{1b}[31m & more".to_owned(),
        evidence: vec![Evidence::new("issuer", "CN=Corp")],
        stages: vec![StageSeen {
            stage: "tls".to_owned(),
            result: StageResult::Failed,
            took_ms: 1_250,
            detail: String::new(),
        }],
    }
}

fn sample() -> Report {
    let inspected = Some((Stage::Tls, Verdict::Inspected));
    let lost = Some((Stage::Transport, Verdict::UdpUnconfirmed));
    Report {
        version: VERSION,
        result: Outcome::Broken,
        checked: 3,
        took_ms: 1_812,
        checks: vec![
            check("reputation", "a.test", Outcome::Broken, inspected),
            check("updates", "b.test", Outcome::Ok, None),
            check("syslog", "c.test", Outcome::Unknown, lost),
            Check {
                detail: "it stands for many names; needs a concrete name: --target".to_owned(),
                ..check("wild", "*.test", Outcome::Skipped, None)
            },
        ],
        findings: vec![Finding {
            key: FindingKey::of(Stage::Tls, Verdict::Inspected, "issuer Corp"),
            verdict: Verdict::Inspected,
            stage: Stage::Tls,
            cause: "TLS to a.test is inspected by CN=Corp".to_owned(),
            result: Outcome::Broken,
            flows: vec!["reputation".to_owned()],
            endpoints: vec!["a.test:443".to_owned()],
            features: vec!["file \"reputation\"".to_owned()],
            evidence: vec![Evidence::new("issuer", "CN=Corp")],
            who: Who::Proxy,
            mend: Mend {
                product: "squid".to_owned(),
                lines: vec![
                    "acl a ssl::server_name a.test".to_owned(),
                    "ssl_bump splice a".to_owned(),
                ],
            },
        }],
    }
}

/// Runs a judge of Python's with this on its standard input; `None` where it is not there.
fn judged_by(test: &str, script: &str, input: &str) -> Option<String> {
    let there = Command::new("/usr/bin/python3")
        .args(["-c", "import jsonschema, xml.etree.ElementTree"])
        .stderr(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        skip::skip(test, "python3 with jsonschema is not installed");
        return None;
    }
    let mut judge = Command::new("timeout")
        .args(["60", "/usr/bin/python3", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = judge.stdin.take().unwrap();
    to.write_all(input.as_bytes()).unwrap();
    drop(to);
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

const JSON_JUDGE: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema, report = (json.loads(line) for line in sys.stdin)
Draft202012Validator.check_schema(schema)
for error in Draft202012Validator(schema).iter_errors(report):
    print(error.json_path, error.message[:200])
";

#[test]
fn the_json_is_what_its_schema_says_and_other_things_are_not() {
    let test = "the_json_is_what_its_schema_says_and_other_things_are_not";
    let schema: serde_json::Value = serde_json::from_str(super::SCHEMA).unwrap();
    let complaints =
        |report: &serde_json::Value| judged_by(test, JSON_JUDGE, &format!("{schema}\n{report}"));
    let report = serde_json::to_value(sample()).unwrap();
    let Some(said) = complaints(&report) else {
        return;
    };
    assert_eq!(said, "");
    for place in ["/version", "/checks/0/verdict", "/findings/0/who"] {
        let mut wrong = report.clone();
        *wrong.pointer_mut(place).unwrap() = "other".into();
        assert_ne!(complaints(&wrong).unwrap(), "", "{place}");
    }
}

#[test]
fn the_schema_knows_every_verdict() {
    let schema: serde_json::Value = serde_json::from_str(super::SCHEMA).unwrap();
    let known: Vec<&str> = schema["$defs"]["verdict"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(known, Verdict::ALL.map(Verdict::as_str));
}

#[test]
fn the_report_reads_back_from_its_json() {
    let json = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), sample());
}

#[test]
fn a_terminal_is_not_told_what_to_do_and_the_lines_to_add_stand_there() {
    let rows = text::rows(&sample(), text::Rows::Checked);
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().flatten().all(|cell| !cell.contains('\u{1b}')));
    assert_eq!(text::rows(&sample(), text::Rows::All).len(), 4);
    let shown = format!("{}{}", text::skipped(&sample()), text::findings(&sample()));
    insta::assert_snapshot!("findings", shown);
}

#[test]
fn sarif_has_a_result_for_each_finding() {
    let sarif = sarif::sarif(&sample(), "1.2.3");
    insta::assert_snapshot!("sarif", serde_json::to_string_pretty(&sarif).unwrap());
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[at]["id"], result["ruleId"]);
    }
}

const XML_JUDGE: &str = "
import sys
import xml.etree.ElementTree as tree
suite = tree.fromstring(sys.stdin.buffer.read())[0]
cases = suite.findall('testcase')
count = lambda kind: sum(1 for case in cases if case.find(kind) is not None)
for kind, name in ('failure', 'failures'), ('error', 'errors'), ('skipped', 'skipped'):
    assert int(suite.get(name)) == count(kind), kind
assert int(suite.get('tests')) == len(cases)
print(cases[0].find('failure').get('message'))
";

#[test]
fn junit_is_xml_whose_numbers_are_right() {
    let xml = junit::junit(&sample());
    let Some(said) = judged_by("junit_is_xml_whose_numbers_are_right", XML_JUDGE, &xml) else {
        return;
    };
    assert_eq!(
        said.trim_end(),
        "TLS is inspected by CN=\"Corp\" <CA>\u{fffd}[31m & more"
    );
}

/// A line of Prometheus' text format: a comment, or a name, labels and a number.
fn is_metric(line: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    if let Some(comment) = line.strip_prefix("# ") {
        return comment.starts_with("HELP ") || comment.starts_with("TYPE ");
    }
    let Some((series, value)) = line.rsplit_once(' ') else {
        return false;
    };
    if value.parse::<f64>().is_err() {
        return false;
    }
    let Some((name, labels)) = series.split_once('{') else {
        return is_name(series);
    };
    let Some(mut rest) = labels.strip_suffix('}').filter(|_| is_name(name)) else {
        return false;
    };
    while !rest.is_empty() {
        let Some((label, value)) = rest.split_once("=\"") else {
            return false;
        };
        let mut escaped = false;
        let end = value.char_indices().find(|(_, sign)| {
            let ends = *sign == '"' && !escaped;
            escaped = *sign == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end.filter(|_| is_name(label)) else {
            return false;
        };
        let after = &value[end + 1..];
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    true
}

#[test]
fn prometheus_reads_every_line_and_no_series_comes_twice() {
    let mut report = sample();
    report.checks.push(report.checks[0].clone());
    report.findings[0]
        .features
        .push("back\\slash\nand line".to_owned());
    let text = prometheus::prometheus(&report);
    assert!(text.ends_with('\n'));
    let mut series = Vec::new();
    for line in text.lines() {
        assert!(is_metric(line), "{line}");
        series.extend(line.strip_prefix("garrison").map(|_| line));
    }
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(all, series.len());
    for wrong in ["a{b=\"c} 1", "a{b=c} 1", "a", "A 1", "a{b=\"c\"} x"] {
        assert!(!is_metric(wrong), "{wrong}");
    }
}
