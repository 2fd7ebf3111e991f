//! YARA rules are loaded a part at a time, when a file needs them.

use std::time::Duration;

use crate::setup::{TestWatch, file, matched, source, trusted};
use ::scan::layout::{PAGE_BYTES, SECTION_BYTES, SECTION_TABLE, SectionKind};
use ::scan::{Definitions, Input, Limits, Scanner, VerifyMode, Watch};
use model::verdict::Remark;
use model::{Limit, Verdict};

/// One rule of each kind: for every file, for ELF alone, and behind the gate.
const RULES: &str = r#"
    rule every { condition: filesize > 3 and filesize < 1000 }
    rule elf { strings: $a = "ab" condition: uint32(0) == 0x464c457f and #a > 1 }
    rule gated { strings: $a = "a literal that hardly any file has" condition: $a }"#;
const GATED: &[u8] = b"this is a literal that hardly any file has";

fn compiled() -> Vec<u8> {
    file(&[source("parts.yar", RULES)], 1)
}

fn open(bytes: Vec<u8>) -> Definitions {
    Definitions::open(bytes, &trusted(), VerifyMode::WhenTouched).unwrap()
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    let rules = verdict.matches.iter().map(|found| found.rule.as_str());
    rules.collect()
}

fn scan(scanner: &mut Scanner<'_>, bytes: &[u8]) -> Verdict {
    let mut watch = TestWatch::default();
    scanner.scan(Input::whole(bytes), &Limits::default(), &mut watch)
}

#[test]
fn what_few_files_need_is_loaded_when_one_needs_it_and_stays() {
    let definitions = open(compiled());
    assert!(definitions.loaded_parts().is_empty());
    definitions.load_first(&mut || {}).unwrap();
    let first = definitions.loaded_parts();
    let all = definitions.parts();
    assert!(!first.is_empty() && first.len() < all.len(), "{first:?}");
    let mut scanner = Scanner::new(&definitions);
    scanner.prepare();
    assert_eq!(definitions.loaded_parts(), first);
    assert_eq!(rules(&scan(&mut scanner, b"common")), ["every"]);
    assert_eq!(scanner.take_late_parts(), []);
    for (content, expected) in [
        (GATED, ["every", "gated"]),
        (b"\x7fELF abab".as_slice(), ["every", "elf"]),
    ] {
        let before = definitions.loaded_parts();
        assert_eq!(rules(&scan(&mut scanner, content)), expected);
        let late = scanner.take_late_parts();
        assert!(!late.is_empty());
        assert!(late.iter().all(|part| !before.contains(part)));
        assert_eq!(definitions.loaded_parts().len(), before.len() + late.len());
        assert_eq!(rules(&scan(&mut scanner, content)), expected);
        assert_eq!(scanner.take_late_parts(), []);
    }
}

#[test]
fn what_was_loaded_before_makes_the_same_verdicts_as_what_a_file_loads() {
    let (early, late) = (open(compiled()), open(compiled()));
    early.load_parts(&early.parts(), &mut || {}).unwrap();
    assert_eq!(early.loaded_parts(), early.parts());
    let (mut early, mut late) = (Scanner::new(&early), Scanner::new(&late));
    for content in [GATED, b"\x7fELF abab", b"common", b"", b"MZ", b"PK\x03\x04"] {
        assert_eq!(scan(&mut early, content), scan(&mut late, content));
    }
    assert_eq!(early.take_late_parts(), []);
    assert!(!late.take_late_parts().is_empty());
}

/// A clock by which each part takes longer to load than any file may take to scan.
struct Slow<'d> {
    definitions: &'d Definitions,
}

impl Watch for Slow<'_> {
    fn now(&mut self) -> Duration {
        let loaded = u32::try_from(self.definitions.loaded_parts().len()).unwrap();
        Limits::default().time * 2 * loaded
    }

    fn opening(&mut self, _: &[String]) {}
}

#[test]
fn loading_rules_takes_nothing_from_the_time_for_a_file() {
    let definitions = open(compiled());
    let mut scanner = Scanner::new(&definitions);
    let mut watch = Slow {
        definitions: &definitions,
    };
    let verdict = scanner.scan(Input::whole(GATED), &Limits::default(), &mut watch);
    assert!(scanner.take_late_parts().len() > 1);
    assert_eq!(rules(&verdict), ["every", "gated"]);
    assert!(verdict.is_whole(), "{verdict:?}");
    // The same clock stops a scan when it is the scan that takes so long.
    let limits = Limits {
        time: Duration::from_secs(1),
        ..Limits::default()
    };
    let mut watch = TestWatch {
        step: Duration::from_secs(2),
        ..TestWatch::default()
    };
    let verdict = scanner.scan(Input::whole(GATED), &limits, &mut watch);
    assert!(verdict.limits.iter().any(|hit| hit.limit == Limit::Time));
}

/// Where a section lies.
fn place(bytes: &[u8], kind: SectionKind) -> std::ops::Range<usize> {
    let row = bytes[SECTION_TABLE..PAGE_BYTES]
        .chunks_exact(SECTION_BYTES)
        .find(|row| row[..4] == kind.number().to_le_bytes())
        .unwrap();
    let number = |at: usize| {
        let number = u64::from_le_bytes(row[at..at + 8].try_into().unwrap());
        usize::try_from(number).unwrap()
    };
    number(8)..number(8) + number(16)
}

#[test]
fn a_damaged_part_is_reported_by_each_verdict_that_needs_it_and_by_no_other() {
    let mut bytes = compiled();
    // The last page of the rules behind the gate.
    let gated = place(&bytes, SectionKind::YARA_GROUPS[1]);
    bytes[gated.end - 1] ^= 1;
    let definitions = open(bytes);
    definitions.load_first(&mut || {}).unwrap();
    let mut scanner = Scanner::new(&definitions);
    for _ in 0..2 {
        let verdict = scan(&mut scanner, b"common");
        assert!(rules(&verdict) == ["every"] && verdict.is_whole());
    }
    for _ in 0..2 {
        let verdict = scan(&mut scanner, GATED);
        assert_eq!(rules(&verdict), ["every"]);
        assert!(!verdict.is_whole());
        let remarks: Vec<Remark> = verdict.remarks.iter().map(|at| at.remark).collect();
        assert_eq!(remarks, [Remark::DefinitionsDamaged]);
        // Nobody else is told to load it.
        assert_eq!(scanner.take_late_parts(), []);
    }
    assert!(
        definitions
            .load_parts(&definitions.parts(), &mut || {})
            .is_err()
    );
    assert_eq!(matched(&scan(&mut scanner, b"common")), [""]);
}
