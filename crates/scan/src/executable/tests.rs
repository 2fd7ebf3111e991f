//! Layouts against clamscan: signatures that name entry points, sections, section hashes, imports
//! and version information of executables made here, many of them odd. clamscan finds exactly
//! those whose numbers are the ones read here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod made;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use md5::{Digest as _, Md5};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::{Executable, ExecutableFormat};
use crate::kind::Kind;
use crate::peer::CLAMSCAN;

/// Bytes of a pattern; files are filled with random bytes, so these are enough to be unique.
const PATTERN_BYTES: usize = 16;

/// Signatures for the files, and which of them are expected to match.
#[derive(Default)]
struct Signatures {
    ndb: String,
    mdb: String,
    imp: String,
    expected: BTreeSet<String>,
    all: BTreeSet<String>,
}

impl Signatures {
    /// A pattern of what stands at `at`, for the offset `spelled`.
    fn pattern(
        &mut self,
        bytes: &[u8],
        name: &str,
        target: u8,
        spelled: &str,
        at: u64,
        fits: bool,
    ) {
        let Ok(start) = usize::try_from(at) else {
            return;
        };
        let Some(found) = bytes.get(start..start.saturating_add(PATTERN_BYTES)) else {
            return;
        };
        let is_uniform = found.windows(2).any(|pair| pair == [0, 0]);
        if is_uniform || memchr::memmem::find_iter(bytes, found).count() != 1 {
            return;
        }
        let pattern: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.ndb, "{name}:{target}:{spelled}:{pattern}").unwrap();
        self.note(name, fits);
    }

    fn note(&mut self, name: &str, fits: bool) {
        assert!(self.all.insert(name.to_owned()), "{name} stands twice");
        if fits {
            self.expected.insert(name.to_owned());
        }
    }

    fn file(&mut self, number: usize, bytes: &[u8]) {
        let Some(executable) = Executable::read(Kind::of(bytes), bytes) else {
            self.senseless(number, bytes);
            return;
        };
        let target = match executable.format {
            ExecutableFormat::Pe => 1,
            ExecutableFormat::Elf => 6,
            ExecutableFormat::MachO => 9,
        };
        let entry = executable.entry_point.unwrap();
        let name = |what: &str| format!("F{number}.{what}");
        self.pattern(bytes, &name("EP"), target, "EP+0", entry, true);
        self.pattern(bytes, &name("EP.Off"), target, "EP+1", entry, false);
        self.pattern(bytes, &name("EP.Plus"), target, "EP+7", entry + 7, true);
        for (index, section) in executable.sections.iter().enumerate() {
            let at = section.raw_offset;
            let end = at + section.raw_size;
            let spelled = format!("S{index}+3");
            self.pattern(bytes, &name(&spelled), target, &spelled, at + 3, true);
            let spelled = format!("SE{index}");
            self.pattern(
                bytes,
                &name(&format!("{spelled}.Start")),
                target,
                &spelled,
                at,
                true,
            );
            self.pattern(
                bytes,
                &name(&format!("{spelled}.End")),
                target,
                &spelled,
                end,
                true,
            );
            let beyond = name(&format!("{spelled}.Beyond"));
            self.pattern(bytes, &beyond, target, &spelled, end + 1, false);
            let content = executable.section_bytes(section, bytes);
            if executable.format == ExecutableFormat::Pe && !content.is_empty() {
                let hash = hex::encode(Md5::digest(content));
                let named = name(&format!("Section{index}"));
                let line = format!("{}:{hash}:", content.len());
                if !self.mdb.contains(&line) {
                    writeln!(self.mdb, "{line}{named}").unwrap();
                    self.note(&named, true);
                }
            }
        }
        if let Some(last) = executable.sections.last() {
            self.pattern(
                bytes,
                &name("SL"),
                target,
                "SL+5",
                last.raw_offset + 5,
                true,
            );
            self.pattern(
                bytes,
                &name("SL.Off"),
                target,
                "SL+6",
                last.raw_offset + 5,
                false,
            );
        }
        let count = executable.sections.len();
        self.pattern(
            bytes,
            &name("Sx.None"),
            target,
            &format!("S{count}+0"),
            0,
            false,
        );
        for at in &executable.version_info {
            self.pattern(bytes, &name(&format!("VI.{at}")), target, "VI", *at, true);
            self.pattern(
                bytes,
                &name(&format!("VI.Off.{at}")),
                target,
                "VI",
                at + 2,
                false,
            );
        }
        if let Ok(Some(list)) = executable.import_list(bytes) {
            let hash = hex::encode(Md5::digest(&list));
            writeln!(self.imp, "{hash}:{}:{}", list.len(), name("Imports")).unwrap();
            self.note(&name("Imports"), true);
        }
    }

    /// Of a file whose headers make no sense, no offset can be told.
    fn senseless(&mut self, number: usize, bytes: &[u8]) {
        let target = match Kind::of(bytes) {
            Kind::Elf => 6,
            Kind::MachO => 9,
            _ => 1,
        };
        for at in [0, 0x200, 0x400, 0x1000] {
            for spelled in ["EP+0", "S0+0", "SL+0", "SE0"] {
                let name = format!("F{number}.None.{at}.{}", spelled.replace('+', "."));
                self.pattern(bytes, &name, target, spelled, at, false);
            }
        }
    }
}

/// The names that clamscan says of the files that they were made for.
fn clamscan(signatures: &Path, files: &Path) -> BTreeSet<String> {
    let output = Command::new(CLAMSCAN)
        .args([
            "--allmatch",
            "--no-summary",
            "--infected",
            "--stdout",
            "-r",
            "-d",
        ])
        .arg(signatures)
        .arg(files)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "clamscan: {}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said.lines()
        .filter_map(|line| {
            let (path, name) = line.strip_suffix(".UNOFFICIAL FOUND")?.rsplit_once(": ")?;
            let file = Path::new(path).file_name()?.to_str()?;
            name.starts_with(&format!("{file}."))
                .then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn offsets_and_hashes_are_those_that_clamscan_counts() {
    if !Path::new(CLAMSCAN).exists() {
        skip::skip(
            "offsets_and_hashes_are_those_that_clamscan_counts",
            "clamscan is not installed",
        );
        return;
    }
    let seed = std::env::var("GARRISON_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed: GARRISON_TEST_SEED={seed}");
    let mut long = [0; 32];
    long[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &long);

    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    let database = folder.path().join("signatures");
    std::fs::create_dir(&files).unwrap();
    std::fs::create_dir(&database).unwrap();
    let mut signatures = Signatures::default();
    let made = made::files(&mut random);
    for (number, bytes) in made.iter().enumerate() {
        std::fs::write(files.join(format!("F{number}")), bytes).unwrap();
        signatures.file(number, bytes);
    }
    std::fs::write(database.join("made.ndb"), &signatures.ndb).unwrap();
    std::fs::write(database.join("made.mdb"), &signatures.mdb).unwrap();
    std::fs::write(database.join("made.imp"), &signatures.imp).unwrap();

    let found = clamscan(&database, &files);
    let missed: Vec<&String> = signatures.expected.difference(&found).collect();
    let extra: Vec<&String> = found.difference(&signatures.expected).collect();
    println!(
        "{} files, {} signatures, {} expected",
        made.len(),
        signatures.all.len(),
        signatures.expected.len()
    );
    if !missed.is_empty() || !extra.is_empty() {
        let kept = folder.keep();
        panic!("clamscan misses {missed:?}, and finds {extra:?}; see {kept:?}");
    }
    assert!(signatures.expected.len() > made.len());
}

#[test]
fn changed_executables_never_panic() {
    let seed = u64::from(std::process::id());
    println!("seed: {seed}");
    let mut long = [0; 32];
    long[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &long);
    let made = made::files(&mut random);
    for round in 0..20 {
        for bytes in &made {
            let mut bytes = bytes.clone();
            for _ in 0..=round % 6 {
                let at = random.next_u32() as usize % bytes.len();
                let value = random.next_u32();
                match value % 4 {
                    0 => bytes[at] = 0xff,
                    1 => bytes[at] ^= 1 << (value >> 8 & 7),
                    2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            if let Some(executable) = Executable::read(Kind::of(&bytes), &bytes) {
                let _ = executable.import_list(&bytes);
                for section in &executable.sections {
                    let _ = executable.section_bytes(section, &bytes);
                }
            }
        }
    }
}
