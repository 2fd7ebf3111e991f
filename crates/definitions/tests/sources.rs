//! Bad sources are named, all of them, by file and line.

use crate::setup::{open, scan, source};
use definitions::{BuildError, BuildOptions, Source, Why, build, lint};
use model::{DefinitionRevision, Maturity};

fn unusable(sources: &[Source]) -> Vec<(String, Option<u64>, Why, String)> {
    lint(&BuildOptions::default(), sources, &mut |_| {})
        .unwrap()
        .unusable
        .into_iter()
        .map(|found| {
            let reason = found.reason.into_owned();
            (found.source.to_string(), found.line, found.why, reason)
        })
        .collect()
}

#[test]
fn what_can_not_be_used_is_reported_with_file_and_line_and_stops_nothing() {
    let list = format!(
        "# fine\nnot a line\n\nabcd:1:N\n{}:1:Good\n",
        "ab".repeat(16)
    );
    let sources = [
        source("a.hdb", &list),
        source(
            "b.yar",
            "rule fine { condition: true }\n\nrule broken {\n  condition: $nothing\n}\n",
        ),
        source("c.yar", "rule syntax {"),
        source("d.cbc", "ClamBC"),
        source("e.idb", "one\n#\ntwo\n"),
    ];
    let found = unusable(&sources);
    let places: Vec<(&str, Option<u64>, Why)> = found
        .iter()
        .map(|(file, line, why, _)| (file.as_str(), *line, *why))
        .collect();
    assert_eq!(
        places,
        [
            ("a.hdb", Some(2), Why::Malformed),
            ("a.hdb", Some(4), Why::Malformed),
            ("d.cbc", None, Why::Unsupported),
            ("e.idb", Some(1), Why::Unsupported),
            ("e.idb", Some(3), Why::Unsupported),
            // Sources with rules may include each other, and are compiled last.
            ("b.yar", Some(4), Why::Malformed),
            ("c.yar", Some(1), Why::Malformed),
        ],
        "{found:?}"
    );
    let compiled = build(&sources, DefinitionRevision(1), &mut |_| {}).unwrap();
    assert_eq!(compiled.counts().md5, 1);
    assert_eq!(compiled.report().faults(), 7);
    assert_eq!(compiled.report().kinds["hdb"].used, 1);
}

#[test]
fn levels_ignore_lists_and_the_merely_unwanted_are_no_faults() {
    let line = |digits: &str, rest: &str| format!("{}:1:{rest}\n", digits.repeat(16));
    let sources = [
        source(
            "a.hdb",
            &[
                line("ab", "Newer:217"),
                line("ac", "Older:1:215"),
                line("ad", "Ours:216:216"),
                line("ae", "Named"),
            ]
            .concat(),
        ),
        source("b.ign2", "Named\n"),
        source("c.hdu", &line("af", "PUA.Some")),
    ];
    let found = unusable(&sources);
    let why: Vec<(Option<u64>, Why)> = found.iter().map(|found| (found.1, found.2)).collect();
    assert_eq!(
        why,
        [
            (Some(1), Why::Level),
            (Some(2), Why::Level),
            (Some(4), Why::Ignored),
            (Some(1), Why::Unwanted),
        ]
    );
    let wanted = BuildOptions {
        unwanted: true,
        ..BuildOptions::default()
    };
    let report = lint(&wanted, &sources, &mut |_| {}).unwrap();
    assert_eq!((report.faults(), report.kinds["hdu"].used), (0, 1));
    assert_eq!(report.kinds["hdb"].used, 1);
    // Nothing is said of formats that there were none of.
    assert!(!report.kinds.contains_key("yar"), "{:?}", report.kinds);
}

#[test]
fn a_bad_meta_entry_names_the_rules_line() {
    let found = unusable(&[source(
        "m.yar",
        "\nrule fine { condition: true }\nrule odd { meta: maturity = \"ripe\" condition: true }",
    )]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0.as_str(), found[0].1), ("m.yar", Some(3)));
    assert!(
        found[0].3.contains("silent, observing, enforcing"),
        "{}",
        found[0].3
    );
}

#[test]
fn an_include_from_elsewhere_is_refused() {
    let found = unusable(&[source("i.yar", "include \"/etc/passwd\"\n")]);
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
