//! Byte patterns from their text to the verdict.

use crate::setup::{open, scan, source};
use model::Limit;

/// Whether a signature line (for any file) finds the bytes.
fn finds(kind: &str, line: &str, bytes: &[u8]) -> bool {
    let definitions = open(&[source(&format!("test.{kind}"), line)]);
    let verdict = scan(&definitions, bytes);
    assert!(verdict.limits.is_empty(), "{line}: {:?}", verdict.limits);
    !verdict.matches.is_empty()
}

fn ndb(pattern: &str, bytes: &[u8]) -> bool {
    finds("ndb", &format!("Test.Ndb:0:{pattern}"), bytes)
}

fn ldb(rest: &str, bytes: &[u8]) -> bool {
    finds("ldb", &format!("Test.Ldb;Target:0;{rest}"), bytes)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn wildcards_gaps_and_alternatives_match_as_their_text_says() {
    let cases: [(&str, &[u8], &[u8]); 12] = [
        ("*:6162??64", b"..abcd", b"..abce"),
        ("*:616263646?6667", b"abcdefg", b"abcdufg"),
        ("*:61626364?56667", b"abcdefg", b"abcdffg"),
        ("*:61626364*65666768", b"abcd....efgh", b"efgh....abcd"),
        ("*:61626364{2}65666768", b"abcd..efgh", b"abcd...efgh"),
        ("*:61626364{1-2}65666768", b"abcd..efgh", b"abcdefgh"),
        ("*:61626364{-2}65666768", b"abcdefgh", b"abcd...efgh"),
        ("*:61626364{2-}65666768", b"abcd.....efgh", b"abcd.efgh"),
        ("*:61626364(65|66)67", b"abcdfg", b"abcdgg"),
        ("*:61626364!(65|66)67", b"abcdgg", b"abcdfg"),
        ("*:61626364(6565|66|)6768", b"abcdeegh", b"abcdegh"),
        ("*:61[1-2]62636465", b"a..bcde", b"a...bcde"),
    ];
    for (pattern, good, bad) in cases {
        assert!(ndb(pattern, good), "{pattern} finds {good:?}");
        assert!(!ndb(pattern, bad), "{pattern} does not find {bad:?}");
    }
}

#[test]
fn parts_near_each_other_match_whichever_is_the_rarest() {
    // In each row another part is the one that is looked for first.
    let rows = [
        ["7175786a7a71", "0000", "2020"],
        ["2020", "7175786a7a71", "0000"],
        ["0000", "2020", "7175786a7a71"],
        ["9d06", "f5af", "13aead"],
    ];
    for parts in rows {
        let bytes: Vec<Vec<u8>> = parts.map(unhex).into();
        let pattern = format!("*:{}", parts.join("{1-6}"));
        for gaps in [[1, 1], [6, 6], [2, 5], [0, 3], [3, 0], [7, 2], [2, 7]] {
            let [one, two] = gaps.map(|gap| vec![0xc3; gap]);
            let [first, second, third] = bytes.as_slice() else {
                panic!("three parts");
            };
            // One that stands alone comes before.
            let alone = [third.as_slice(), &[0xc3; 40], second, &[0xc3; 40]].concat();
            let file = [&alone, first.as_slice(), &one, second, &two, third].concat();
            let good = gaps.iter().all(|gap| (1..=6).contains(gap));
            assert_eq!(ndb(&pattern, &file), good, "{pattern} {gaps:?}");
        }
    }
}

#[test]
fn a_byte_that_may_have_few_values_is_part_of_what_is_looked_for() {
    let before = "*:81(85|ad)????ffff";
    for value in [0x85, 0xad] {
        let file = [b"ab\xff\xff..".as_slice(), &[0x81, value, 7, 7, 0xff, 0xff]].concat();
        assert!(ndb(before, &file), "{value:x}");
    }
    assert!(!ndb(before, b"..\x81\x86..\xff\xff"));
    let behind = "*:(41|61)81??ffff";
    assert!(ndb(behind, b"..A\x81.\xff\xff"));
    assert!(ndb(behind, b"..a\x81.\xff\xff"));
    assert!(!ndb(behind, b"..b\x81.\xff\xff"));
}

#[test]
fn offsets_bind_a_pattern_to_its_place() {
    let cases: [(&str, &[u8], &[u8]); 4] = [
        ("2:61626364", b"..abcd", b"...abcd"),
        ("1,2:61626364", b"...abcd", b"....abcd"),
        ("EOF-4:61626364", b"..abcd", b"..abcd."),
        ("0:61626364*65666768", b"abcd efgh", b" abcd efgh"),
    ];
    for (pattern, good, bad) in cases {
        assert!(ndb(pattern, good), "{pattern} finds {good:?}");
        assert!(!ndb(pattern, bad), "{pattern} does not find {bad:?}");
    }
}

#[test]
fn modifiers_change_what_letters_match() {
    let text = hex("Needles");
    let wide: Vec<u8> = b"Needles".iter().flat_map(|byte| [*byte, 0]).collect();
    assert!(ldb(&format!("0;{text}::i"), b"a nEEDLES b"));
    assert!(!ldb(&format!("0;{text}"), b"a nEEDLES b"));
    assert!(ldb(&format!("0;{text}::w"), &wide));
    assert!(!ldb(&format!("0;{text}::w"), b"a Needles b"));
    assert!(ldb(&format!("0;{text}::wa"), b"a Needles b"));
    assert!(ldb(&format!("0;{text}::f"), b"a Needles b"));
    assert!(!ldb(&format!("0;{text}::f"), b"a xNeedles b"));
    assert!(!ldb(&format!("0;{text}::f"), b"a Needlesx b"));
}

#[test]
fn logic_counts_and_splits_as_clamav_does() {
    let subs = format!("{};{};{}", hex("alpha"), hex("beta"), hex("gamma"));
    let cases: [(&str, &[u8], bool); 12] = [
        ("0&1&2", b"gamma beta alpha", true),
        ("0&1&2", b"gamma beta", false),
        ("(0|1)&2", b"gamma beta", true),
        // Outside of parentheses the first operator binds last, inside of them the last does.
        ("0&1|2", b"gamma", false),
        ("(0&1|2)", b"gamma", true),
        ("0>1&1&2", b"gamma beta alpha", false),
        ("0>1&1&2", b"gamma beta alpha alpha", true),
        ("0=2&1&2", b"gamma beta alpha alpha alpha", false),
        ("(0|1|2)>2", b"gamma alpha", false),
        ("(0|1|2)>2", b"gamma gamma alpha", true),
        ("(0|1|2)>2,2", b"gamma gamma gamma", false),
        ("(0&1)&2=0", b"beta alpha", true),
    ];
    for (logic, bytes, expected) in cases {
        let found = ldb(&format!("{logic};{subs}"), bytes);
        assert_eq!(found, expected, "{logic} in {}", bytes.escape_ascii());
    }
}

#[test]
fn text_is_matched_in_lower_case_with_single_spaces_too() {
    let line = format!(
        "Test.Text;Target:7;0&1;{};{}",
        hex("if (needle) then"),
        hex("do it")
    );
    assert!(finds("ldb", &line, b"IF\t (Needle)\r\n  THEN\nDo   It\n"));
    assert!(!finds("ldb", &line, b"IF\t (Needle)\r\n  THEN\nDoIt\n"));
    // As it stands it is matched with what is for any file only.
    let upper = format!("Target:7;0;{}", hex("NEEDLE"));
    assert!(!finds("ldb", &format!("Test.Text;{upper}"), b"a NEEDLE\n"));
}

#[test]
fn a_literal_is_found_wherever_it_stands() {
    for length in 2..=16 {
        let literal = &b"Xy7kQw2vZr9mPt4c"[..length];
        let digits: String = literal.iter().map(|byte| format!("{byte:02x}")).collect();
        let definitions = open(&[source("test.ldb", &format!("Test.Ldb;Target:0;0;{digits}"))]);
        // Around the bounds of words, of the file, and of the blocks that it is read in.
        for size in (length..length + 12).chain(4090..4102).chain([8192, 8195]) {
            let near_end = (size - length).saturating_sub(9)..=size - length;
            let places = (0..9.min(size - length)).chain(near_end);
            for at in places.chain((4080..4100).filter(|at| at + length <= size)) {
                let mut bytes = vec![b'.'; size];
                bytes[at..at + length].copy_from_slice(literal);
                let verdict = scan(&definitions, &bytes);
                assert_eq!(verdict.matches.len(), 1, "{length} at {at} of {size}");
                bytes[at + length - 1] = b'!';
                let verdict = scan(&definitions, &bytes);
                assert!(verdict.matches.is_empty(), "{length} at {at} of {size}");
            }
        }
    }
}

#[test]
fn few_bytes_at_an_offset_are_enough() {
    let cases: [(&str, &[u8], &[u8]); 5] = [
        ("0:6162", b"abc", b"acb"),
        ("0:??6162", b"xab", b"axb"),
        ("1:616263", b".abc", b".abd"),
        ("EOF-2:6162", b"xxab", b"xxabx"),
        ("0:6162*63646566", b"ab..cdef", b"b..cdef"),
    ];
    for (pattern, good, bad) in cases {
        assert!(
            ldb(&format!("0;{pattern}"), good),
            "{pattern} finds {good:?}"
        );
        assert!(
            !ldb(&format!("0;{pattern}"), bad),
            "{pattern} does not find {bad:?}"
        );
    }
}

#[test]
fn expressions_run_behind_their_trigger() {
    let trigger = hex("trigger");
    let line = format!("0&1;{trigger};0/needle[0-9]+\\/x/i");
    assert!(ldb(&line, b"trigger NEEDLE42/x"));
    assert!(!ldb(&line, b"NEEDLE42/x"));
    assert!(!ldb(&line, b"trigger NEEDLE/x"));
    let global = format!("0&1>1;{trigger};0/need.e/g");
    assert!(ldb(&global, b"trigger needle nee needle"));
    assert!(!ldb(&global, b"trigger needle"));
}

#[test]
fn an_expression_that_never_ends_is_given_up() {
    let line = format!("Test.Ldb;Target:0;0&1;{};0/(a+)+$/", hex("trigger"));
    let bytes = [b"trigger ".as_slice(), &[b'a'; 4000], b"b"].concat();
    let verdict = scan(&open(&[source("test.ldb", &line)]), &bytes);
    assert!(verdict.matches.is_empty());
    let limits: Vec<Limit> = verdict.limits.iter().map(|hit| hit.limit).collect();
    assert_eq!(limits, [Limit::Expression]);
}

#[test]
fn numbers_near_a_match_are_compared() {
    let line = |comparison: &str| format!("0&1;{};0({comparison})", hex("size="));
    assert!(ldb(&line(">>5#db2#>41,<43"), b" size=42"));
    assert!(!ldb(&line(">>5#db2#>42"), b" size=42"));
    assert!(ldb(&line(">>5#il2#=0x3234"), b" size=42"));
    assert!(ldb(&line(">>5#ib2#=0x3432"), b" size=42"));
    assert!(ldb(&line(">>5#hb4#=0x12ab"), b" size=12ab"));
}
