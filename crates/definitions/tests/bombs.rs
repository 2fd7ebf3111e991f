//! Bombs: small files that would grow, repeat or turn in rings for ever. Each ends by a limit that
//! is named, or by itself, and reads no more than the limits say.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use crate::setup::made::{bzip2, lzma, ole2, pdf, quine, seven_zip, zstd};
use crate::setup::{gzip, open, scan_with, source, tar, xz, zip};
use model::{Limit, Verdict};
use scan::{Definitions, Limits};

fn nothing() -> Definitions {
    open(&[source(
        "nothing.hsb",
        &format!("{}:7:Test.Nothing\n", "ab".repeat(32)),
    )])
}

/// Small limits, so that each is reached soon.
fn limits() -> Limits {
    Limits {
        depth: 8,
        members: 500,
        member_bytes: 20 << 20,
        total_bytes: 60 << 20,
        memory_bytes: 40 << 20,
        ratio: 200,
        ..Limits::default()
    }
}

/// Scans, and checks that no more was read than is allowed.
fn judged(bytes: &[u8]) -> Verdict {
    let limits = limits();
    let verdict = scan_with(&nothing(), bytes, &limits);
    assert!(verdict.members <= limits.members, "{verdict:?}");
    let most = bytes.len() as u64 + limits.total_bytes;
    assert!(verdict.scanned_bytes <= most, "{verdict:?}");
    verdict
}

fn hit(verdict: &Verdict) -> BTreeSet<Limit> {
    verdict.limits.iter().map(|hit| hit.limit).collect()
}

#[test]
fn every_packer_that_grows_beyond_its_ratio_is_stopped_by_it() {
    let zeros = vec![0; 19 << 20];
    for (format, bytes) in [
        ("gzip", gzip(&zeros)),
        ("zip", zip(&[("a", &zeros)])),
        ("xz", xz(&zeros)),
        ("bzip2", bzip2(&zeros)),
        ("zstd", zstd(&zeros)),
        ("lzma", lzma(&zeros)),
        ("7z", seven_zip::seven_zip(&[("a", &zeros)], false)),
        ("PDF", pdf::pdf(&["FlateDecode"], &zeros, "")),
    ] {
        let verdict = judged(&bytes);
        assert!(
            hit(&verdict).contains(&Limit::Ratio),
            "{format}: {verdict:?}"
        );
    }
}

#[test]
fn archives_of_archives_of_archives_end_by_a_limit_on_the_whole() {
    // As 42.zip: sixteen of each in each other, five levels.
    let mut level = zip(&[("0", &vec![0; 4 << 20])]);
    for _ in 0..5 {
        let names: Vec<String> = (0..16).map(|index| format!("{index}.zip")).collect();
        let members: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), level.as_slice()))
            .collect();
        level = zip(&members);
    }
    let limits = hit(&judged(&level));
    let whole = [Limit::TotalSize, Limit::Members];
    assert!(
        whole.iter().any(|limit| limits.contains(limit)),
        "{limits:?}"
    );
}

#[test]
fn containers_nested_deeper_than_allowed_end_by_depth() {
    for (format, pack) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>),
        ("zip", |inner| zip(&[("a", inner)])),
        ("tar", |inner| tar(&[(b"a", inner)])),
        ("7z", |inner| seven_zip::seven_zip(&[("a", inner)], true)),
        ("OLE2", |inner| ole2::ole2(&[("a", inner)])),
        ("PDF", |inner| pdf::pdf(&["FlateDecode"], inner, "")),
        ("bzip2", bzip2),
        ("zstd", zstd),
        ("lzma", lzma),
    ] {
        let mut bytes = b"innermost".to_vec();
        for _ in 0..9 {
            bytes = pack(&bytes);
        }
        assert_eq!(hit(&judged(&bytes)), [Limit::Depth].into(), "{format}");
    }
}

#[test]
fn a_file_that_unpacks_to_itself_ends_by_depth() {
    let (gzip, zip) = (quine::gzip(), quine::zip());
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(gzip.as_slice());
    let _ = decoder.read_to_end(&mut unpacked);
    assert_eq!(unpacked, gzip);
    let mut archive = zip::ZipArchive::new(Cursor::new(&zip)).unwrap();
    unpacked.clear();
    // With its checksum, which stands in what it is of.
    archive
        .by_index(0)
        .unwrap()
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, zip);
    for quine in [gzip, zip] {
        let verdict = judged(&quine);
        assert_eq!(hit(&verdict), [Limit::Depth].into());
        assert_eq!(verdict.members, u64::from(limits().depth));
    }
}

#[test]
fn rings_of_sectors_end() {
    let content = vec![b'x'; 9000];
    let plain = ole2::ole2(&[("Big", &content), ("Small", b"small")]);
    // Every entry of the table points to every early sector in turn.
    for target in 0u32..24 {
        let mut bytes = plain.clone();
        let table_at = bytes.len() - 512;
        for entry in bytes[table_at..].chunks_exact_mut(4) {
            entry.copy_from_slice(&target.to_le_bytes());
        }
        judged(&bytes);
    }
    // A directory whose entries are each other's siblings and children.
    let at = plain
        .windows(6)
        .position(|window| window == b"B\0i\0g\0")
        .unwrap();
    for target in 0u32..4 {
        let mut bytes = plain.clone();
        for field in [68, 72, 76] {
            bytes[at + field..at + field + 4].copy_from_slice(&target.to_le_bytes());
        }
        judged(&bytes);
    }
}

#[test]
fn streams_that_claim_gigantic_sizes_give_what_is_there() {
    let plain = ole2::ole2(&[("Big", &vec![b'x'; 9000])]);
    let at = plain
        .windows(6)
        .position(|window| window == b"B\0i\0g\0")
        .unwrap();
    let mut bytes = plain;
    bytes[at + 120..at + 124].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    judged(&bytes);
    // 7z: every number of the header as large as it gets.
    let archive = seven_zip::seven_zip(&[("a", b"content"), ("b", b"more")], true);
    for at in 32..archive.len() {
        let mut bytes = archive.clone();
        for byte in bytes[at..].iter_mut().take(9) {
            *byte = 0xff;
        }
        judged(&bytes);
    }
}

#[test]
fn objects_of_pdf_that_refer_to_each_other_end() {
    let mut text = b"%PDF-1.7\n".to_vec();
    for number in 1..200 {
        let next = number % 199 + 1;
        let object = format!(
            "{number} 0 obj <</Filter {next} 0 R/Length {next} 0 R>>\nstream\nabc\nendstream\nendobj\n"
        );
        text.extend(object.into_bytes());
    }
    judged(&text);
    // More filters than anyone needs.
    let names = "/ASCIIHexDecode ".repeat(5000);
    let many = format!("%PDF-1.7\n1 0 obj <</Filter[{names}]>>\nstream\n41>\nendstream\n");
    let verdict = judged(many.as_bytes());
    assert_eq!(hit(&verdict), [Limit::Depth].into());
}

#[test]
fn mail_nested_without_end_ends_by_depth() {
    let mut text = String::from("From: a@example.org\nMIME-Version: 1.0\n");
    for level in 0..200 {
        text.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=\"b{level}\"\n\n--b{level}\n"
        ));
    }
    assert!(hit(&judged(text.as_bytes())).contains(&Limit::Depth));
    let messages = "Content-Type: message/rfc822\n\n".repeat(200);
    let text = format!("From: a@example.org\nMIME-Version: 1.0\n{messages}");
    assert!(hit(&judged(text.as_bytes())).contains(&Limit::Depth));
}

#[test]
fn many_beginnings_of_files_in_a_file_are_limited() {
    let one = seven_zip::seven_zip(&[("a", b"content")], true);
    let many = [vec![0; 10], one.repeat(5000)].concat();
    judged(&many);
    let program = [b"MZ".as_slice(), &[0; 58], &64u32.to_le_bytes(), b"PE\0\0"].concat();
    judged(&program.repeat(20_000));
    judged(&b"PK\x03\x04".repeat(50_000));
    judged(&b">>stream\nendstream\n".repeat(20_000));
}
