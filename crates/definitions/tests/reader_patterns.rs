//! The second reader of byte patterns, written from `docs/patterns-format.md` alone, finds what the first
//! one finds: so the page is right, and has all that one needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::parity::{corpus, make};
use crate::second_reader::Reader;
use crate::second_reader::patterns::{Headers, Patterns, Subject};
use crate::setup::{file, scan, source, trusted};
use definitions::body::model::{Signature, Subsignature};
use definitions::body::{read_ldb, read_ndb};
use scan::{Definitions, FileType, VerifyMode};

type Names = BTreeSet<String>;

/// Of the real signatures every so many is tried.
const SAMPLE: usize = 61;

/// The form of a text that the page describes.
fn small(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in bytes {
        match byte {
            b' ' | 9..=13 if text.last() == Some(&b' ') => {}
            b' ' | 9..=13 => text.push(b' '),
            0x20..0x80 => text.push(byte.to_ascii_lowercase()),
            _ => {}
        }
    }
    text
}

/// What the second reader finds in a file. Which target it has is not what is tried here.
fn found(reader: &Reader<'_>, bytes: &[u8]) -> Names {
    let target = FileType::detect(bytes).target().number();
    let patterns = Patterns {
        tables: reader.section(20),
        programs: reader.section(21),
    };
    let headers = if target == 1 {
        Headers::of_pe(bytes)
    } else {
        None
    };
    let text = small(bytes);
    let has_forms = matches!(target, 3 | 7) && text != bytes;
    let row = if has_forms && target == 7 { 0 } else { target };
    let mut forms = vec![(row, bytes)];
    if has_forms {
        forms.push((target, text.as_slice()));
    }
    let mut names = Names::new();
    for (row, bytes) in forms {
        let subject = Subject {
            bytes,
            headers: headers.clone(),
        };
        let rules = patterns.matches(row.into(), &subject);
        names.extend(rules.into_iter().map(|rule| reader.name(rule)));
    }
    names
}

fn found_by_first(definitions: &Definitions, bytes: &[u8]) -> Names {
    let matches = scan(definitions, bytes).matches.into_iter();
    matches.map(|found| found.rule).collect()
}

/// A signature, a file that it matches, and one that it does not.
const EACH: &[(&str, &str, &[u8], &[u8])] = &[
    (
        "ndb",
        "Any:0:*:6162636465666768",
        b"..abcdefgh",
        b"..abcdefg.",
    ),
    ("ndb", "Short:0:*:7a797877", b"x.zyxw.", b"x.zyx_w"),
    ("ndb", "Tiny:0:*:51ff??3b3d", b"...Q\xff.;=", b"...Q\xff;=."),
    (
        "ndb",
        "Zeros:0:*:00000000000000000000",
        b".\0\0\0\0\0\0\0\0\0\0.",
        b".\0\0\0\0\0\0\0\0\0.",
    ),
    (
        "ndb",
        "Gaps:0:*:6161416262{2-4}6363436464*6565456666",
        b"aaAbb..ccCddeeEff",
        b"aaAbb.ccCddeeEff",
    ),
    (
        "ndb",
        "Wild:0:*:4d4e??4f5?5051{3}5253",
        b".MN.O_PQ...RS",
        b".MN.OoPQ...RS",
    ),
    (
        "ndb",
        "Either:0:*:6b6b6b(6c|6d6e|6f)70707071",
        b"..kkkmnpppq",
        b"..kkkmopppq",
    ),
    (
        "ndb",
        "Neither:0:*:757575!(31|32)76767677",
        b"..uuu3vvvw",
        b"..uuu2vvvw",
    ),
    (
        "ndb",
        "Bound:0:*:(B)6c6566746d6f7374(B)",
        b" leftmost=",
        b"Xleftmost=",
    ),
    (
        "ndb",
        "Line:0:*:(L)6c696e656c696e65(L)",
        b"..\nlineline\r\n",
        b"..\nlineline.\n",
    ),
    (
        "ndb",
        "Word:0:*:(W)776f7264776f7264(W)",
        b"..wordword.",
        b"..wordword1",
    ),
    (
        "ndb",
        "At:0:7:6174617461742e2e",
        b"1234567atatat..",
        b"123456atatat..",
    ),
    (
        "ndb",
        "End:0:EOF-6:656e64656e64",
        b".....endend",
        b"endend.....",
    ),
    (
        "ndb",
        "Near:0:4,8:6e6561726e656172",
        b"123456nearnear",
        b"123nearnear....",
    ),
    (
        "ndb",
        "Far:0:*:66[2-3]6172616661",
        b"..f..arafa",
        b"..f.arafa",
    ),
    (
        "ldb",
        "Twice;Engine:81-255,Target:0;0>1;747769636574",
        b"twicettwicet",
        b"twicet",
    ),
    (
        "ldb",
        "Both;Engine:81-255,Target:0;0&(1|2);626f746831;626f746832;626f746833",
        b"both1both3",
        b"both2both3",
    ),
    (
        "ldb",
        "Some;Engine:81-255,Target:0;(0|1|2)>2,2;736f6d6531;736f6d6532;736f6d6533",
        b"some1some1some3",
        b"some1some1some1",
    ),
    (
        "ldb",
        "Not;Engine:81-255,Target:0;0&1=0;6e6f743131;6e6f743232",
        b"..not11",
        b"not11not22",
    ),
    (
        "ldb",
        "Few;Engine:81-255,Target:0;(0&1)=0&2;6665773131;6665773232;6665773333",
        b"few33few11",
        b"few33few11few22",
    ),
    (
        "ldb",
        "Case;Engine:81-255,Target:0;0;4361736543617365::i",
        b"..cASEcAsE",
        b"..cASEcAs3",
    ),
    (
        "ldb",
        "Wide;Engine:81-255,Target:0;0;776964657769::w",
        b".w\0i\0d\0e\0w\0i\0",
        b".widewi",
    ),
    (
        "ldb",
        "Full;Engine:81-255,Target:0;0;66756c6c66756c6c::f",
        b"..fullfull..",
        b"..fullfull1.",
    ),
    (
        "ldb",
        "Size;Engine:81-255,FileSize:20-30,Target:0;0;73697a6573697a65",
        b"sizesize............",
        b"sizesize...........",
    ),
    (
        "ldb",
        "Perl;Engine:81-255,Target:0;0&1;7065726c2e2e;0/perl\\.\\.[0-9]+x/",
        b"perl..perl..12x",
        b"perl..perl..12y",
    ),
    (
        "ldb",
        "Case2;Engine:81-255,Target:0;0&1;7065726c3232;0/perl22.*END$/is",
        b"perl22\nend",
        b"perl22\nendx",
    ),
    (
        "ldb",
        "Byte;Engine:81-255,Target:0;0&1;627974656279;0(>>6#ib2#>4660)",
        b".byteby\x12\x35",
        b".byteby\x12\x34",
    ),
    (
        "ldb",
        "Text;Engine:81-255,Target:0;0&1;746578747465;0(>>6#hle4#=4660)",
        b".textte3412",
        b".textte1234",
    ),
    (
        "ndb",
        "Ascii:7:*:736f6d6520736d616c6c2074657874",
        b"SOME\t small\n\ntext, and more of it.",
        b"SOMEsmall\n\ntext, and more of it.",
    ),
];

#[test]
fn each_kind_of_pattern_is_found_by_a_reader_written_from_the_page() {
    let text = |kind: &str| -> String {
        let own = EACH.iter().filter(|(own, ..)| *own == kind);
        own.map(|(_, line, ..)| format!("Test.{line}\n")).collect()
    };
    let sources = [source("a.ndb", &text("ndb")), source("a.ldb", &text("ldb"))];
    let made = file(&sources, 1);
    let reader = Reader::open(&made);
    let definitions = Definitions::open(made.clone(), &trusted(), VerifyMode::EveryPage).unwrap();
    for (_, line, good, bad) in EACH {
        let (name, _) = line.split_once([':', ';']).unwrap();
        let name = format!("Test.{name}");
        for (bytes, expected) in [(good, true), (bad, false)] {
            let first = found_by_first(&definitions, bytes);
            assert_eq!(first.contains(&name), expected, "{name}: {first:?}");
            assert_eq!(found(&reader, bytes), first, "{name}");
        }
    }
}

/// Files in a container, and those whose entry point is not where this reader looks for it, are left
/// out.
fn is_read(signature: &Signature) -> bool {
    let alone = |patterns: &Vec<definitions::body::model::Pattern>| {
        patterns.iter().all(|pattern| pattern.place.kind != 7)
    };
    !matches!(signature.target, 6 | 9)
        && signature.conditions.container.unwrap_or(0) == 0
        && signature.subsignatures.iter().all(|subsignature| {
            !matches!(subsignature, Subsignature::Patterns(patterns) if !alone(patterns))
        })
}

#[test]
fn real_signatures_are_found_by_a_reader_written_from_the_page() {
    let test = "real_signatures_are_found_by_a_reader_written_from_the_page";
    let Some(folder) = corpus::signatures(test) else {
        return;
    };
    let mut sources = Vec::new();
    let mut signatures = Vec::new();
    for (name, kind) in [("main.ldb", "ldb"), ("daily.ndb", "ndb")] {
        let text = std::fs::read(folder.path().join(name)).unwrap();
        let text = String::from_utf8_lossy(&text);
        let mut kept = String::new();
        for line in text.lines().step_by(SAMPLE) {
            let read = if kind == "ldb" {
                read_ldb(line)
            } else {
                read_ndb(line)
            };
            if let Ok(Some(signature)) = read {
                kept.push_str(line);
                kept.push('\n');
                signatures.push(signature);
            }
        }
        sources.push(source(name, &kept));
    }
    let made = file(&sources, 1);
    let reader = Reader::open(&made);
    let definitions = Definitions::open(made.clone(), &trusted(), VerifyMode::EveryPage).unwrap();
    let (mut hits, mut files) = (0, 0);
    let mut left_out: BTreeMap<u8, u32> = BTreeMap::new();
    for signature in &signatures {
        if !is_read(signature) {
            *left_out.entry(signature.target).or_default() += 1;
            continue;
        }
        let Ok(pair) = make::files(signature) else {
            continue;
        };
        for bytes in [&pair.good, &pair.variant] {
            let first = found_by_first(&definitions, bytes);
            assert_eq!(found(&reader, bytes), first, "{}", signature.name);
            hits += usize::from(first.contains(&signature.name));
            files += 1;
        }
    }
    println!(
        "{} signatures, {files} files, {hits} found; left out, by target: {left_out:?}",
        signatures.len()
    );
    assert!(hits * 10 > signatures.len() * 8, "{hits} found");
}

#[test]
fn the_page_has_the_numbers_of_all_types() {
    let page = include_str!("../../../docs/patterns-format.md");
    let (_, list) = page.split_once("Their numbers").unwrap();
    let (_, list) = list.split_once(":\n\n").unwrap();
    let list = list.split_whitespace().collect::<Vec<_>>().join(" ");
    let own: Vec<String> = FileType::ALL
        .iter()
        .map(|own| {
            let name = own.name().strip_prefix("CL_TYPE_").unwrap();
            format!("{} {name}", own.number())
        })
        .collect();
    assert_eq!(list, own.join(", ") + ".");
}
