//! Containers inside each other, limits, and damage.

use std::time::Duration;

use crate::setup::{
    TestWatch, gzip, limits_hit, matched, needle, open, pe, scan, scan_with, source, tar, xz, zip,
    zip_by,
};
use model::Limit;
use model::verdict::Remark;
use scan::{Input, Limits, Scanner};
use sha2::Digest;

const NEEDLE: &[u8] = b"a NEEDLE in hay";

fn remarks(verdict: &model::Verdict) -> Vec<(Remark, String)> {
    verdict
        .remarks
        .iter()
        .map(|at| (at.remark, at.member.join(" > ")))
        .collect()
}

#[test]
fn containers_inside_each_other_are_opened_and_the_way_is_named() {
    let inner = tar(&[(b"docs/note.txt", NEEDLE), (b"other", b"hay")]);
    let outer = zip(&[("data.tar.xz", &xz(&inner)), ("hay", b"hay")]);
    let verdict = scan(&needle(), &gzip(&outer));
    // A tar archive holds its members as they are, so it matches as well.
    let archive = "content > data.tar.xz > content";
    let member = "content > data.tar.xz > content > docs/note.txt";
    assert_eq!(matched(&verdict), [archive, member]);
    assert_eq!(verdict.file_type, "gzip");
    assert_eq!(verdict.members, 6);
    assert!(
        verdict.limits.is_empty() && verdict.remarks.is_empty(),
        "{verdict:?}"
    );
    assert!(verdict.hashes.is_some());
}

#[test]
fn a_match_carries_the_hashes_of_the_member() {
    let verdict = scan(&needle(), &zip(&[("a", NEEDLE)]));
    let expected: [u8; 32] = sha2::Sha256::digest(NEEDLE).into();
    assert_eq!(verdict.matches[0].hashes.sha256.0, expected);
    assert_ne!(verdict.hashes.unwrap().sha256.0, expected);
}

#[test]
fn hashes_match_the_file_and_each_member_with_and_without_a_size() {
    let hex = |bytes: &[u8]| model::Sha256(sha2::Sha256::digest(bytes).into()).to_string();
    let list = format!(
        "{}:{}:Test.Sized\n{}:*:Test.Any\n{}:1:Test.OtherSize\n",
        hex(b"sized"),
        b"sized".len(),
        hex(b"any"),
        hex(b"wrong"),
    );
    let definitions = open(&[source("l.hsb", &list)]);
    assert_eq!(scan(&definitions, b"sized").matches[0].rule, "Test.Sized");
    let inside = zip(&[("1", b"sized"), ("2", b"any"), ("3", b"wrong")]);
    let verdict = scan(&definitions, &inside);
    assert_eq!(matched(&verdict), ["1", "2"]);
    assert_eq!(verdict.matches[1].rule, "Test.Any");
}

#[test]
fn every_zip_method_is_unpacked() {
    use zip::CompressionMethod as Method;
    for method in [
        Method::Stored,
        Method::Deflated,
        Method::Bzip2,
        Method::Zstd,
        Method::Xz,
    ] {
        let bytes = zip_by(method, &[("a", NEEDLE), ("b", b"hay")]);
        let verdict = scan(&needle(), &bytes);
        assert!(
            matched(&verdict).contains(&"a".to_owned()),
            "{method}: {verdict:?}"
        );
        assert!(verdict.remarks.is_empty(), "{method}: {verdict:?}");
    }
}

#[test]
fn an_archive_behind_another_file_is_opened() {
    let bytes = [
        b"#!/bin/sh\nexit\n".as_slice(),
        &zip(&[("a", &gzip(NEEDLE))]),
    ]
    .concat();
    let verdict = scan(&needle(), &bytes);
    assert_eq!(verdict.file_type, "script");
    assert_eq!(matched(&verdict), ["a > content"]);
}

#[test]
fn two_members_of_one_name_are_both_read() {
    let mut bytes = zip(&[("same", b"hay"), ("sama", &gzip(NEEDLE))]);
    for at in 0..bytes.len() - 4 {
        if &bytes[at..at + 4] == b"sama" {
            bytes[at + 3] = b'e';
        }
    }
    assert_eq!(matched(&scan(&needle(), &bytes)), ["same > content"]);
}

#[test]
fn a_size_that_lies_hides_nothing() {
    let packed = gzip(&[NEEDLE, &[b' '; 500]].concat());
    let good = zip_by(zip::CompressionMethod::Deflated, &[("a", &packed)]);
    let central = good
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    for stated in [0u32, 1, u32::MAX - 1] {
        let mut bytes = good.clone();
        bytes[central + 24..central + 28].copy_from_slice(&stated.to_le_bytes());
        let verdict = scan(&needle(), &bytes);
        assert_eq!(matched(&verdict), ["a > content"], "{stated}");
        assert_eq!(
            remarks(&verdict),
            [(Remark::Malformed, String::new())],
            "{stated}"
        );
    }
}

#[test]
fn an_encrypted_member_is_remarked() {
    let mut bytes = zip(&[("secret", NEEDLE)]);
    let central = bytes
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    bytes[central + 8] |= 1;
    let verdict = scan(&needle(), &bytes);
    assert_eq!(remarks(&verdict), [(Remark::Encrypted, "secret".into())]);
}

#[test]
fn an_unknown_method_is_remarked() {
    let mut bytes = zip(&[("odd", NEEDLE)]);
    let central = bytes
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    bytes[central + 10] = 77;
    let verdict = scan(&needle(), &bytes);
    assert_eq!(remarks(&verdict), [(Remark::UnknownMethod, "odd".into())]);
}

#[test]
fn a_zip_without_its_directory_is_read_by_local_headers() {
    let good = zip(&[("a", b"hay"), ("b", &gzip(NEEDLE)), ("c", b"more")]);
    let central = good
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .unwrap();
    let verdict = scan(&needle(), &good[..central]);
    assert_eq!(matched(&verdict), ["b > content"]);
    assert_eq!(remarks(&verdict), [(Remark::Malformed, String::new())]);
}

#[test]
fn what_a_cut_stream_still_gives_is_scanned() {
    let noise: Vec<u8> = (0..100_000u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let content = [NEEDLE, &noise].concat();
    for packed in [gzip(&content), xz(&content)] {
        let verdict = scan(&needle(), &packed[..packed.len() - 1000]);
        assert!(matched(&verdict).contains(&"content".to_owned()));
        assert_eq!(remarks(&verdict), [(Remark::Malformed, "content".into())]);
    }
}

#[test]
fn names_that_are_not_utf_8_keep_their_bytes() {
    let verdict = scan(&needle(), &tar(&[(b"caf\xe9.txt", NEEDLE)]));
    assert!(
        matched(&verdict).contains(&r"caf\xe9.txt".to_owned()),
        "{verdict:?}"
    );
}

#[test]
fn several_gzip_streams_are_one_file_and_padding_is_no_damage() {
    let bytes = [gzip(b"a NEE"), gzip(b"DLE"), vec![0; 100]].concat();
    let verdict = scan(&needle(), &bytes);
    assert_eq!(matched(&verdict), ["content"]);
    assert!(verdict.remarks.is_empty());
    let verdict = scan(&needle(), &[gzip(NEEDLE), b"rest".to_vec()].concat());
    assert_eq!(remarks(&verdict), [(Remark::Malformed, String::new())]);
}

#[test]
fn depth_is_limited_and_reported() {
    let mut bytes = NEEDLE.to_vec();
    for _ in 0..5 {
        bytes = gzip(&bytes);
    }
    let limits = Limits {
        depth: 5,
        ..Limits::default()
    };
    assert_eq!(scan_with(&needle(), &bytes, &limits).matches.len(), 1);
    let limits = Limits {
        depth: 4,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert!(verdict.matches.is_empty());
    let at = ["content"; 4].join(" > ");
    assert_eq!(limits_hit(&verdict), [(Limit::Depth, at)]);
    let endless = Limits {
        depth: u32::MAX,
        ..Limits::default()
    };
    let mut bytes = NEEDLE.to_vec();
    for _ in 0..40 {
        bytes = gzip(&bytes);
    }
    assert_eq!(
        limits_hit(&scan_with(&needle(), &bytes, &endless))[0].0,
        Limit::Depth
    );
}

#[test]
fn members_are_limited_and_reported() {
    let bytes = zip(&[("1", b"hay"), ("2", b"hay"), ("3", NEEDLE)]);
    let limits = Limits {
        members: 2,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert_eq!(verdict.members, 2);
    assert_eq!(limits_hit(&verdict), [(Limit::Members, String::new())]);
}

#[test]
fn sizes_are_limited_and_what_was_read_is_scanned() {
    let zeros = vec![0; 3 << 20];
    let content = [NEEDLE, &zeros].concat();
    let bytes = zip(&[("big", &content), ("next", &gzip(NEEDLE))]);
    let limits = Limits {
        member_bytes: 1 << 20,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert_eq!(matched(&verdict), ["big", "next > content"]);
    assert_eq!(limits_hit(&verdict), [(Limit::MemberSize, "big".into())]);

    let limits = Limits {
        total_bytes: 1 << 20,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert_eq!(matched(&verdict), ["big"]);
    assert_eq!(limits_hit(&verdict), [(Limit::TotalSize, "big".into())]);

    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert_eq!(matched(&verdict), ["big", "next > content"]);
    assert_eq!(limits_hit(&verdict), [(Limit::Memory, "big".into())]);

    let exactly = Limits {
        member_bytes: content.len() as u64,
        ..Limits::default()
    };
    assert!(scan_with(&needle(), &bytes, &exactly).limits.is_empty());
}

#[test]
fn growth_is_limited_and_reported() {
    let bomb = gzip(&vec![0; 40 << 20]);
    let limits = Limits {
        ratio: 100,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bomb, &limits);
    assert_eq!(limits_hit(&verdict), [(Limit::Ratio, "content".into())]);
    assert!(verdict.scanned_bytes <= (bomb.len() + (16 << 20)) as u64);
}

#[test]
fn a_bomb_of_overlapping_entries_is_stopped_by_the_total() {
    let good = zip(&[("a", &vec![0; 1 << 20])]);
    let central = good
        .windows(4)
        .rposition(|four| four == b"PK\x01\x02")
        .unwrap();
    let end = good
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06")
        .unwrap();
    let row = &good[central..end];
    let mut bytes = good[..central].to_vec();
    for _ in 0..1000 {
        bytes.extend_from_slice(row);
    }
    let mut tail = good[end..].to_vec();
    tail[8..12].copy_from_slice(&[0xe8, 3, 0xe8, 3]);
    tail[12..16].copy_from_slice(&((row.len() * 1000) as u32).to_le_bytes());
    bytes.extend_from_slice(&tail);
    let limits = Limits {
        total_bytes: 16 << 20,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert_eq!(limits_hit(&verdict), [(Limit::TotalSize, "a".into())]);
    assert!(verdict.members <= 17, "{}", verdict.members);
}

#[test]
fn matches_are_limited_and_reported() {
    let bytes = zip_by(
        zip::CompressionMethod::Deflated,
        &[("1", NEEDLE), ("2", NEEDLE), ("3", NEEDLE)],
    );
    let limits = Limits {
        matches: 2,
        ..Limits::default()
    };
    let verdict = scan_with(&needle(), &bytes, &limits);
    assert_eq!(verdict.matches.len(), 2);
    assert_eq!(limits_hit(&verdict)[0].0, Limit::Matches);
}

#[test]
fn time_is_limited_and_reported_once() {
    let bytes = zip(&[("1", b"hay"), ("2", b"hay"), ("3", NEEDLE)]);
    let mut watch = TestWatch {
        step: Duration::from_secs(1),
        ..TestWatch::default()
    };
    let limits = Limits {
        time: Duration::from_secs(5),
        ..Limits::default()
    };
    let definitions = needle();
    let mut scanner = Scanner::new(&definitions);
    let verdict = scanner.scan(Input::whole(&bytes), &limits, &mut watch);
    let times: Vec<Limit> = verdict.limits.iter().map(|hit| hit.limit).collect();
    assert_eq!(times, [Limit::Time]);
    assert!(verdict.members < 3);
}

#[test]
fn each_member_is_announced_before_it_is_read() {
    let bytes = zip(&[("a.gz", &gzip(b"x")), ("b", b"y")]);
    let mut watch = TestWatch::default();
    let definitions = needle();
    Scanner::new(&definitions).scan(Input::whole(&bytes), &Limits::default(), &mut watch);
    let opened: Vec<String> = watch.opened.iter().map(|path| path.join(" > ")).collect();
    assert_eq!(opened, ["a.gz", "a.gz > content", "b"]);
}

#[test]
fn the_beginning_of_a_larger_file_is_scanned_and_said_so() {
    let definitions = needle();
    let mut watch = TestWatch::default();
    let input = Input::prefix(NEEDLE, 1 << 40);
    let verdict = Scanner::new(&definitions).scan(input, &Limits::default(), &mut watch);
    assert_eq!(limits_hit(&verdict), [(Limit::FileSize, String::new())]);
    assert_eq!((verdict.size, verdict.hashes), (1 << 40, None));
    assert_eq!(verdict.matches.len(), 1);
    let cut = Limits {
        file_bytes: 3,
        ..Limits::default()
    };
    assert_eq!(scan_with(&definitions, NEEDLE, &cut).scanned_bytes, 3);
}

#[test]
fn yara_rules_get_an_embedded_program_as_far_as_its_own_sections_go() {
    let inner = pe(&[vec![1; 512]]);
    let size = inner.len();
    let around = [inner.clone(), b"LATER".to_vec(), vec![2; 507]].concat();
    let outer = pe(&[vec![3; 512], around]);
    let rules = format!(
        "rule whole {{ condition: uint16(0) == 0x5a4d and filesize == {} }}\n\
         rule own {{ condition: uint16(0) == 0x5a4d and filesize == {size} }}\n\
         rule later {{ strings: $a = \"LATER\" condition: uint16(0) == 0x5a4d and $a }}",
        outer.len()
    );
    let definitions = open(&[source("embedded.yar", &rules)]);
    let verdict = scan(&definitions, &outer);
    let found = verdict.matches.iter();
    let mut found: Vec<String> = found
        .map(|found| format!("{} {}", found.rule, found.member.join(" > ")))
        .collect();
    found.sort();
    let inside = format!("own program at {}", 0x400 + 512);
    assert_eq!(found, ["later ".to_owned(), inside, "whole ".to_owned()]);
}
