//! A short round of mutations on the stable toolchain; the long ones are in `fuzz/`.

use crate::setup;
use crate::setup::{gzip, open, scan_with, source, tar, xz, zip, zip_by};
use definitions::read_line;
use proptest::prelude::*;
use scan::Limits;

fn samples() -> Vec<Vec<u8>> {
    let text = b"a NEEDLE in hay, and then some more hay around it".as_slice();
    let inner = tar(&[(b"docs/note.txt", text), (b"other", b"hay")]);
    let mut samples: Vec<Vec<u8>> = setup::made::all(text)
        .into_iter()
        .map(|made| made.bytes)
        .collect();
    samples.extend([
        zip(&[("a", text), ("b/", b""), ("b/c.gz", &gzip(text))]),
        zip_by(zip::CompressionMethod::Stored, &[("t.tar", &inner)]),
        zip_by(zip::CompressionMethod::Bzip2, &[("z", text)]),
        zip_by(zip::CompressionMethod::Zstd, &[("z", text)]),
        zip_by(zip::CompressionMethod::Xz, &[("z", text)]),
        gzip(&inner),
        xz(&inner),
        inner,
        [b"#!/bin/sh\n".as_slice(), &zip(&[("x", &xz(text))])].concat(),
    ]);
    samples
}

#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u32),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Maximum(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<prop::sample::Index>(), 0..8u32).prop_map(|(at, bit)| Change::Flip(at, bit)),
        any::<prop::sample::Index>().prop_map(Change::Cut),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(from, to)| Change::Repeat(from, to)),
        any::<prop::sample::Index>().prop_map(Change::Maximum),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    match change {
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Repeat(from, to) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let copied = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(to..to, copied);
        }
        Change::Maximum(at) => {
            let at = at.index(bytes.len());
            for byte in bytes.iter_mut().skip(at).take(4) {
                *byte = 0xff;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_containers_never_panic_and_stay_within_limits(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        static ONCE: std::sync::OnceLock<(Vec<Vec<u8>>, scan::Definitions)> =
            std::sync::OnceLock::new();
        let (samples, definitions) = ONCE.get_or_init(|| {
            let list = format!("{}:*:Test.Nothing\n", "ab".repeat(32));
            (samples(), open(&[source("nothing.hsb", &list)]))
        });
        let mut bytes = which.get(samples).clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        let limits = Limits {
            depth: 4,
            members: 50,
            member_bytes: 100_000,
            total_bytes: 300_000,
            memory_bytes: 200_000,
            ..Limits::default()
        };
        let verdict = scan_with(definitions, &bytes, &limits);
        prop_assert!(verdict.members <= limits.members);
        prop_assert!(verdict.scanned_bytes <= bytes.len() as u64 + limits.total_bytes);
        prop_assert!(verdict.matches.iter().all(|found| found.member.len() <= 4));
    }

    #[test]
    fn any_line_of_a_hash_list_is_read_without_a_panic(
        line in prop::collection::vec(any::<u8>(), 0..200),
        text in "[0-9a-f]{0,70}:[0-9*]{0,25}:[A-Z.:0-9]{0,20}",
    ) {
        let _ = read_line(&line);
        if let Ok(Some(entry)) = read_line(text.as_bytes()) {
            prop_assert!(!entry.name.is_empty());
        }
    }
}
