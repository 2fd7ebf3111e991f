//! Regular expressions that need more than one may have: the verdict names the limit, the signature
//! and the way to the file, where clamscan says so in its debug output.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::setup::{gzip, open, scan, source, zip};
use model::{Limit, LimitHit};

const CLAMSCAN: &str = "/usr/bin/clamscan";

/// A signature whose expression is tried where `marker` stands.
fn signature(name: &str, expression: &str) -> String {
    format!("{name};Engine:81-255,Target:0;0&1;6d61726b6572;0/{expression}/\n")
}

fn file(rest: &str) -> Vec<u8> {
    format!("markerk{rest}").into_bytes()
}

/// An expression, a file for which it needs too much, and one that it matches.
struct Case {
    name: &'static str,
    expression: String,
    too_much: Vec<u8>,
    matching: Vec<u8>,
    /// What clamscan says, which has no limit on memory.
    theirs: Option<&'static str>,
}

fn cases() -> [Case; 3] {
    // Each step keeps the places of all groups.
    let groups = "(z)".repeat(1100);
    [
        Case {
            name: "Test.Steps",
            expression: "(a+)+$".into(),
            too_much: file(&format!("{}b", "a".repeat(60))),
            matching: file(&"a".repeat(60)),
            theirs: Some("match limit exceeded"),
        },
        Case {
            name: "Test.Depth",
            expression: "k(?:a|b)*[cd]".into(),
            too_much: file(&"ab".repeat(3000)),
            matching: file(&format!("{}c", "ab".repeat(300))),
            theirs: Some("recursive limit exceeded"),
        },
        Case {
            name: "Test.Memory",
            expression: format!("(?:{groups}){{0}}k(?:a|b)*[cd]"),
            too_much: file(&"ab".repeat(600)),
            matching: file(&format!("{}c", "ab".repeat(300))),
            theirs: None,
        },
    ]
}

/// What clamscan says of a file: whether it finds the signature, and its debug output.
fn clamscan(signatures: &Path, file: &Path) -> (bool, String) {
    let output = Command::new(CLAMSCAN)
        .args(["--debug", "--no-summary", "-d"])
        .args([signatures, file])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "clamscan: {}", output.status);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (code == Some(1), said)
}

fn hit(rule: &str, member: &[&str]) -> LimitHit {
    LimitHit {
        limit: Limit::Expression,
        member: member.iter().map(ToString::to_string).collect(),
        rule: Some(rule.to_owned()),
    }
}

#[test]
fn an_expression_that_needs_too_much_is_reported_with_its_signature_and_member() {
    for case in cases() {
        let definitions = open(&[source("t.ldb", &signature(case.name, &case.expression))]);
        let alone = scan(&definitions, &case.too_much);
        assert!(alone.matches.is_empty(), "{}", case.name);
        assert_eq!(alone.limits, [hit(case.name, &[])]);
        assert!(!alone.is_whole());

        let matching = scan(&definitions, &case.matching);
        assert_eq!(matching.matches[0].rule, case.name);
        assert!(matching.limits.is_empty(), "{:?}", matching.limits);

        let inside = zip(&[("clean", b"nothing"), ("inner.gz", &gzip(&case.too_much))]);
        let inside = scan(&definitions, &inside);
        assert_eq!(inside.limits, [hit(case.name, &["inner.gz", "content"])]);
    }
}

#[test]
fn limits_are_reached_where_clamscan_reaches_them() {
    if !Path::new(CLAMSCAN).exists() {
        skip::skip(
            "limits_are_reached_where_clamscan_reaches_them",
            "clamscan is not installed",
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (signatures, scanned) = (folder.path().join("t.ldb"), folder.path().join("file"));
    for case in cases() {
        std::fs::write(&signatures, signature(case.name, &case.expression)).unwrap();
        for (bytes, found, said) in [
            (&case.too_much, false, case.theirs),
            (&case.matching, true, None),
        ] {
            std::fs::write(&scanned, bytes).unwrap();
            let (theirs, debug) = clamscan(&signatures, &scanned);
            assert_eq!(theirs, found, "{}", case.name);
            for words in ["match limit exceeded", "recursive limit exceeded"] {
                let expected = said == Some(words);
                assert_eq!(debug.contains(words), expected, "{} {words}", case.name);
            }
        }
    }
}
