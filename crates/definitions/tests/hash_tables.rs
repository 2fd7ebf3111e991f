//! Hash tables: what is listed is found, nothing else is, and lists that allow or ignore hold.

use std::fmt::Write as _;

use crate::setup::{gzip, open, scan, source, zip};
use definitions::{BuildError, build};
use md5::Md5;
use model::DefinitionRevision;
use model::verdict::Remark;
use sha2::{Digest as _, Sha256};

/// A content of its own for each number; many share a size.
fn content(number: u64) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(8 + usize::try_from(number % 97).unwrap(), b'x');
    bytes
}

fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn rules(verdict: &model::Verdict) -> Vec<&str> {
    verdict
        .matches
        .iter()
        .map(|found| found.rule.as_str())
        .collect()
}

#[test]
fn each_listed_file_is_found_under_its_name_and_no_other_is_found() {
    // More than 32 filter pages, so that records leave out what the filter implies.
    for others in [0u64, 110_000] {
        let mut list = String::new();
        for number in 0..others {
            let hash = md5(&(number | 1 << 40).to_le_bytes());
            writeln!(list, "{hash}:{}:Other.Family-{number}-0", number % 5000 + 1).unwrap();
        }
        for number in (0..3000).step_by(2) {
            let bytes = content(number);
            match number % 6 {
                0 => writeln!(list, "{}:{}:Some.A-{number}", md5(&bytes), bytes.len()),
                2 => writeln!(list, "{}:*:Some.B-{number}:73", md5(&bytes)),
                _ => {
                    let hash = hex::encode(Sha256::digest(&bytes));
                    writeln!(list, "{hash}:{}:Some.C-{number}", bytes.len())
                }
            }
            .unwrap();
        }
        let definitions = open(&[source("list.hsb", &list)]);
        assert_eq!(definitions.counts().total(), others + 1500);
        for number in 0..3000 {
            let verdict = scan(&definitions, &content(number));
            let expected = match number % 6 {
                0 => vec![format!("Some.A-{number}")],
                2 => vec![format!("Some.B-{number}")],
                4 => vec![format!("Some.C-{number}")],
                _ => Vec::new(),
            };
            assert_eq!(rules(&verdict), expected, "{number} of {others}");
        }
    }
}

#[test]
fn a_size_that_is_not_listed_keeps_a_hash_from_matching() {
    let bytes = content(5);
    let list = format!("{}:{}:Wrong\n", md5(&bytes), bytes.len() + 1);
    assert!(rules(&scan(&open(&[source("l.hdb", &list)]), &bytes)).is_empty());
}

#[test]
fn of_two_names_for_one_hash_one_is_reported() {
    let bytes = content(1);
    let line = |name: &str| format!("{}:{}:{name}\n", md5(&bytes), bytes.len());
    let definitions = open(&[source("l.hdb", &[line("B-2"), line("A-1")].concat())]);
    assert_eq!(definitions.counts().md5, 1);
    assert_eq!(rules(&scan(&definitions, &bytes)).len(), 1);
}

#[test]
fn names_of_every_shape_come_back_as_they_were() {
    let names = [
        "Plain",
        "Win.Trojan.Agent-1234567-0",
        "A-007",
        "0",
        "4294967295",
        "99999999999999999999",
        "Ünï-5-ç",
        "1-2-3",
    ];
    let mut list = String::new();
    for (number, name) in (0..).zip(names) {
        let bytes = content(number);
        writeln!(list, "{}:{}:{name}", md5(&bytes), bytes.len()).unwrap();
    }
    let definitions = open(&[source("l.hdb", &list)]);
    for (number, name) in (0..).zip(names) {
        assert_eq!(rules(&scan(&definitions, &content(number))), [name]);
    }
}

#[test]
fn what_is_allowed_is_not_reported_nor_is_anything_in_it() {
    let (inner, other) = (content(1), content(2));
    let archive = zip(&[("inner", &inner), ("other", &other)]);
    let outer = gzip(&archive);
    let listed = [&inner, &other].map(|bytes| format!("{}:{}:Found", md5(bytes), bytes.len()));
    let list = source("l.hdb", &listed.join("\n"));
    let remarks = |verdict: &model::Verdict| -> Vec<String> {
        let allowed = verdict.remarks.iter();
        let allowed = allowed.filter(|at| at.remark == Remark::Allowed);
        allowed.map(|at| at.member.join(" > ")).collect()
    };

    let all = open(std::slice::from_ref(&list));
    assert_eq!(scan(&all, &outer).matches.len(), 2);
    assert!(remarks(&scan(&all, &outer)).is_empty());

    let sha256 = hex::encode(Sha256::digest(&inner));
    for (name, line) in [
        ("a.fp", format!("{}:{}:Good", md5(&inner), inner.len())),
        ("a.sfp", format!("{sha256}:*:Good:73")),
    ] {
        let one = open(&[list.clone(), source(name, &line)]);
        let verdict = scan(&one, &outer);
        assert_eq!(verdict.matches.len(), 1, "{name}");
        assert_eq!(verdict.matches[0].member.last().unwrap(), "other");
        assert_eq!(remarks(&verdict), ["content > inner"], "{name}");
    }

    let whole = format!("{}:{}:Good", md5(&archive), archive.len());
    let verdict = scan(&open(&[list, source("a.fp", &whole)]), &outer);
    assert!(verdict.matches.is_empty());
    assert_eq!(remarks(&verdict), ["content > inner", "content > other"]);
}

#[test]
fn allow_lists_alone_are_no_definitions() {
    let allowed = source("a.fp", &format!("{}:1:Good", "ab".repeat(16)));
    let built = build(&[allowed], DefinitionRevision(1), &mut |_| {});
    assert_eq!(built, Err(BuildError::Empty));
}

#[test]
fn lists_of_hashes_without_names_are_named_by_their_file() {
    let bytes = content(3);
    let sum = format!("{}  some/file\n", hex::encode(Sha256::digest(&bytes)));
    let definitions = open(&[source("feeds/bad-files.sha256", &sum)]);
    assert_eq!(rules(&scan(&definitions, &bytes)), ["List.bad-files"]);
}
