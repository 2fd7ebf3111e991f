//! Other people's signatures, where they are present.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) const CLAMSCAN: &str = "/usr/bin/clamscan";

/// Unpacks the corpus of signatures; skips the test without it or without its judge.
pub(crate) fn signatures(test: &str) -> Option<tempfile::TempDir> {
    if !Path::new(CLAMSCAN).exists() {
        skip::skip(test, "clamscan is not installed");
        return None;
    }
    let Some(folder) = std::env::var_os("GARRISON_CORPUS").map(PathBuf::from) else {
        skip::skip(test, "GARRISON_CORPUS is not set");
        return None;
    };
    let unpacked = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(folder.join("clamav-signatures.tar.xz"))
        .arg("-C")
        .arg(unpacked.path())
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the corpus can't be unpacked");
    Some(unpacked)
}
