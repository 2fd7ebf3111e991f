//! Each format by itself: the first byte chooses whose mark the bytes get, so that changes don't
//! lead out of the format.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use definitions::{SigningKey, Source, build, sign};
use libfuzzer_sys::fuzz_target;
use model::DefinitionRevision;
use scan::{Definitions, Input, Limits, Scanner, TrustedKeys, VerifyMode, Watch};

/// Where a mark stands, and the mark.
const MARKS: [(usize, &[u8]); 24] = [
    (0, b"PK\x03\x04"),
    (0, b"\x1f\x8b\x08"),
    (0, b"\xfd7zXZ\0"),
    (0, b"BZh9"),
    (0, b"\x28\xb5\x2f\xfd"),
    (257, b"ustar"),
    (0, b"070701"),
    (0, b"070707"),
    (0, b"\xc7\x71"),
    (0, b"\x71\xc7"),
    (0, b"!<arch>\n"),
    (0, b"\xed\xab\xee\xdb"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    (0, b"%PDF-1.7\n"),
    (0, b"From: a\nMIME-Version: 1.0\n"),
    (0, b"From a\n"),
    (0, b"\xca\xfe\xba\xbe\0\0\0\x02"),
    (0, b"\x5d\0\0\x01\0"),
    (0, b"<html>"),
    (0, b"MZ"),
    (0, b"\x7fELF"),
    (0, b"\xcf\xfa\xed\xfe"),
    (0, b"\xfe\xed\xfa\xce"),
];

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| {
    let key = SigningKey::from_seed(&[42; 32]).expect("a seed is a key");
    let list = format!("{}:*:Fuzz.Any\n", "ab".repeat(32));
    let sources = [Source {
        name: "fuzz.hsb".into(),
        bytes: list.into_bytes(),
    }];
    let compiled = build(&sources, DefinitionRevision(1), &mut |_| {}).expect("one good line");
    let trusted = TrustedKeys::none().with(key.public_key());
    Definitions::open(sign(&compiled, &key), &trusted, VerifyMode::EveryPage).expect("own file")
});

struct StandingClock;

impl Watch for StandingClock {
    fn now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn opening(&mut self, _: &[String]) {}
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let (at, mark) = MARKS[usize::from(*choice) % MARKS.len()];
    let mut file = rest.to_vec();
    if file.len() < at + mark.len() {
        file.resize(at + mark.len(), 0);
    }
    file[at..at + mark.len()].copy_from_slice(mark);
    let limits = Limits {
        depth: 4,
        members: 100,
        member_bytes: 1 << 20,
        total_bytes: 4 << 20,
        memory_bytes: 2 << 20,
        ..Limits::default()
    };
    let verdict = Scanner::new(&DEFINITIONS).scan(Input::whole(&file), &limits, &mut StandingClock);
    assert!(verdict.members <= limits.members);
    assert!(verdict.scanned_bytes <= file.len() as u64 + limits.total_bytes);
});
