//! The child of the manager that checks what the manager dials: what it may do, for whom it works,
//! and what it says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// A check that doesn't outlive its test.
struct Check(Child);

impl Drop for Check {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Check {
    /// As the manager starts it.
    fn of(port: u16, parent: u32) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_garrison"))
            .args(["network-check", "--json", "--role", "manager"])
            .args(["--feature", "cloud", "--time", "30"])
            .args(["--parent", &parent.to_string()])
            .args(["--ca-pin", &"00".repeat(32)])
            .args(["--set", "cloud=127.0.0.1"])
            .args(["--set", &format!("cloud-port={port}")])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn end(&mut self) -> (Option<i32>, String, String) {
        let (mut said, mut complained) = (String::new(), String::new());
        let mut output = self.0.stdout.take().unwrap();
        output.read_to_string(&mut said).unwrap();
        let mut errors = self.0.stderr.take().unwrap();
        errors.read_to_string(&mut complained).unwrap();
        (self.0.wait().unwrap().code(), said, complained)
    }
}

#[allow(clippy::disallowed_methods)]
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn a_closed_port_of_the_cloud_is_reported() {
    let (listener, port) = listener();
    drop(listener);
    let (code, said, complained) = Check::of(port, std::process::id()).end();
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{complained}"));
    assert_eq!(report["result"], "broken", "{report:#}");
    assert_eq!(report["findings"][0]["verdict"], "refused", "{report:#}");
    assert_eq!(
        report["findings"][0]["endpoints"][0],
        format!("127.0.0.1:{port}")
    );
    assert_eq!(code, Some(2));
}

#[test]
fn it_works_for_nobody_but_the_process_that_started_it() {
    let (listener, port) = listener();
    let (code, said, complained) = Check::of(port, 1).end();
    assert!(
        complained.contains("the process 1 that started this one has ended"),
        "{complained}"
    );
    assert_eq!((code, said.as_str()), (Some(3), ""));
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "it dialled before it asked");
}

#[test]
fn it_has_given_up_its_rights_before_it_dials() {
    let (listener, port) = listener();
    let mut check = Check::of(port, std::process::id());
    listener.set_nonblocking(true).unwrap();
    let end = Instant::now() + LIMIT;
    // Taken and never answered: the check waits.
    let held = loop {
        if let Ok(held) = listener.accept() {
            break held;
        }
        assert!(
            Instant::now() < end && check.0.try_wait().unwrap().is_none(),
            "it does not dial"
        );
        std::thread::sleep(Duration::from_millis(20));
    };
    let status = std::fs::read_to_string(format!("/proc/{}/status", check.0.id())).unwrap();
    let line = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("{name} {status}")).trim()
    };
    assert_eq!(line("NoNewPrivs:"), "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(line(set), "0000000000000000", "{set}");
    }
    if rustix::process::geteuid().is_root() {
        assert_eq!(line("Uid:"), "65534\t65534\t65534\t65534");
        assert_eq!(line("Gid:"), "65534\t65534\t65534\t65534");
        assert_eq!(line("Groups:"), "");
    }
    drop(held);
}
