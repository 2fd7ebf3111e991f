//! The log files of children: bounded, and quoted when a child fails.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A log above this many bytes becomes NAME.log.1, and that one goes.
const MAX_BYTES: u64 = 8 << 20;
/// How much of a log's end is looked at, and how many lines of it are quoted.
const TAIL_BYTES: u64 = 16 << 10;
const TAIL_LINES: usize = 12;

/// Opens a log to append to.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    bound(path)?;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Moves a log that has grown too large aside. Its writers go on in the emptied file: they append.
pub(super) fn bound(path: &Path) -> std::io::Result<()> {
    match path.metadata() {
        Ok(data) if data.len() > MAX_BYTES => {}
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    std::fs::copy(path, older(path))?;
    OpenOptions::new().write(true).open(path)?.set_len(0)
}

fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// The last lines, ready to follow a sentence; empty when there are none.
pub(super) fn last_lines(path: &Path) -> String {
    let Ok(tail) = tail(path) else {
        return String::new();
    };
    let lines: Vec<&str> = tail
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let quoted: String = lines
        .iter()
        .skip(lines.len().saturating_sub(TAIL_LINES))
        .map(|line| format!("\n    {line}"))
        .collect();
    format!("\n  the last lines of {}:{quoted}", path.display())
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_log_that_is_too_large_moves_aside_under_its_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manager.log");
        let mut writer = open(&path).unwrap();
        let line = [b'x'; 1 << 20];
        for _ in 0..9 {
            writer.write_all(&line).unwrap();
        }
        bound(&path).unwrap();
        writer.write_all(b"after\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"after\n");
        assert_eq!(older(&path).metadata().unwrap().len(), 9 << 20);
    }

    #[test]
    fn the_end_of_a_log_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.log");
        assert_eq!(last_lines(&path), "");
        let text: String = (0..5000).map(|line| format!("line {line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        let quoted = last_lines(&path);
        assert!(quoted.ends_with("line 4999"), "{quoted}");
        assert_eq!(quoted.matches("\n    line").count(), TAIL_LINES);
    }
}
