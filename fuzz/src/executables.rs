//! Executables: their layout, and signatures that count from it.

use proptest::test_runner::{RngAlgorithm, TestRng};
use scan::Kind;

use crate::scanning::{PATTERNS, scan};
use crate::{Target, corpus};

#[path = "../../crates/scan/src/executable/tests/made.rs"]
mod made;

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &[],
        most_bytes: 24 << 10,
        short: 300,
    }
}

pub(crate) const PE: Target = Target {
    words: &[
        "PE\0\0",
        "V\0S\0_\0V\0E\0R\0S\0I\0O\0N\0",
        "KERNEL32.dll\0",
        "\x0b\x01",
        "\x0b\x02",
    ],
    ..target(
        "pe",
        |bytes| marked(Kind::Pe, b"MZ", bytes),
        || of_kind(Kind::Pe),
    )
};

pub(crate) const ELF: Target = target(
    "elf",
    |bytes| marked(Kind::Elf, b"\x7fELF", bytes),
    || of_kind(Kind::Elf),
);

pub(crate) const MACHO: Target = target(
    "macho",
    |bytes| marked(Kind::MachO, b"\xcf\xfa\xed\xfe", bytes),
    || of_kind(Kind::MachO),
);

fn marked(kind: Kind, mark: &[u8], bytes: &[u8]) {
    if Kind::of(bytes) == kind {
        scan(&PATTERNS, bytes);
        return;
    }
    let mut file = bytes.to_vec();
    file.resize(file.len().max(mark.len()), 0);
    file[..mark.len()].copy_from_slice(mark);
    scan(&PATTERNS, &file);
}

/// The same files each time.
fn files() -> Vec<Vec<u8>> {
    made::files(&mut TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// A few, for other files to hold.
pub(crate) fn few() -> Vec<Vec<u8>> {
    files().into_iter().take(3).collect()
}

fn of_kind(kind: Kind) -> Vec<Vec<u8>> {
    let mut seeds = files();
    seeds.extend(corpus::samples().iter().cloned());
    seeds.retain(|seed| Kind::of(seed) == kind);
    seeds
}
