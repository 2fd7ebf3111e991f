//! The child of the agent that checks the network: what it may do, and when it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a broken expectation"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_garrison-agent");
const LIMIT: Duration = Duration::from_secs(60);

/// A process that started a check, and the check, which waits for its order.
struct Pair {
    parent: Child,
    check: u32,
    /// As long as it is open the check waits.
    order: ChildStdin,
}

impl Pair {
    fn start() -> Self {
        // The shell becomes something that does nothing, and stays the parent.
        let mut parent = Command::new("sh")
            .args([
                "-c",
                "exec 3<&0; \"$0\" network-check <&3 >/dev/null 2>&1 & echo $!; exec sleep 600",
                PROGRAM,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let order = parent.stdin.take().unwrap();
        let mut said = BufReader::new(parent.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let pair = Self {
            parent,
            check: line.trim().parse().unwrap(),
            order,
        };
        pair.until("it has given up its rights", |status| {
            status.get("Name").map(String::as_str) == Some("garrison-netchk")
                && status.get("NoNewPrivs").map(String::as_str) == Some("1")
                && limit_of(pair.check, "Max cpu time") != "unlimited"
        });
        pair
    }

    fn until(
        &self,
        what: &str,
        condition: impl Fn(&std::collections::BTreeMap<String, String>) -> bool,
    ) {
        let end = Instant::now() + LIMIT;
        loop {
            let status = status_of(self.check);
            if status.as_ref().is_some_and(&condition) {
                return;
            }
            assert!(Instant::now() < end, "{what}: {status:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
    }
}

fn status_of(process: u32) -> Option<std::collections::BTreeMap<String, String>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    Some(
        pairs
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
    )
}

fn limit_of(process: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.get(name.len()..)?.split_whitespace().next())
        .unwrap_or("unlimited")
        .to_owned()
}

#[test]
fn a_check_of_the_network_has_no_rights() {
    let pair = Pair::start();
    let status = status_of(pair.check).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    if rustix::process::geteuid().is_root() {
        assert_eq!(status["Uid"], "65534\t65534\t65534\t65534");
        assert_eq!(status["Gid"], "65534\t65534\t65534\t65534");
        assert_eq!(status["Groups"], "");
        assert_eq!(status["CapBnd"], "0000000000000000");
    }
    for (name, wanted) in [
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max open files", "256"),
        ("Max data size", "536870912"),
    ] {
        assert_eq!(limit_of(pair.check, name), wanted, "{name}");
    }
}

#[test]
fn a_check_of_the_network_ends_with_the_process_that_started_it_however_that_ends() {
    let mut pair = Pair::start();
    pair.parent.kill().unwrap();
    pair.parent.wait().unwrap();
    // The order's pipe is still open: it is the parent's end that ends it.
    let end = Instant::now() + LIMIT;
    while status_of(pair.check).is_some_and(|status| !status["State"].starts_with('Z')) {
        assert!(Instant::now() < end, "process {} still runs", pair.check);
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = pair.order.flush();
}

/// What a check says to an order.
fn answer(order: &str) -> Output {
    let mut child = Command::new("timeout")
        .args(["60", PROGRAM, "network-check"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(order.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

#[test]
fn an_order_of_nobody_is_not_carried_out() {
    for (order, wanted) in [
        ("", "expected an order of the agent's"),
        ("{}", "expected an order of the agent's"),
        (
            r#"{"parent":1,"addresses":[],"ca_certificate":"","proxy":"direct","seconds":1}"#,
            "the process 1 that started this one has ended",
        ),
    ] {
        let output = answer(order);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wanted), "{order}: {said}");
        assert_eq!(output.status.code(), Some(3), "{order}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_is_not_for_it_is_closed_to_a_check_of_the_network() {
    // A file that is open when it starts, as the agent's own are.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "secret").unwrap();
    let file = std::fs::File::open(&path).unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let kept: OwnedFd = file.into();
    let pair = Pair::start();
    let open: Vec<std::path::PathBuf> = std::fs::read_dir(format!("/proc/{}/fd", pair.check))
        .map(|entries| {
            entries
                .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
                .collect()
        })
        .unwrap_or_default();
    drop(kept);
    assert!(!open.iter().any(|one| one == Path::new(&path)), "{open:?}");
}
