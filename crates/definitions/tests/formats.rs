//! Each format that is opened: what is in it is found, whole and damaged, and clamscan finds it
//! as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use setup::{made, matched, open, scan, scan_with, source};
use sha2::Digest;

const NEEDLE: &[u8] = b"MZ a NEEDLE in hay\0\x01\x02\xfe\xff and more of it, so that it is packed";
const CLAMSCAN: &str = "/usr/bin/clamscan";

#[test]
fn what_is_inside_is_found_and_the_way_is_named() {
    let hash: [u8; 32] = sha2::Sha256::digest(NEEDLE).into();
    let list = format!("{}:{}:Test.Inside\n", hex(&hash), NEEDLE.len());
    let definitions = open(&[source("inside.hsb", &list)]);
    for made in made::all(NEEDLE) {
        let verdict = scan(&definitions, &made.bytes);
        assert_eq!(
            matched(&verdict),
            [made.way],
            "{}: {verdict:?}",
            made.format
        );
        assert!(
            verdict.limits.is_empty() && verdict.remarks.is_empty(),
            "{}: {verdict:?}",
            made.format
        );
    }
}

#[test]
fn cut_at_any_length_they_are_read_up_to_the_cut_without_harm() {
    let definitions = open(&[source(
        "other.hsb",
        &format!("{}:7:Test.Other\n", "ab".repeat(32)),
    )]);
    for made in made::all(NEEDLE) {
        let step = (made.bytes.len() / 300).max(1);
        for length in (0..made.bytes.len()).step_by(step) {
            let limits = scan::Limits::default();
            let verdict = scan_with(&definitions, &made.bytes[..length], &limits);
            assert!(verdict.members < 20, "{} at {length}", made.format);
        }
    }
}

#[test]
fn clamscan_finds_what_is_inside_the_formats_that_it_knows() {
    if !Path::new(CLAMSCAN).exists() {
        setup::skipped(
            "clamscan_finds_what_is_inside_the_formats_that_it_knows",
            "clamscan is not installed",
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let hash: [u8; 32] = sha2::Sha256::digest(NEEDLE).into();
    let list = folder.path().join("inside.hsb");
    std::fs::write(
        &list,
        format!("{}:{}:Test.Inside\n", hex(&hash), NEEDLE.len()),
    )
    .unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let made = made::all(NEEDLE);
    for made in &made {
        std::fs::write(files.join(made.format), &made.bytes).unwrap();
    }
    let output = Command::new(CLAMSCAN)
        .args(["--no-summary", "--infected", "--stdout", "-r", "-d"])
        .arg(&list)
        .arg(&files)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| {
            let path = line.strip_suffix(": Test.Inside.UNOFFICIAL FOUND")?;
            Path::new(path).file_name()?.to_str()
        })
        .collect();
    let known: BTreeSet<&str> = made
        .iter()
        .filter(|made| made.known_to_clamscan)
        .map(|made| made.format)
        .collect();
    assert_eq!(found, known, "{said}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
