//! The program of `make static` needs nothing but a kernel.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// It stays below this.
const MOST_BYTES: usize = 12 * 1024 * 1024;

/// What `make static` leaves behind.
fn built() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/static/garrison-flows");
    path.exists().then_some(path)
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()))
}

/// Whether a 64-bit ELF file names a loader (a program header of the type PT_INTERP, 3).
fn has_interpreter(bytes: &[u8]) -> bool {
    assert_eq!(&bytes[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let offset = u64::from_le_bytes(bytes[32..40].try_into().unwrap());
    let (size, count) = (u16_at(bytes, 54), u16_at(bytes, 56));
    (0..count).any(|index| {
        let at = usize::try_from(offset).unwrap() + index * size;
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) == 3
    })
}

#[test]
fn the_static_program_is_small_and_names_no_loader() {
    let name = "the_static_program_is_small_and_names_no_loader";
    let Some(path) = built() else {
        return skip::skip(name, "not built; run \"make static\"");
    };
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.len() < MOST_BYTES, "{} bytes", bytes.len());
    assert!(!has_interpreter(&bytes));
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(
        has_interpreter(&own),
        "the test itself is linked dynamically"
    );
}

#[test]
fn the_static_program_runs_where_there_is_nothing_else() {
    let name = "the_static_program_runs_where_there_is_nothing_else";
    let Some(path) = built() else {
        return skip::skip(name, "not built; run \"make static\"");
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(path, folder.path().join("garrison-flows")).unwrap();
    let run = |arguments: &[&str]| {
        Command::new("timeout")
            .args(["60", "chroot"])
            .arg(folder.path())
            .arg("/garrison-flows")
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = run(&["--version"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if error.contains("cannot change root") {
        return skip::skip(name, "only root may change the root folder");
    }
    for id in flows::built_in::ids() {
        let output = run(&["render", "nftables", "--catalog", id]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{error}");
        assert!(!output.stdout.is_empty());
    }
}
