//! Each format that is opened: what is in it is found, whole and damaged, and clamscan finds it
//! as well.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::setup::{made, matched, open, scan, scan_with, source};
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
        let ways = matched(&verdict);
        if made.way.is_empty() {
            // Streams are named by where they stand.
            assert_eq!(ways.len(), 1, "{}: {verdict:?}", made.format);
        } else {
            assert_eq!(ways, [made.way], "{}: {verdict:?}", made.format);
        }
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
        skip::skip(
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

#[test]
fn every_method_of_7_zip_is_unpacked() {
    const TEST: &str = "every_method_of_7_zip_is_unpacked";
    const PROGRAM: &str = "/usr/bin/7zz";
    if !Path::new(PROGRAM).exists() {
        skip::skip(TEST, "7zz is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let code = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let code = &code[..code.len().min(300_000)];
    let other = [b"other ".repeat(1000).as_slice(), NEEDLE].concat();
    std::fs::write(folder.path().join("code"), code).unwrap();
    std::fs::write(folder.path().join("other"), &other).unwrap();
    let line = |bytes: &[u8], name: &str| {
        let hash: [u8; 32] = sha2::Sha256::digest(bytes).into();
        format!("{}:{}:{name}\n", hex(&hash), bytes.len())
    };
    let list = line(code, "Test.Code") + &line(&other, "Test.Other");
    let definitions = open(&[source("inside.hsb", &list)]);
    let both = ["code", "other"].as_slice();
    for (options, found, remarks) in [
        (["-m0=LZMA"].as_slice(), both, 0),
        (&["-m0=LZMA2"], both, 0),
        (&["-m0=LZMA", "-mf=BCJ"], both, 0),
        (&["-m0=LZMA2", "-mf=BCJ"], both, 0),
        (&["-mf=BCJ2", "-m0=LZMA"], both, 0),
        (
            &[
                "-m0=BCJ2",
                "-m1=LZMA:d=4m",
                "-m2=LZMA:d=64k",
                "-m3=LZMA:d=64k",
                "-mb0:1",
                "-mb0s1:2",
                "-mb0s2:3",
            ],
            both,
            0,
        ),
        (&["-m0=LZMA", "-mf=ARM"], both, 0),
        (&["-m0=LZMA", "-mf=PPC"], both, 0),
        (&["-m0=LZMA", "-mf=SPARC"], both, 0),
        (&["-m0=LZMA", "-mf=IA64"], both, 0),
        (&["-m0=LZMA", "-mf=ARMT"], both, 0),
        (&["-m0=LZMA", "-mf=ARM64"], both, 0),
        (&["-m0=Delta:4", "-m1=LZMA"], both, 0),
        (&["-m0=BZip2"], both, 0),
        (&["-m0=Deflate"], both, 0),
        (&["-mx=0"], both, 0),
        (&["-ms=off"], both, 0),
        (&["-mhc=off"], both, 0),
        (&["-m0=PPMd"], &[], 2),
        (&["-psecret"], &[], 2),
        (&["-psecret", "-mhe=on"], &[], 1),
    ] {
        let archive = folder.path().join("archive.7z");
        let made = Command::new(PROGRAM)
            .args(["a", "-bso0", "-bsp0"])
            .args(options)
            .args(["archive.7z", "code", "other"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "7zz {options:?}");
        let verdict = scan(&definitions, &std::fs::read(&archive).unwrap());
        std::fs::remove_file(&archive).unwrap();
        let mut ways = matched(&verdict);
        ways.sort();
        assert_eq!(ways, found, "{options:?}: {verdict:?}");
        assert_eq!(verdict.remarks.len(), remarks, "{options:?}: {verdict:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
