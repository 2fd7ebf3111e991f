//! A laboratory of broken networks: for each the doctor says what it is, and of the healthy one
//! nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

mod bench;
mod cases;
mod curl;
mod domain;
mod own;
mod paper;

use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;
use system_tests::lab::can_make;
use system_tests::places;

use bench::{Bench, Plan};
use cases::{Case, Expected, On};
use paper::Judgement;

/// Runs of the doctor at once.
const AT_ONCE: usize = 6;
/// Every so manieth case is tried each time; all of them take a minute.
const SHORT: usize = 4;

#[test]
fn each_broken_network_is_named_and_of_a_healthy_one_nothing_is_said() {
    let test = "each_broken_network_is_named_and_of_a_healthy_one_nothing_is_said";
    if !can_make(test, &["python3", "openssl", "squid", "setpriv", "dnsmasq"]) {
        return;
    }
    let mut plan = Plan::new();
    cases::lay_out(&mut plan);
    domain::reputation(&mut plan);
    assert!(plan.cases.len() >= 40, "{} cases", plan.cases.len());
    let bench = plan.open();
    let soak = std::env::var_os("GARRISON_SOAK").is_some();
    let all = bench.cases.iter().enumerate();
    let chosen: Vec<&Case> = all
        .filter(|(at, case)| soak || at % SHORT == 0 || case.expected == Expected::Healthy)
        .map(|(_, case)| case)
        .collect();
    let own = own::open(&bench);
    let chosen: Vec<&Case> = chosen.into_iter().chain(&own.cases).collect();
    let (mut seen, laid, waited) = std::thread::scope(|scope| {
        // Takes as long as the rest.
        let laying = scope.spawn(|| domain::lay_out(&bench));
        let seen = examine(&bench, &chosen);
        one_cause_is_one_finding(&bench);
        the_own_filter_is_named_with_its_rules(&bench);
        let begun = Instant::now();
        let laid = laying.join().unwrap();
        (seen, laid, begun.elapsed().as_secs_f32())
    });
    let begun = Instant::now();
    let domain = laid.map(|laid| laid.open(&bench));
    if let Some(domain) = &domain {
        let cases: Vec<&Case> = domain.cases.iter().collect();
        seen.extend(examine(&bench, &cases));
        domain.reputation_is_lost_behind_the_proxy(&bench);
        domain.curl_agrees(&bench);
        let took = begun.elapsed().as_secs_f32();
        println!("the domain's cases took {took:.1} s after {waited:.1} s for the domain");
    }
    let wrong: Vec<String> = seen
        .iter()
        .filter(|(case, seen, _)| *seen != words(case.expected))
        .map(|(case, seen, report)| {
            format!(
                "{}: expected {}, got {seen}\n{report:#}",
                case.name,
                words(case.expected)
            )
        })
        .collect();
    let unsaid = seen.iter();
    let unsaid = unsaid.filter_map(|(case, _, report)| {
        domain::unsaid(case, report).or_else(|| own::unsaid(case, report))
    });
    let wrong: Vec<String> = wrong.into_iter().chain(unsaid).collect();
    for line in &wrong {
        println!("{line}");
    }
    let judgements: Vec<Judgement> = seen
        .iter()
        .map(|(case, seen, _)| Judgement {
            expected: words(case.expected),
            seen: seen.clone(),
        })
        .collect();
    let matrix = paper::matrix(&judgements);
    println!("{matrix}");
    if soak {
        paper::write(&places::sources().join("docs/doctor.md"), &matrix);
    }
    assert!(wrong.is_empty(), "{} of {} cases", wrong.len(), seen.len());
}

#[test]
fn each_verdict_that_the_paper_lists_has_a_case() {
    if !can_make("each_verdict_that_the_paper_lists_has_a_case", &["openssl"]) {
        return;
    }
    let mut plan = Plan::new();
    cases::lay_out(&mut plan);
    let expected = plan.cases.iter().map(|case| case.expected);
    let expected = expected.chain([domain::CLOCK_OFF]);
    let met: Vec<String> = expected.map(words).collect();
    let paper = std::fs::read_to_string(places::sources().join("docs/doctor.md")).unwrap();
    let listed = paper::verdicts(&paper);
    assert!(listed.len() >= 40, "{listed:?}");
    let missing: Vec<&String> = listed.iter().filter(|one| !met.contains(one)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Thirty names behind one proxy that opens TLS have one cause: one finding, which names the
/// authority and all of them.
fn one_cause_is_one_finding(bench: &Bench) {
    let mut arguments = vec![
        "--proxy".to_owned(),
        format!("http://{}", bench::proxy(cases::BUMPING)),
    ];
    for name in cases::many() {
        arguments.extend(["--target".to_owned(), format!("https://{name}/")]);
    }
    let case = Case {
        name: "thirty_names_behind_one_inspecting_proxy",
        arguments,
        environment: Vec::new(),
        path: "proxy",
        expected: Expected::Sick("tls", "inspected"),
        on: On::Client,
    };
    let report = bench.examine(&case);
    assert_eq!(verdict(&case, &report), "tls inspected", "{report:#}");
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let text = findings[0].to_string();
    assert!(text.contains("inspecting"), "the issuer is named: {text}");
    for name in cases::many() {
        assert!(text.contains(&name), "{name}: {text}");
    }
    assert!(findings[0]["mend"]["lines"].is_array(), "{text}");
}

/// What the host's own filter holds back is one finding, with the rules to add there.
fn the_own_filter_is_named_with_its_rules(bench: &Bench) {
    let mut arguments = Vec::new();
    for case in bench.cases.iter().filter(|case| case.on == On::Guarded) {
        arguments.extend_from_slice(&case.arguments);
    }
    let case = Case {
        name: "all_that_the_own_filter_holds_back",
        arguments,
        environment: Vec::new(),
        path: "direct",
        expected: Expected::Sick("transport", "refused"),
        on: On::Guarded,
    };
    let report = bench.examine(&case);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["who"], "host");
    let lines = findings[0]["mend"]["lines"].to_string();
    for part in [
        "tcp dport 443",
        "udp dport 5353",
        "10.77.0.53 udp dport 53",
        "10.77.0.53 tcp dport 53",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
}

fn examine<'c>(bench: &Bench, cases: &[&'c Case]) -> Vec<(&'c Case, String, Value)> {
    let queue = Mutex::new(cases.to_vec());
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().pop() else {
                        return;
                    };
                    let report = bench.examine(case);
                    let verdict = verdict(case, &report);
                    seen.lock().unwrap().push((case, verdict, report));
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

fn words(expected: Expected) -> String {
    match expected {
        Expected::Healthy => "healthy".to_owned(),
        Expected::Unknown => "unknown".to_owned(),
        Expected::Sick(stage, verdict) => format!("{stage} {verdict}"),
    }
}

/// What the checks on the case's path say.
fn verdict(case: &Case, report: &Value) -> String {
    let checks = report["checks"].as_array().unwrap();
    let mut seen: Vec<String> = checks
        .iter()
        .filter(|check| check["path"] == case.path)
        .map(|check| match check["verdict"].as_str() {
            None if check["result"] == "ok" => "healthy".to_owned(),
            None => check["result"].as_str().unwrap().to_owned(),
            Some(verdict) => format!("{} {verdict}", check["stage"].as_str().unwrap()),
        })
        .collect();
    seen.dedup();
    if seen.is_empty() {
        return "no check".to_owned();
    }
    seen.join(", ")
}
