//! Workers are copies of a template: what that costs, and what becomes of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sandbox::{Pool, PoolConfig};
use setup::{config, definitions, file, judged, limits, pool, scan, trusted};

/// A field of `/proc/PROCESS/status`; `None` when there is no such process.
fn status(process: u32, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim_start_matches(':').trim().to_owned())
}

/// Gone, or dead and not yet buried.
fn has_ended(process: u32) -> bool {
    status(process, "State").is_none_or(|state| state.starts_with('Z'))
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for 60 s");
        std::thread::yield_now();
    }
}

#[test]
fn workers_are_made_by_a_confined_template_with_one_thread() {
    let pool = pool();
    let template = pool.template_process().unwrap();
    let worker = pool.idle_processes()[0];
    assert_eq!(status(worker, "PPid").unwrap(), template.to_string());
    assert_eq!(status(template, "Threads").unwrap(), "1");
    for process in [template, worker] {
        assert_eq!(status(process, "Seccomp").unwrap(), "2");
        assert_eq!(status(process, "NoNewPrivs").unwrap(), "1");
        assert_eq!(status(process, "CapEff").unwrap(), "0000000000000000");
    }
    // The worker has its own filter beside the template's.
    let filters = |process| status(process, "Seccomp_filters").map(|count| count.parse::<u32>());
    if let (Some(Ok(template)), Some(Ok(worker))) = (filters(template), filters(worker)) {
        assert!(worker > template, "{worker} filters after {template}");
    }
}

#[test]
fn rules_of_every_kind_load_in_the_template_and_match_in_a_worker() {
    let imports = setup::imports_of_every_module();
    let many: String = (0..2000)
        .map(|number| {
            format!(
                "rule many{number} {{ strings: $a = \"literal number {number} of many\" \
                 $b = /expression {number} [a-z]{{1,20}}/ nocase $c = {{ {:02x} 11 ?? 33 [2-4] 55 }} \
                 condition: any of them }}\n",
                number % 256
            )
        })
        .collect();
    let text = format!(
        "{imports}{many}
        rule modules {{ condition: filesize > 3 and (filename matches /^a[b-z]+$/i or
            hash.md5(0, filesize) == \"\" or pe.is_pe or elf.type == 1 or dotnet.is_dotnet or
            time.now() == 0 or string.length(filename) > 9 or
            math.entropy(0, filesize) >= 0.0) }}"
    );
    let source = definitions::Source {
        name: "every.yar".into(),
        bytes: text.into_bytes(),
    };
    let revision = model::DefinitionRevision(1);
    let compiled = definitions::build(&[source], revision, &mut |_| {}).unwrap();
    assert!(compiled.report().unusable.is_empty());
    let sealed = sandbox::Sealed::from_bytes(&definitions::sign(&compiled, &setup::key()));
    let pool = Pool::new(config(), sealed.unwrap(), &trusted()).unwrap();
    let verdict = judged(scan(&pool, b"literal number 77 of many, expression 78 abc"));
    let rules: Vec<&str> = verdict
        .matches
        .iter()
        .map(|found| found.rule.as_str())
        .collect();
    for rule in ["many77", "many78", "modules"] {
        assert!(rules.contains(&rule), "{rule}: {rules:?}");
    }
    for program in [b"MZ".as_slice(), b"\x7fELF\x02\x01\x01"] {
        let content = [program, &[0; 4000]].concat();
        assert!(judged(scan(&pool, &content)).limits.is_empty());
    }
}

#[test]
fn a_lost_template_is_started_again() {
    let pool = pool();
    let template = pool.template_process().unwrap();
    let worker = pool.idle_processes()[0];
    let process = rustix::process::Pid::from_raw(i32::try_from(template).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    // Its workers go with it.
    wait_until(|| has_ended(worker));
    assert_eq!(judged(scan(&pool, b"a NEEDLE in hay")).matches.len(), 1);
    assert_ne!(pool.template_process().unwrap(), template);
}

#[test]
fn files_under_way_are_finished_while_definitions_are_replaced() {
    let pool = Pool::new(
        PoolConfig {
            workers: 3,
            ..config()
        },
        definitions(1),
        &trusted(),
    )
    .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let verdict = judged(scan(&pool, b"a NEEDLE in hay"));
                    let expected = format!("Test.Needle.{}", verdict.definitions.0);
                    assert_eq!(verdict.matches[0].rule, expected);
                }
            });
        }
        for revision in 2..8 {
            assert_eq!(
                pool.reload(definitions(revision), &trusted()).unwrap().0,
                revision
            );
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(pool.revision().0, 7);
    assert_eq!(judged(scan(&pool, b"NEEDLE")).definitions.0, 7);
}

#[test]
fn a_rule_may_ask_what_a_file_is_called() {
    let source = definitions::Source {
        name: "named.yar".into(),
        bytes: br#"rule named { condition: filename == "a.log" and filepath == "/var/log" and
            extension == ".log" and owner == "syslog" }"#
            .to_vec(),
    };
    let revision = model::DefinitionRevision(1);
    let compiled = definitions::build(&[source], revision, &mut |_| {}).unwrap();
    let sealed = sandbox::Sealed::from_bytes(&definitions::sign(&compiled, &setup::key()));
    let pool = Pool::new(config(), sealed.unwrap(), &trusted()).unwrap();
    let content = file(b"anything");
    let named = |path: &str, owner: &str| {
        judged(pool.scan_named(content.as_fd(), path, owner, &limits())).matches
    };
    assert_eq!(named("/var/log/a.log", "syslog").len(), 1);
    assert_eq!(named("/var/log/b.log", "syslog").len(), 0);
    assert_eq!(named("/var/log/a.log", "root").len(), 0);
    assert_eq!(judged(scan(&pool, b"anything")).matches.len(), 0);
}

#[test]
fn template_and_hanging_worker_end_when_the_pools_process_is_killed() {
    // A parent of our own, which is this test's program again.
    if std::env::var_os("GARRISON_TEST_PARENT").is_some() {
        let pool = pool();
        println!(
            "processes {} {}",
            pool.template_process().unwrap(),
            pool.idle_processes()[0]
        );
        scan(&pool, b"misbehave: hang");
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "template_and_hanging_worker_end_when_the_pools_process_is_killed",
            "--nocapture",
        ])
        .env("GARRISON_TEST_PARENT", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let processes: Vec<u32> = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, numbers) = line.split_once("processes ")?;
            Some(
                numbers
                    .split(' ')
                    .map(|number| number.parse().unwrap())
                    .collect(),
            )
        })
        .unwrap();
    wait_until(|| status(processes[1], "State").is_none_or(|state| state.starts_with('R')));
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until(|| processes.iter().all(|process| has_ended(*process)));
}
