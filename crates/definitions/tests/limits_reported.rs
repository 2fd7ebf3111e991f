//! Whatever is left unread because there is too much of it is a limit that the verdict names.

use std::io::Write as _;
use std::time::Duration;

use crate::setup::made::{base64, bzip2, lzma, ole2, pdf, seven_zip, zstd};
use crate::setup::{TestWatch, gzip, matched, needle, open, scan, scan_with, source, xz, zip_by};
use model::{Limit, Verdict};
use scan::{Definitions, Input, Limits, Scanner};

fn hit(verdict: &Verdict) -> Vec<Limit> {
    verdict.limits.iter().map(|hit| hit.limit).collect()
}

#[test]
fn more_embedded_files_than_are_opened_are_named() {
    let one = seven_zip::seven_zip(&[("a", b"content")], true);
    for (count, limits) in [(10, vec![]), (11, vec![Limit::Members])] {
        let many = [vec![0; 10], one.repeat(count)].concat();
        let verdict = scan(&needle(), &many);
        assert_eq!(hit(&verdict), limits, "{count}");
    }
    // Places that seem to hold programs, none of which makes sense.
    let program = [b"MZ".as_slice(), &[0; 58], &64u32.to_le_bytes(), b"PE\0\0"].concat();
    assert_eq!(hit(&scan(&needle(), &program.repeat(4000))), []);
    assert_eq!(hit(&scan(&needle(), &program.repeat(4200))), [Limit::Time]);
}

#[test]
fn archives_of_7_zip_with_more_than_is_read_are_named() {
    for (archive, expected) in [
        (seven_zip::with_folders(65_537), Limit::Members),
        (seven_zip::with_files(1 << 21), Limit::Members),
        (seven_zip::with_header_packed(6), Limit::Depth),
        (seven_zip::with_long_header(17 << 20), Limit::MemberSize),
    ] {
        let verdict = scan(&needle(), &archive);
        assert_eq!(hit(&verdict), [expected]);
    }
    let verdict = scan(&needle(), &seven_zip::with_header_packed(2));
    assert_eq!(matched(&verdict), ["", "a"]);
    assert_eq!(hit(&verdict), []);
}

#[test]
fn windows_larger_than_allowed_are_named_in_every_container() {
    let mut packer = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    packer.window_log(28).unwrap();
    packer.write_all(&[b'x'; 1000]).unwrap();
    let packed = packer.finish().unwrap();
    let archive = seven_zip::packed_as(&[0x04, 0xf7, 0x11, 0x01], &packed, 1000);
    // The dictionary's size stands in the header of the first block (2 bytes, then the filter, its
    // properties' length and the properties), and for LZMA alone behind the first byte.
    let mut long = xz(b"content");
    long[16] = 40;
    let mut sum = flate2::Crc::new();
    sum.update(&long[12..20]);
    long[20..24].copy_from_slice(&sum.sum().to_le_bytes());
    let mut alone = lzma(b"content");
    alone[1..5].copy_from_slice(&(1u32 << 30).to_le_bytes());
    for (format, bytes) in [
        ("zstd in zip", zip_as(93, &packed)),
        ("zstd", packed),
        ("7z", archive),
        ("xz in zip", zip_as(95, &long)),
        ("xz", long),
        ("lzma", alone),
    ] {
        let verdict = scan(&needle(), &bytes);
        assert_eq!(hit(&verdict), [Limit::Memory], "{format}");
    }
}

/// A zip with one member that has been packed by a method before.
fn zip_as(method: u16, packed: &[u8]) -> Vec<u8> {
    let mut archive = zip_by(zip::CompressionMethod::Stored, &[("a", packed)]);
    let mut headers = archive.windows(4);
    let central = headers.rposition(|four| four == b"PK\x01\x02").unwrap();
    for at in [8, central + 10] {
        archive[at..at + 2].copy_from_slice(&method.to_le_bytes());
    }
    archive
}

#[test]
fn streams_behind_megabytes_of_empty_ones_are_named() {
    for (format, pack) in [
        ("bzip2", bzip2 as fn(&[u8]) -> Vec<u8>),
        ("xz", xz),
        ("zstd", zstd),
    ] {
        let (empty, full) = (pack(b""), pack(b"NEEDLE"));
        let behind = |bytes: usize| [empty.repeat(bytes / empty.len()), full.clone()].concat();
        let verdict = scan(&needle(), &behind(1 << 20));
        assert!(
            matched(&verdict).contains(&"content".to_owned()),
            "{format}"
        );
        assert_eq!(hit(&verdict), [], "{format}");
        let verdict = scan(&needle(), &behind(5 << 20));
        assert_eq!(hit(&verdict), [Limit::Members], "{format}");
    }
}

#[test]
fn a_header_of_mail_too_long_to_be_read_is_named() {
    let mail = |more: usize| {
        format!(
            "From: a@example.org\nMIME-Version: 1.0\nX-More: {}\n\
             Content-Transfer-Encoding: base64\n\n{}\n",
            "x".repeat(more),
            base64(b"a NEEDLE")
        )
    };
    let verdict = scan(&needle(), mail(100_000).as_bytes());
    assert_eq!(matched(&verdict), ["part 1"]);
    assert_eq!(hit(&verdict), []);
    assert_eq!(
        hit(&scan(&needle(), mail(1 << 20).as_bytes())),
        [Limit::MemberSize]
    );
}

#[test]
fn streams_of_gzip_behind_very_many_empty_ones_are_named() {
    let bytes = [gzip(b"").repeat(900), gzip(b"NEEDLE")].concat();
    let verdict = scan(&needle(), &bytes);
    assert_eq!(matched(&verdict).len(), 1);
    assert_eq!(hit(&verdict), []);
    let bytes = [gzip(b"").repeat(1100), gzip(b"NEEDLE")].concat();
    assert_eq!(hit(&scan(&needle(), &bytes)), [Limit::Members]);
}

#[test]
fn padding_hides_nothing_in_pdf_and_html() {
    let blanks = " ".repeat(2 << 20);
    let text = pdf::hex(b"a NEEDLE");
    let stream = |dictionary: &str| {
        let head = format!("%PDF-1.7\n1 0 obj <<{dictionary}>>\nstream\n");
        [head.as_bytes(), &text, b"\nendstream\nendobj\n"].concat()
    };
    for dictionary in [
        format!("/Filter /ASCIIHexDecode {blanks}"),
        format!("/Filter[{}/ASCIIHexDecode]", " ".repeat(600)),
    ] {
        let verdict = scan(&needle(), &stream(&dictionary));
        assert_eq!(matched(&verdict).len(), 1, "{verdict:?}");
        assert_eq!(hit(&verdict), []);
    }
    let verdict = scan(
        &needle(),
        &stream(&format!("/Filter[{blanks}/ASCIIHexDecode]")),
    );
    assert_eq!(hit(&verdict), [Limit::Depth]);
    let html = format!(
        "<html><a href=\"data:text/plain;x={};base64,{}\">",
        "y".repeat(3000),
        base64(b"a NEEDLE")
    );
    assert_eq!(matched(&scan(&needle(), html.as_bytes())), ["data 1"]);
}

#[test]
fn text_too_long_to_be_normalised_is_named() {
    let signature = hex::encode(b"a needle in hay");
    let definitions = open(&[source("text.ndb", &format!("Test.Text:7:*:{signature}\n"))]);
    let text = |lines: usize| "A   NEEDLE IN hay and more\n".repeat(lines);
    let verdict = scan(&definitions, text(1000).as_bytes());
    assert_eq!(verdict.matches.len(), 1);
    assert_eq!(hit(&verdict), []);
    let verdict = scan(&definitions, text(900_000).as_bytes());
    assert_eq!(hit(&verdict), [Limit::MemberSize]);
}

#[test]
fn patterns_whose_parts_stand_at_too_many_places_are_named() {
    let line = "Test.Ends:0:*:61616161{0-3}62626262\n";
    let definitions = open(&[source("ends.ndb", line)]);
    let verdict = scan(&definitions, "aaaaaxbbbb".as_bytes());
    assert_eq!(verdict.matches.len(), 1);
    let text = format!("{}bbbb", "a".repeat(100_000));
    let verdict = scan(&definitions, text.as_bytes());
    assert_eq!(hit(&verdict), [Limit::Expression]);
    assert_eq!(verdict.limits[0].rule.as_deref(), Some("Test.Ends"));
}

#[test]
fn boundaries_of_mail_beyond_those_looked_for_are_named() {
    let mail = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("boundary=\"b{at}\"")).collect();
        format!(
            "From: a@example.org\nMIME-Version: 1.0\n\
             Content-Type: multipart/mixed; {}\n\n--b0\n\nNEEDLE\n--b0--\n",
            names.join("; ")
        )
    };
    assert_eq!(hit(&scan(&needle(), mail(16).as_bytes())), []);
    assert_eq!(hit(&scan(&needle(), mail(17).as_bytes())), [Limit::Members]);
}

#[test]
fn text_with_headers_of_mail_again_and_again_is_no_mail_in_mail() {
    let paragraphs = "From: a@example.org\nContent-Type: text/plain\n\nWords.\n\n".repeat(60);
    let text = format!("Notes\n{paragraphs}NEEDLE\n");
    let verdict = scan(&needle(), text.as_bytes());
    assert_eq!(hit(&verdict), []);
    assert_eq!(verdict.members, 2);
    assert_eq!(
        matched(&verdict),
        ["", "part 1", "part 1 > part 1"].map(String::from)
    );
    // A mail that another one has as text is opened.
    let packed = base64(b"a NEEDLE");
    let inner = format!(
        "From: b@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; name=\"inner\"\n\
         Content-Transfer-Encoding: base64\n\n{packed}\n"
    );
    let outer = format!(
        "From: a@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; name=\"outer\"\n\n{inner}"
    );
    assert_eq!(
        matched(&scan(&needle(), outer.as_bytes())),
        ["outer > inner"]
    );
    // So is one that is packed, however deep.
    let mut mail = inner;
    for level in 0..4 {
        let packed = base64(mail.as_bytes());
        mail = format!(
            "From: a@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; name=\"{level}\"\n\
             Content-Transfer-Encoding: base64\n\n{packed}\n"
        );
    }
    assert_eq!(
        matched(&scan(&needle(), mail.as_bytes())),
        ["3 > 2 > 1 > 0 > inner"]
    );
}

/// A PE file of 32 bits with one section, whose memory begins at `0x1000`, and one data directory.
fn pe(directory: usize, size: u32, section: &[u8]) -> Vec<u8> {
    let length = u32::try_from(section.len().next_multiple_of(0x200)).unwrap();
    let mut bytes = vec![0; 0x400];
    let mut put = |at: usize, word: u32| bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    put(0, u32::from_le_bytes(*b"MZ\0\0"));
    put(60, 0x80);
    put(0x80, u32::from_le_bytes(*b"PE\0\0"));
    put(0x84, 0x0001_014c);
    put(0x94, 0x0102_00e0);
    let optional = 0x98;
    put(optional, 0x10b);
    put(optional + 16, 0x1000);
    put(optional + 32, 0x1000);
    put(optional + 36, 0x200);
    put(optional + 60, 0x400);
    put(optional + 92, 16);
    put(optional + 96 + 8 * directory, 0x1000);
    put(optional + 96 + 8 * directory + 4, size);
    let header = optional + 0xe0;
    for (at, word) in [(8, length), (12, 0x1000), (16, length), (20, 0x400)] {
        put(header + at, word);
    }
    bytes.extend(section);
    bytes.resize(0x400 + length as usize, 0);
    bytes
}

#[test]
fn tables_of_programs_that_are_not_read_to_their_end_are_named() {
    // Types of resources, the last of them of versions, with ten names.
    let resources = |types: u16| {
        let mut section = vec![0; 14];
        section.extend(types.to_le_bytes());
        let names_at = 16 + 8 * u32::from(types);
        for index in 1..=u32::from(types) {
            let kind = if index == u32::from(types) { 16 } else { 17 };
            section.extend([kind, names_at | 1 << 31].map(u32::to_le_bytes).concat());
        }
        section.extend([0; 14]);
        section.extend(10u16.to_le_bytes());
        section.extend([0; 80]);
        pe(2, 100, &section)
    };
    assert_eq!(hit(&scan(&needle(), &resources(1000))), []);
    assert_eq!(hit(&scan(&needle(), &resources(65_535))), [Limit::Time]);

    let imports = "ab".repeat(16) + ":1000:Test.Imports\n";
    let definitions = open(&[source("imports.imp", &imports)]);
    // Functions that all have the same long name.
    let functions = |count: usize| {
        let mut section = vec![0; 0x400];
        section[..4].copy_from_slice(&0x1400u32.to_le_bytes());
        section[12..16].copy_from_slice(&0x1100u32.to_le_bytes());
        section[0x100..0x105].copy_from_slice(b"a.dll");
        section[0x202..0x2f2].fill(b'f');
        section.extend(0x1200u32.to_le_bytes().repeat(count));
        section.extend([0; 4]);
        pe(1, 60, &section)
    };
    assert_eq!(hit(&scan(&definitions, &functions(100))), []);
    assert_eq!(
        hit(&scan(&definitions, &functions(20_000))),
        [Limit::Memory]
    );
}

#[test]
fn directories_of_ole2_longer_than_are_read_are_named() {
    // The directory's only sector follows itself, as often as there are sectors. Empty streams are
    // no members.
    let mut bytes = many_streams("s", 3, b"");
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (directory, table) = (word(48), word(76) as usize);
    let at = 512 * (table + 1) + 4 * directory as usize;
    bytes[at..at + 4].copy_from_slice(&directory.to_le_bytes());
    bytes.resize(6 << 20, 0);
    assert_eq!(hit(&scan(&needle(), &bytes)), []);
    bytes.resize(9 << 20, 0);
    assert_eq!(hit(&scan(&needle(), &bytes)), [Limit::Members]);
}

fn many_streams(name: &str, count: usize, content: &[u8]) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(|at| format!("{name}{at}")).collect();
    let streams: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), content)).collect();
    ole2::ole2(&streams)
}

fn by_clock(definitions: &Definitions, bytes: &[u8], step: Duration) -> Verdict {
    let mut watch = TestWatch {
        step,
        ..TestWatch::default()
    };
    Scanner::new(definitions).scan(Input::whole(bytes), &Limits::default(), &mut watch)
}

#[test]
fn looking_for_macros_ends_when_the_time_is_used_up() {
    // Empty streams are no members, so that only macros are looked for in them.
    let bytes = many_streams("s", 400, b"");
    let verdict = by_clock(&needle(), &bytes, Duration::from_millis(1));
    assert_eq!(hit(&verdict), []);
    let verdict = by_clock(&needle(), &bytes, Duration::from_secs(1));
    assert_eq!(hit(&verdict), [Limit::Time]);
}

#[test]
fn what_ole2_itself_needs_is_counted_as_memory() {
    // Small streams stand together, and those together in pieces.
    let bytes = many_streams("small", 500, &[b'x'; 4000]);
    let limits = |memory_bytes| Limits {
        memory_bytes,
        ..Limits::default()
    };
    assert_eq!(hit(&scan_with(&needle(), &bytes, &limits(8 << 20))), []);
    let verdict = scan_with(&needle(), &bytes, &limits(1 << 20));
    assert_eq!(hit(&verdict), [Limit::Memory]);
    assert_eq!(verdict.members, 0);
    // A stream with an embedded file is put together.
    let package = ole2::with_package(&vec![b'x'; 3 << 20]);
    assert_eq!(hit(&scan_with(&needle(), &package, &limits(16 << 20))), []);
    let verdict = scan_with(&needle(), &package, &limits(2 << 20));
    assert!(verdict.limits.iter().any(|hit| hit.member.is_empty()));
    assert!(hit(&verdict).iter().all(|hit| *hit == Limit::Memory));
}
