//! What YARA rules ask of a file besides its bytes, answered by the real program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use definitions::{SigningKey, Source, build, sign};
use model::DefinitionRevision;
use model::verdict::{FileOutcome, FileReport};

/// The rules that match each file below a folder, by the file's name.
fn matches(rules: &str, folder: &Path) -> BTreeSet<(String, String)> {
    let place = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    let source = Source {
        name: "names.yar".into(),
        bytes: rules.as_bytes().to_vec(),
    };
    let compiled = build(&[source], DefinitionRevision(1), &mut |_| {}).unwrap();
    assert!(compiled.report().unusable.is_empty());
    let definitions = place.path().join("names.gdef");
    fs::write(&definitions, sign(&compiled, &key)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_garrison-agent"))
        .args(["scan", "--json", "--definitions"])
        .arg(&definitions)
        .args(["--trust", &key.public_key().to_string()])
        .arg(folder)
        .env("HOME", place.path())
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let mut found = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let report: FileReport = serde_json::from_str(line).unwrap();
        let FileOutcome::Judged { verdict } = &report.outcome else {
            panic!("{line}: {said}");
        };
        let name = serde_json::to_value(&report.path).unwrap();
        let name = name.as_str().unwrap_or_default().rsplit('/').next();
        for found_rule in &verdict.matches {
            found.insert((name.unwrap().to_owned(), found_rule.rule.clone()));
        }
    }
    found
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn rules_are_told_name_folder_extension_type_and_owner_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let inner = folder.join("sub");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("Run.ME.EXE"), b"MZ and nothing else").unwrap();
    fs::write(folder.join("notes"), b"nothing but text").unwrap();
    let rules = format!(
        "rule name {{ condition: filename == \"Run.ME.EXE\" }}\n\
         rule path {{ condition: filepath == \"{inner}\" }}\n\
         rule ending {{ condition: extension == \".exe\" }}\n\
         rule kind {{ condition: filetype == \"EXE\" }}\n\
         rule mine {{ condition: owner == \"{owner}\" }}\n\
         rule plain {{ condition: extension == \"\" and filetype == \"\" }}\n\
         rule wrong {{ condition: filename == \"run.me.exe\" or filepath icontains \"nowhere\" }}",
        inner = inner.display(),
        owner = user(),
    );
    let expected: BTreeSet<(String, String)> = [
        ("Run.ME.EXE", "name"),
        ("Run.ME.EXE", "path"),
        ("Run.ME.EXE", "ending"),
        ("Run.ME.EXE", "kind"),
        ("Run.ME.EXE", "mine"),
        ("notes", "mine"),
        ("notes", "plain"),
    ]
    .into_iter()
    .map(|(file, rule)| (file.to_owned(), rule.to_owned()))
    .collect();
    assert_eq!(matches(&rules, &folder), expected);
}

#[test]
fn a_member_of_an_archive_is_known_by_its_own_name_and_the_archive_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("docs/hello.ps1", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"harmless").unwrap();
    fs::write(folder.join("all.zip"), zip.finish().unwrap().into_inner()).unwrap();
    let rules = format!(
        "rule member {{ condition: filename == \"hello.ps1\" and extension == \".ps1\" and \
         filepath == \"{folder}/all.zip/docs\" }}\n\
         rule archive {{ condition: filename == \"all.zip\" and filetype == \"ZIP\" }}\n\
         rule wrong {{ condition: filename == \"hello.ps1\" and filetype == \"ZIP\" }}",
        folder = folder.display(),
    );
    let found: Vec<String> = matches(&rules, &folder)
        .into_iter()
        .map(|(_, rule)| rule)
        .collect();
    assert_eq!(found, ["archive", "member"]);
}
