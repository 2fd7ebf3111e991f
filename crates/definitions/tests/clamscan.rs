//! Each kind of hash list, judged by clamscan: over files made here it finds what Garrison finds
//! with the same lists, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::setup::{gzip, key, pe, scan, source, trusted, zip};
use definitions::{BuildOptions, Source, build_with, sign};
use md5::Md5;
use model::DefinitionRevision;
use scan::{Definitions, VerifyMode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

const CLAMSCAN: &str = "/usr/bin/clamscan";

fn section(length: usize, step: u8) -> Vec<u8> {
    let mut value = 0u8;
    let next = || {
        value = value.wrapping_mul(5).wrapping_add(step);
        value
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn sha1(bytes: &[u8]) -> String {
    hex::encode(Sha1::digest(bytes))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What clamscan says: file and rule.
fn clamscan(folder: &Path, unwanted: bool) -> BTreeSet<(String, String)> {
    let mut command = Command::new(CLAMSCAN);
    command
        .args(["--allmatch", "--no-summary", "--infected", "--stdout", "-r"])
        .arg(format!(
            "--detect-pua={}",
            if unwanted { "yes" } else { "no" }
        ))
        // Else a text in an allowed archive counts as clean afterwards.
        .arg("--disable-cache")
        .arg("-d")
        .arg(folder.join("lists"))
        .arg(folder.join("files"))
        .stdin(Stdio::null());
    let output = command.output().unwrap();
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
            Some((file.to_owned(), name.to_owned()))
        })
        .collect()
}

fn ours(lists: &[Source], files: &[(&str, Vec<u8>)], unwanted: bool) -> BTreeSet<(String, String)> {
    let options = BuildOptions {
        unwanted,
        ..BuildOptions::default()
    };
    let compiled = build_with(&options, lists, DefinitionRevision(1), &mut |_| {}).unwrap();
    let bytes = sign(&compiled, &key());
    let definitions = Definitions::open(bytes, &trusted(), VerifyMode::WhenTouched).unwrap();
    files
        .iter()
        .flat_map(|(name, bytes)| {
            let matches = scan(&definitions, bytes).matches.into_iter();
            matches.map(|found| ((*name).to_owned(), found.rule))
        })
        .collect()
}

#[test]
fn each_kind_of_hash_list_finds_what_clamscan_finds() {
    if !Path::new(CLAMSCAN).exists() {
        skip::skip(
            "each_kind_of_hash_list_finds_what_clamscan_finds",
            "clamscan is not installed",
        );
        return;
    }
    let (first, second) = (section(512, 3), section(1024, 7));
    let program = pe(&[first.clone(), second.clone()]);
    let text = b"some text that is listed\n".repeat(20);
    let other = b"some text that is not listed\n".to_vec();
    let good = b"some text that is listed and allowed\n".to_vec();
    let files = [
        ("program", program.clone()),
        ("text", text.clone()),
        ("other", other.clone()),
        ("good", good.clone()),
        ("packed.gz", gzip(&text)),
        (
            "archive.zip",
            zip(&[("good", &good), ("program", &program)]),
        ),
        ("good.zip", zip(&[("text", &text)])),
    ];
    let line = |fields: &[&str]| fields.join(":") + "\n";
    let size = |bytes: &[u8]| bytes.len().to_string();
    let (text_size, good_size) = (size(&text), size(&good));
    let hdb = [
        line(&[&md5(&text), &text_size, "Hash.Md5-1"]),
        line(&[&md5(&good), &good_size, "Hash.Good-1"]),
        line(&[&md5(&text), "24", "Hash.OtherSize-1"]),
        line(&[&md5(&program), &size(&program), "Hash.Newer-1", "217"]),
        line(&[&md5(&program), &size(&program), "Hash.Older-1", "1", "215"]),
        line(&[&md5(&program), &size(&program), "Hash.Level-1", "1", "216"]),
    ];
    let hsb = [
        line(&[&sha1(&text), &text_size, "Hash.Sha1-1"]),
        line(&[&sha256(&text), "*", "Hash.Sha256-1", "73"]),
        line(&[&sha256(&text), &text_size, "Hash.Ignored-1"]),
    ];
    let mdb = [
        line(&["512", &md5(&first), "Section.Md5-1"]),
        line(&["512", &md5(&second), "Section.OtherSize-1"]),
    ];
    let msb = [
        line(&["1024", &sha1(&second), "Section.Sha1-1"]),
        line(&["*", &sha256(&second), "Section.Sha256-1", "73"]),
    ];
    let archive = &files[6].1;
    let lists = [
        source("a.hdb", &hdb.concat()),
        source("b.hsb", &hsb.concat()),
        source("c.mdb", &mdb.concat()),
        source("d.msb", &msb.concat()),
        source("e.fp", &line(&[&md5(&good), &good_size, "Good"])),
        source("f.sfp", &line(&[&sha256(archive), "*", "Good", "73"])),
        source("g.ign2", "Hash.Ignored-1\n"),
        source(
            "h.hdu",
            &line(&[&md5(&other), &size(&other), "PUA.Hash.One-1"]),
        ),
        source(
            "i.hsu",
            &line(&[&sha256(&program), "*", "PUA.Hash.Two-1", "73"]),
        ),
        source(
            "j.mdu",
            &line(&["1024", &md5(&second), "PUA.Section.One-1"]),
        ),
        source("k.msu", &line(&["512", &sha1(&first), "PUA.Section.Two-1"])),
    ];
    let folder = tempfile::tempdir().unwrap();
    for name in ["files", "lists"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, bytes) in &files {
        std::fs::write(folder.path().join("files").join(name), bytes).unwrap();
    }
    for list in &lists {
        std::fs::write(folder.path().join("lists").join(&list.name), &list.bytes).unwrap();
    }
    for (unwanted, rules) in [(false, 7), (true, 11)] {
        let theirs = clamscan(folder.path(), unwanted);
        assert_eq!(
            ours(&lists, &files, unwanted),
            theirs,
            "unwanted: {unwanted}"
        );
        // Each list has found something, so that the comparison means something.
        let names: BTreeSet<&String> = theirs.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), rules, "{names:?}");
    }
}
