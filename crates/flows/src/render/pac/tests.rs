//! The file in a real JavaScript engine (node), compared with the catalogue's matcher. Chromium
//! is asked in `tests/pac.rs`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::super::sample::{hosts, ports, selection, text};
use super::*;

const ROUNDS: usize = 3000;

/// Answers of the file to many URLs, by node; `None` when node isn't here.
fn asked(file: &str, urls: &[(String, String)]) -> Option<Vec<String>> {
    let mut program = String::from(file);
    program.push_str("\nvar asked = [\n");
    for (url, host) in urls {
        program.push_str(&format!("[{}, {}],\n", quoted(url), quoted(host)));
    }
    program.push_str(
        "];\nasked.forEach(function (row) { console.log(FindProxyForURL(row[0], row[1])); });\n",
    );
    let mut node = Command::new("node")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    node.stdin
        .take()
        .unwrap()
        .write_all(program.as_bytes())
        .unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    Some(answers.lines().map(str::to_owned).collect())
}

fn wanted(host: &str, port: u16) -> bool {
    let selection = selection();
    let mut wanted = false;
    let report = perimeter::each(&selection, beside_the_proxy, &mut |crossing| {
        wanted |= not_for_a_proxy(crossing).is_none()
            && crossing.endpoint.host.covers(host)
            && crossing
                .endpoint
                .ports
                .iter()
                .any(|ports| ports.contains(port));
        How::Exact
    });
    assert!(!report.is_empty());
    wanted
}

#[test]
fn a_pac_sends_directly_what_the_flows_want_and_nothing_else() {
    let mut runner = TestRunner::deterministic();
    let mut cases: Vec<(String, u16, bool)> = Vec::new();
    for _ in 0..ROUNDS {
        let host = hosts().new_tree(&mut runner).unwrap().current();
        let port = ports().new_tree(&mut runner).unwrap().current();
        cases.push((host, port, port.is_multiple_of(2)));
    }
    let urls: Vec<(String, String)> = cases
        .iter()
        .map(|(host, port, secure)| {
            let scheme = if *secure { "https" } else { "http" };
            let port = match (port, secure) {
                (443, true) | (80, false) => String::new(),
                (port, _) => format!(":{port}"),
            };
            let shown = if host.len().is_multiple_of(3) {
                host.to_uppercase()
            } else {
                host.clone()
            };
            (format!("{scheme}://{host}{port}/x:1?y=:2"), shown)
        })
        .collect();
    let Some(answers) = asked(&text(Format::Pac), &urls) else {
        skip::skip(
            "a_pac_sends_directly_what_the_flows_want_and_nothing_else",
            "node is not installed",
        );
        return;
    };
    assert_eq!(answers.len(), cases.len());
    let mut direct = 0;
    for ((host, port, _), answer) in cases.iter().zip(&answers) {
        let expected = wanted(host, *port);
        direct += usize::from(expected);
        let expected = if expected { "DIRECT" } else { NO_PROXY_GIVEN };
        assert_eq!(answer, expected, "{host} {port}");
    }
    assert!(direct > ROUNDS / 40, "the cases hit something: {direct}");
}

#[test]
fn strings_cannot_end_early() {
    assert_eq!(
        quoted("a\"b\\\n\u{2028}é😀"),
        "\"a\\\"b\\\\\\u000a\\u2028\\u00e9\\ud83d\\ude00\""
    );
}

#[test]
fn the_proxy_that_was_given_takes_the_rest() {
    let options = Options {
        proxy: Some(super::super::ProxyAddress::parse("proxy.example.com:8080").unwrap()),
        ..Options::default()
    };
    let rendered = super::super::render(Format::Pac, &selection(), &options).unwrap();
    let file = String::from_utf8(rendered.bytes).unwrap();
    assert!(
        file.contains("var OTHERWISE = \"PROXY proxy.example.com:8080\";"),
        "{file}"
    );
}
