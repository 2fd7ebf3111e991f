//! The tests of definitions and of scanning with them, in one program: each file and folder here is a
//! module. A program for each would be a copy of the scanner for each, of 100 MB.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod bombs;
mod clamscan;
mod clean_files;
mod clean_real;
mod containers;
mod databases;
mod expression_limits;
mod formats;
mod hash_tables;
mod hostile_patterns;
mod limits_reported;
mod machine;
mod mutation;
mod own_rules;
mod parity;
mod patterns;
mod reader;
mod reader_patterns;
mod samples;
mod second_reader;
mod setup;
mod signature_parity;
mod sources;
mod tampering;
mod yara;
mod yara_parity;
mod yara_parts;

use std::collections::BTreeSet;
use std::path::PathBuf;

/// A file that nobody names here would be a test that never runs.
#[test]
fn every_file_here_is_a_module() {
    let named: BTreeSet<&str> = include_str!("suite.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let folder = std::env::var_os("GARRISON_SOURCE_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        |root| PathBuf::from(root).join("crates/definitions"),
    );
    for entry in std::fs::read_dir(folder.join("tests")).unwrap() {
        let path = entry.unwrap().path();
        let is_source = path.is_dir() || path.extension().is_some_and(|ending| ending == "rs");
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !is_source || name == "suite" || named.contains(name),
            "{} is in no test: add \"mod {name};\" to tests/suite.rs",
            path.display()
        );
    }
}
