//! Ctrl-C while the doctor waits for something that says nothing: what is known is printed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// Far less than a run may take, and far more than an end needs.
const LIMIT: Duration = Duration::from_secs(45);
const ENDED: &str = "the run ended before it was checked";

/// A child that doesn't outlive its test.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Run {
    fn interrupt(&self) {
        let id = self.0.id().to_string();
        let status = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(status.success());
    }

    fn end(&mut self) -> ExitStatus {
        let begun = std::time::Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < LIMIT, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Takes connections and says nothing; tells of each.
#[allow(clippy::disallowed_methods)]
fn silent() -> (u16, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, taken) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.push(stream);
            // The test may have ended.
            let _ = send.send(());
        }
    });
    (port, taken)
}

#[allow(clippy::disallowed_methods)]
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn start(mut command: Command) -> Run {
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    Run(command.stdout(Stdio::piped()).spawn().unwrap())
}

fn doctor(arguments: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_garrison-flows"));
    command.arg("doctor").args(arguments).stdin(Stdio::null());
    command
}

fn targets(urls: impl IntoIterator<Item = String>) -> Vec<String> {
    urls.into_iter()
        .flat_map(|url| ["--target".to_owned(), url])
        .collect()
}

/// Sends on what is printed, piece by piece.
fn heard(run: &mut Run) -> Receiver<String> {
    let mut output = run.0.stdout.take().unwrap();
    let (send, pieces) = channel();
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length) = output.read(&mut piece) {
            let text = String::from_utf8_lossy(&piece[..length]).into_owned();
            if length == 0 || send.send(text).is_err() {
                return;
            }
        }
    });
    pieces
}

fn until(pieces: &Receiver<String>, text: &mut String, wanted: &str) {
    while !text.contains(wanted) {
        match pieces.recv_timeout(LIMIT) {
            Ok(piece) => text.push_str(&piece),
            Err(error) => panic!("{wanted:?}: {error}, after {text:?}"),
        }
    }
}

#[test]
fn on_a_terminal_the_progress_is_live_and_ctrl_c_prints_what_is_known() {
    let test = "on_a_terminal_the_progress_is_live_and_ctrl_c_prints_what_is_known";
    if !Path::new("/usr/bin/script").exists() {
        skip::skip(test, "script (util-linux) is not installed");
        return;
    }
    let (port, taken) = silent();
    // `exec`: a shell that waits for its child would answer the key in its own way.
    let line = format!(
        "exec {} doctor --target https://127.0.0.1:{} --target https://127.0.0.1:{port}",
        env!("CARGO_BIN_EXE_garrison-flows"),
        closed_port()
    );
    let mut command = Command::new("script");
    command
        .env("SHELL", "/bin/sh")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut run = start(command);
    let pieces = heard(&mut run);
    let mut text = String::new();
    taken.recv_timeout(LIMIT).unwrap();
    until(&pieces, &mut text, "checking 1 of 2, 1 with trouble");
    // What the key sends; the terminal makes a signal of it.
    let mut keys = run.0.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    keys.flush().unwrap();
    until(&pieces, &mut text, "checks in ");
    let status = run.end();
    let table = text.rsplit("\x1b[2K").next().unwrap();
    assert!(table.contains("refused"), "{table}");
    assert!(table.contains(ENDED), "{table}");
    // The worse of the two: broken.
    assert_eq!(status.code(), Some(2), "{table}");
}

#[test]
fn json_in_a_pipe_is_whole_after_an_interrupt_and_the_run_undetermined() {
    let (port, taken) = silent();
    let mut arguments = targets([format!("https://127.0.0.1:{port}")]);
    arguments.push("--json".to_owned());
    let mut command = doctor(&arguments);
    command.stderr(Stdio::piped());
    let mut run = start(command);
    taken.recv_timeout(LIMIT).unwrap();
    run.interrupt();
    let mut text = String::new();
    let mut output = run.0.stdout.take().unwrap();
    output.read_to_string(&mut text).unwrap();
    let status = run.end();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["result"], "unknown");
    assert_eq!(report["checks"][0]["detail"], ENDED);
    assert_eq!(status.code(), Some(3));
    let mut said = String::new();
    let mut errors = run.0.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(said, "", "no progress where there is no terminal");
}

#[test]
fn a_second_interrupt_ends_a_run_whose_output_nobody_takes() {
    let (port, taken) = silent();
    // More than a pipe holds.
    let urls = (0..400).map(|number| format!("https://127.0.0.1:{port}/{number}"));
    let mut arguments = targets(urls);
    arguments.push("--json".to_owned());
    let mut run = start(doctor(&arguments));
    taken.recv_timeout(LIMIT).unwrap();
    run.interrupt();
    let mut output = run.0.stdout.take().unwrap();
    // It has begun to print, and can't go on.
    output.read_exact(&mut [0]).unwrap();
    assert!(run.0.try_wait().unwrap().is_none());
    run.interrupt();
    assert_eq!(run.end().code(), Some(130));
}
