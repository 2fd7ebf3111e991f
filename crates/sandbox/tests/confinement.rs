//! What a worker can't do, shown from inside and from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::collections::HashMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use model::{FileOutcome, ScanFailure};
use setup::{judged, pool, scan};

/// The signal with which the kernel ends a process that breaks its filter (x86-64, AArch64).
const SIGSYS: i32 = 31;

fn is_root() -> bool {
    status("self")["Uid"].starts_with("0\t")
}

/// The fields of `/proc/PROCESS/status`.
fn status(process: &str) -> HashMap<String, String> {
    fs::read_to_string(format!("/proc/{process}/status"))
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .collect()
}

#[test]
fn forbidden_calls_end_the_worker_at_once() {
    let pool = pool();
    assert!(
        judged(scan(&pool, b"misbehave: not at all"))
            .matches
            .is_empty()
    );
    for how in [
        "open",
        "write",
        "socket",
        "inet",
        "exec",
        "fork",
        "ptrace",
        "signal-others",
        "map-exec",
        "protect-exec",
        "raise-limit",
    ] {
        let outcome = scan(&pool, format!("misbehave: {how}").as_bytes());
        let killed = FileOutcome::Failed {
            failure: ScanFailure::WorkerCrashed {
                signal: Some(SIGSYS),
                member: Vec::new(),
            },
        };
        assert_eq!(outcome, killed, "{how}");
    }
    assert!(!fs::exists("/tmp/garrison-test-worker").unwrap());
    assert!(judged(scan(&pool, b"fine")).matches.is_empty());
}

#[test]
fn the_kernel_confirms_the_confinement() {
    let pool = pool();
    let worker = pool.idle_processes()[0];
    let status = status(&worker.to_string());
    assert_eq!(status["Name"], "garrison-worker");
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Seccomp"], "2");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    let active = |name: &str| {
        pool.protections()
            .into_iter()
            .any(|protection| protection.name == name && protection.is_active())
    };
    for name in ["no_new_privileges", "capabilities", "limits", "seccomp"] {
        assert!(active(name), "{name}: {:?}", pool.protections());
    }
}

#[test]
fn a_privileged_parents_worker_is_nobody() {
    if !is_root() {
        return skip::skip("a_privileged_parents_worker_is_nobody", "needs root");
    }
    let pool = pool();
    let worker = pool.idle_processes()[0];
    let environment = fs::read(format!("/proc/{worker}/environ")).unwrap();
    assert!(environment.is_empty(), "{environment:?}");
    let status = status(&worker.to_string());
    let nobody = "65534\t65534\t65534\t65534";
    assert_eq!(
        (status["Uid"].as_str(), status["Gid"].as_str()),
        (nobody, nobody)
    );
    assert_eq!(status["Groups"], "");
    assert_eq!(status["CapBnd"], "0000000000000000");
    // Only the socket, nothing, the pipe, and definitions.
    let descriptors = fs::read_dir(format!("/proc/{worker}/fd")).unwrap().count();
    assert!(descriptors <= 4, "{descriptors} descriptors");
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    for limit in ["Max core file size", "Max file size", "Max processes"] {
        let line = limits.lines().find(|line| line.starts_with(limit)).unwrap();
        let mut words = line.trim_start_matches(limit).split_whitespace();
        assert_eq!(
            (words.next(), words.next()),
            (Some("0"), Some("0")),
            "{line}"
        );
    }
}

#[test]
fn no_page_of_a_worker_that_came_later_is_executable() {
    if !is_root() {
        return skip::skip(
            "no_page_of_a_worker_that_came_later_is_executable",
            "needs root to read another process's maps",
        );
    }
    let pool = pool();
    let maps = fs::read_to_string(format!("/proc/{}/maps", pool.idle_processes()[0])).unwrap();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let rights = words.nth(1).unwrap();
        let name = words.nth(3).unwrap_or("anonymous");
        let of_program = name.starts_with('/') || name == "[vdso]" || name == "[vsyscall]";
        assert!(!rights.contains('x') || of_program, "{line}");
        assert!(!(rights.contains('x') && rights.contains('w')), "{line}");
    }
}

#[test]
fn a_hanging_worker_ends_when_its_parent_is_killed() {
    // A parent of our own, which is this test's program again.
    if std::env::var_os("GARRISON_TEST_PARENT").is_some() {
        let pool = pool();
        println!("worker {}", pool.idle_processes()[0]);
        scan(&pool, b"misbehave: hang");
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_hanging_worker_ends_when_its_parent_is_killed",
            "--nocapture",
        ])
        .env("GARRISON_TEST_PARENT", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(parent.stdout.take().unwrap()));
    let worker = lines
        .map_while(Result::ok)
        .find_map(|line| {
            let at = line.find("worker ")?;
            line[at..].strip_prefix("worker ")?.parse::<u32>().ok()
        })
        .unwrap();
    // Until it has begun to hang: it then uses processor time.
    let stat = format!("/proc/{worker}/stat");
    wait_until(|| fs::read_to_string(&stat).unwrap().contains(") R "));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until(|| {
        !fs::exists(&stat).unwrap() || fs::read_to_string(&stat).is_ok_and(|s| s.contains(") Z "))
    });
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for 60 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
