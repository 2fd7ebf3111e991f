//! Bad sources are named, all of them, by file and line.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use definitions::{BuildError, Source, build};
use model::{DefinitionRevision, Maturity};
use setup::{open, scan, source};

fn errors(sources: &[Source]) -> Vec<(String, Option<usize>, String)> {
    match build(sources, DefinitionRevision(1), &mut |_| {}) {
        Err(BuildError::Sources(errors)) => errors
            .into_iter()
            .map(|error| (error.source, error.line, error.reason))
            .collect(),
        other => panic!("expected errors in sources, got {other:?}"),
    }
}

#[test]
fn all_errors_are_reported_with_file_and_line() {
    let found = errors(&[
        source("a.hdb", "# fine\nnot a line\n\nabcd:1:N\n"),
        source(
            "b.yar",
            "rule fine { condition: true }\n\nrule broken {\n  condition: $nothing\n}\n",
        ),
        source("c.yar", "rule syntax {"),
    ]);
    let places: Vec<(&str, Option<usize>)> = found
        .iter()
        .map(|(file, line, _)| (file.as_str(), *line))
        .collect();
    assert_eq!(
        places,
        [
            ("a.hdb", Some(2)),
            ("a.hdb", Some(4)),
            ("b.yar", Some(4)),
            ("c.yar", Some(1)),
        ],
        "{found:?}"
    );
}

#[test]
fn a_bad_meta_entry_names_the_rules_line() {
    let found = errors(&[source(
        "m.yar",
        "\nrule fine { condition: true }\nrule odd { meta: maturity = \"ripe\" condition: true }",
    )]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0.as_str(), found[0].1), ("m.yar", Some(3)));
    assert!(
        found[0].2.contains("silent, observing, enforcing"),
        "{}",
        found[0].2
    );
}

#[test]
fn includes_are_refused() {
    let found = errors(&[source("i.yar", "include \"/etc/passwd\"\n")]);
    assert_eq!(found[0].1, Some(1), "{found:?}");
}

#[test]
fn nothing_to_compile_is_an_error() {
    for sources in [
        vec![],
        vec![source("README.md", "x")],
        vec![source("a.hdb", "#\n")],
    ] {
        let built = build(&sources, DefinitionRevision(1), &mut |_| {});
        assert_eq!(built, Err(BuildError::Empty));
    }
}

#[test]
fn two_sources_may_use_the_same_rule_names() {
    let definitions = open(&[
        source(
            "a.yar",
            "rule r { meta: name = \"A\" strings: $a = \"aaaa\" condition: $a }",
        ),
        source(
            "b.yar",
            "rule r { meta: name = \"B\" strings: $a = \"bbbb\" condition: $a }",
        ),
    ]);
    let verdict = scan(&definitions, b"only bbbb");
    assert_eq!(verdict.matches.len(), 1);
    assert_eq!(verdict.matches[0].rule, "B");
}

#[test]
fn maturity_comes_from_the_rule_and_a_withdrawn_one_never_matches() {
    let rule = |name: &str, maturity: &str| {
        format!("rule {name} {{ meta: {maturity} strings: $a = \"abcdef\" condition: $a }}\n")
    };
    let text = [
        rule("plain", "x = 1"),
        rule("silent", "maturity = \"silent\""),
        rule("observing", "maturity = \"observing\""),
        rule("gone", "maturity = \"withdrawn\""),
    ]
    .concat();
    let verdict = scan(&open(&[source("m.yar", &text)]), b"abcdef");
    let found: Vec<(&str, Maturity)> = verdict
        .matches
        .iter()
        .map(|found| (found.rule.as_str(), found.maturity))
        .collect();
    assert_eq!(
        found,
        [
            ("plain", Maturity::Enforcing),
            ("silent", Maturity::Silent),
            ("observing", Maturity::Observing),
        ]
    );
    assert_eq!(verdict.detections().count(), 1);
}

#[test]
fn progress_goes_from_nothing_to_everything() {
    let sources = [source("a.yar", "rule a { condition: false }")];
    let mut seen = Vec::new();
    build(&sources, DefinitionRevision(1), &mut |progress| {
        seen.push((progress.done, progress.total));
    })
    .unwrap();
    let total = sources[0].bytes.len() as u64;
    assert_eq!(seen.first(), Some(&(0, total)));
    assert_eq!(seen.last(), Some(&(total, total)));
}

#[test]
fn the_named_engine_is_the_one_in_the_lock_file() {
    let lock = include_str!("../../../Cargo.lock");
    let at = lock.find("name = \"yara-x\"\n").unwrap();
    let version = lock[at..].lines().nth(1).unwrap();
    let engine = scan::layout::YARA_ENGINE.split(' ').nth(1).unwrap();
    assert!(
        version.contains(&format!("\"{engine}.")),
        "{version} is not {engine}"
    );
}
