//! Where programs, sources and temporary files are. The test runner says so by
//! variables; under a bare `cargo test` they are found beside the test itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// The folder of `garrison`, `garrison-agent` and `garrison-sim`.
///
/// # Errors
/// Where the test's own path can't be told.
pub fn programs() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("GARRISON_BIN_DIR") {
        return Ok(folder.into());
    }
    // A test executable is target/PROFILE/deps/NAME.
    let own = std::env::current_exe().context("the test's own path")?;
    let folder = own.parent().and_then(Path::parent);
    Ok(folder
        .context("the test stands in no target folder")?
        .to_path_buf())
}

/// A program of ours by name.
///
/// # Errors
/// Where it has not been built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = programs()?.join(name);
    ensure!(
        path.is_file(),
        "{} is missing; `cargo build --workspace --bins` makes it, or set GARRISON_BIN_DIR",
        path.display()
    );
    Ok(path)
}

/// The checkout, or the copy of it that this user can read.
pub fn sources() -> PathBuf {
    match std::env::var_os("GARRISON_SOURCE_DIR") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
    }
}

/// The content from which definitions are built.
pub fn definitions() -> PathBuf {
    sources().join("definitions")
}

/// A folder for one test, gone with its value. Its path is short enough for Unix sockets.
///
/// # Errors
/// Where it can't be made.
pub fn temporary() -> anyhow::Result<TempDir> {
    let parent =
        std::env::var_os("GARRISON_TEST_TMP").map_or_else(std::env::temp_dir, PathBuf::from);
    tempfile::Builder::new()
        .prefix("s")
        .rand_bytes(6)
        .tempdir_in(&parent)
        .with_context(|| format!("a folder in {}", parent.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_built_is_named() {
        let error = program("garrison-that-nobody-built")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("garrison-that-nobody-built is missing"),
            "{error}"
        );
    }

    #[test]
    fn the_sources_hold_this_workspace() {
        assert!(sources().join("tests/system/Cargo.toml").is_file());
    }

    #[test]
    fn a_temporary_folder_goes_with_its_value() {
        let folder = temporary().unwrap();
        let path = folder.path().to_path_buf();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
