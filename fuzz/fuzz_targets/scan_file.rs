//! A whole scan: types, containers inside each other, matching, limits.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use definitions::{SigningKey, Source, build, sign};
use libfuzzer_sys::fuzz_target;
use model::DefinitionRevision;
use scan::{Definitions, Input, Limits, Scanner, TrustedKeys, VerifyMode, Watch};

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
    let limits = Limits {
        depth: 6,
        members: 100,
        member_bytes: 1 << 20,
        total_bytes: 4 << 20,
        memory_bytes: 2 << 20,
        ..Limits::default()
    };
    let mut scanner = Scanner::new(&DEFINITIONS);
    let verdict = scanner.scan(Input::whole(bytes), &limits, &mut StandingClock);
    assert!(verdict.members <= limits.members);
    assert!(verdict.scanned_bytes <= bytes.len() as u64 + limits.total_bytes);
});
