//! The judge in network namespaces.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::asked::Asked;

pub(crate) struct Namespaces {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// What nft did.
#[derive(serde::Deserialize)]
pub(crate) struct Judge {
    pub(crate) json: String,
    pub(crate) passed: Vec<bool>,
}

impl Namespaces {
    /// `None` where it can't run here.
    pub(crate) fn start(test: &str) -> Option<Self> {
        for program in ["nft", "ip", "python3", "unshare"] {
            let found = Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if found.is_err() {
                skip(test, &format!("the program {program} is missing"));
                return None;
            }
        }
        let allowed = Command::new("unshare")
            .args(["-n", "nft", "list", "ruleset"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !allowed.is_ok_and(|status| status.success()) {
            skip(test, "network namespaces need root");
            return None;
        }
        let root = std::env::var_os("GARRISON_SOURCE_DIR")
            .map(|dir| PathBuf::from(dir).join("crates/flows"));
        let root = root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let mut child = Command::new("unshare")
            .args(["-n", "python3"])
            .arg(root.join("tests/peers/filter.py"))
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
        Some(started)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn ask(
        &mut self,
        place: &str,
        ruleset: &str,
        asked: &[Asked],
    ) -> Result<Judge, String> {
        let questions: Vec<(&str, &str, u16)> = asked
            .iter()
            .map(|asked| {
                (
                    asked.transport.as_str(),
                    asked.host.as_str(),
                    asked.port.parse().unwrap(),
                )
            })
            .collect();
        let order = serde_json::json!({ "place": place, "ruleset": ruleset, "ask": questions });
        let stdin = self.stdin.as_mut().unwrap();
        writeln!(stdin, "{order}").unwrap();
        stdin.flush().unwrap();
        let line = self.line();
        serde_json::from_str(&line).map_err(|_| line)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("SKIPPED: {test}: {reason}");
    println!("{line}");
    if let Some(log) = std::env::var_os("GARRISON_SKIP_LOG") {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
