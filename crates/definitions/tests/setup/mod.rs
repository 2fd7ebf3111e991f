//! What the tests share: a key, small sets of definitions, containers, a scan.

#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod made;

use std::io::{Cursor, Write};
use std::time::Duration;

use definitions::{SigningKey, Source, build, sign};
use model::{DefinitionRevision, Limit, Verdict};
use scan::{Definitions, Input, Limits, Scanner, TrustedKeys, VerifyMode, Watch};

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&[42; 32]).unwrap()
}

pub(crate) fn trusted() -> TrustedKeys {
    TrustedKeys::none().with(key().public_key())
}

pub(crate) fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        bytes: text.as_bytes().to_vec(),
    }
}

pub(crate) fn file(sources: &[Source], revision: u64) -> Vec<u8> {
    let compiled = build(sources, DefinitionRevision(revision), &mut |_| {}).unwrap();
    sign(&compiled, &key())
}

pub(crate) fn open(sources: &[Source]) -> Definitions {
    Definitions::open(file(sources, 1), &trusted(), VerifyMode::EveryPage).unwrap()
}

/// One YARA rule that finds NEEDLE.
pub(crate) fn needle() -> Definitions {
    open(&[source(
        "needle.yar",
        "rule needle { meta: name = \"Test.Needle\" strings: $a = \"NEEDLE\" condition: $a }",
    )])
}

/// A clock that stands still, unless told otherwise, and remembers what was opened.
#[derive(Default)]
pub(crate) struct TestWatch {
    pub(crate) now: Duration,
    pub(crate) step: Duration,
    pub(crate) opened: Vec<Vec<String>>,
}

impl Watch for TestWatch {
    fn now(&mut self) -> Duration {
        self.now += self.step;
        self.now
    }

    fn opening(&mut self, member: &[String]) {
        self.opened.push(member.to_vec());
    }
}

pub(crate) fn scan_with(definitions: &Definitions, bytes: &[u8], limits: &Limits) -> Verdict {
    let mut watch = TestWatch::default();
    Scanner::new(definitions).scan(Input::whole(bytes), limits, &mut watch)
}

pub(crate) fn scan(definitions: &Definitions, bytes: &[u8]) -> Verdict {
    scan_with(definitions, bytes, &Limits::default())
}

/// The members that matched.
pub(crate) fn matched(verdict: &Verdict) -> Vec<String> {
    verdict
        .matches
        .iter()
        .map(|found| found.member.join(" > "))
        .collect()
}

/// The limits that were hit, and where.
pub(crate) fn limits_hit(verdict: &Verdict) -> Vec<(Limit, String)> {
    verdict
        .limits
        .iter()
        .map(|hit| (hit.limit, hit.member.join(" > ")))
        .collect()
}

pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_by(zip::CompressionMethod::Deflated, members)
}

pub(crate) fn zip_by(method: zip::CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, content) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn xz(content: &[u8]) -> Vec<u8> {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(content).unwrap();
    xz.finish().unwrap()
}

pub(crate) fn tar(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The content of this repository; the runner says where it is for users who can't read the
/// checkout.
pub(crate) fn own_content() -> std::path::PathBuf {
    let root = std::env::var_os("GARRISON_SOURCE_DIR").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        std::path::PathBuf::from,
    );
    root.join("definitions")
}

/// A folder of an archive of the corpora, unpacked until the result is dropped; says why the test
/// can't run where there are none.
pub(crate) fn corpus(test: &str, archive: &str, folder: &str) -> Option<tempfile::TempDir> {
    let Some(corpora) = std::env::var_os("GARRISON_CORPUS") else {
        skip::skip(test, "GARRISON_CORPUS names no folder of corpora");
        return None;
    };
    let packed = std::path::Path::new(&corpora).join(format!("{archive}.tar.xz"));
    let unpacked = tempfile::tempdir().unwrap();
    let file = std::fs::File::open(&packed).unwrap();
    let mut archive = tar::Archive::new(liblzma::read::XzDecoder::new(file));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let inside = path.parent().is_some_and(|parent| parent.ends_with(folder));
        if let (true, Some(name)) = (inside, path.file_name()) {
            entry.unpack(unpacked.path().join(name)).unwrap();
        }
    }
    Some(unpacked)
}

/// A PE file with these sections, each a multiple of 512 bytes.
pub(crate) fn pe(sections: &[Vec<u8>]) -> Vec<u8> {
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let mut file = b"MZ".to_vec();
    file.resize(0x3c, 0);
    file.extend(words(&[0x80]));
    file.resize(0x80, 0);
    file.extend(b"PE\0\0\x4c\x01");
    file.push(u8::try_from(sections.len()).unwrap());
    file.push(0);
    file.extend(words(&[0, 0, 0]));
    file.extend([0xe0, 0, 2, 1]);
    let optional = file.len();
    // PE32; entry point, bases, image base, alignments.
    file.extend([0x0b, 1, 6, 0]);
    file.extend(words(&[
        0x200, 0x200, 0, 0x1000, 0x1000, 0x2000, 0x40_0000, 0x1000, 0x200, 4, 0, 4, 0,
    ]));
    file.extend(words(&[0x1_0000, 0x400, 0, 3]));
    file.extend(words(&[0x10_0000, 0x1000, 0x10_0000, 0x1000, 0, 16]));
    file.resize(optional + 0xe0, 0);
    let mut at = 0x400u32;
    for (number, section) in (1u32..).zip(sections) {
        let length = u32::try_from(section.len()).unwrap();
        file.extend(b".section");
        file.extend(words(&[length, 0x1000 * number, length, at]));
        file.extend(words(&[0, 0, 0, 0x6000_0020]));
        at += length;
    }
    file.resize(0x400, 0);
    file.extend(sections.concat());
    file
}
