//! Parsers of the test tools (tests/requirements.txt), which read a rendering on their own.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The Python of the test tools, where it has the module.
pub(crate) fn python(module: &str) -> Option<PathBuf> {
    let own = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/test-python/bin/python"
    );
    let python = std::env::var_os("GARRISON_TEST_PYTHON").map_or_else(|| own.into(), PathBuf::from);
    let status = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status
        .is_ok_and(|status| status.success())
        .then_some(python)
}

/// What a script, which reads the text from its standard input, prints as JSON.
pub(crate) fn read(python: &PathBuf, script: &str, text: &str) -> Value {
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = text.to_owned();
    // The parser reads everything before it prints.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
