//! A judge that is a program of its own: an order a line, an answer a line.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// A file of this crate's tests.
pub(crate) fn file(name: &str) -> PathBuf {
    let root =
        std::env::var_os("GARRISON_SOURCE_DIR").map(|dir| PathBuf::from(dir).join("crates/flows"));
    let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    root.join("tests/peers").join(name)
}

/// Whether a program is there; says that the test is skipped where it isn't.
pub(crate) fn has_programs(test: &str, programs: &[&str]) -> bool {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let missing = programs.iter().find(|program| {
        let usual = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
        !folders
            .iter()
            .chain(&usual)
            .any(|folder| folder.join(program).exists())
    });
    if let Some(program) = missing {
        skip::skip(test, &format!("the program {program} is missing"));
    }
    missing.is_none()
}

impl Peer {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut started = Self {
            child,
            stdin,
            stdout,
        };
        assert_eq!(started.line().trim(), "ready");
        started
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn ask(&mut self, order: &serde_json::Value) -> String {
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{order}").unwrap();
        stdin.flush().unwrap();
        self.line()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends by itself at the end of its input, and takes its children with it.
        let _ = self.child.wait();
    }
}
