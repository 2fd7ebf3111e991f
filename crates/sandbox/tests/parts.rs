//! Workers that are made before the YARA rules are loaded, and those that are made later.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use model::verdict::Remark;
use model::{FileOutcome, Verdict};
use sandbox::{Pool, PoolConfig, Sealed};
use scan::layout::PAGE_BYTES;
use setup::{config, definitions_of, judged, scan, signed_definitions_of, trusted};

/// One rule for every file, one for ELF alone, one behind the gate.
const RULES: &str = r#"
    rule every { condition: filesize > 3 }
    rule elf { strings: $a = "ab" condition: uint32(0) == 0x464c457f and #a > 1 }
    rule gated { strings: $a = "a literal that hardly any file has" condition: $a }"#;
const GATED: &[u8] = b"this is a literal that hardly any file has";

fn pool(workers: usize) -> Pool {
    let config = PoolConfig {
        workers,
        ..config()
    };
    Pool::new(config, definitions_of(RULES, 1), &trusted()).unwrap()
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    let rules = verdict.matches.iter().map(|found| found.rule.as_str());
    rules.collect()
}

fn kill_template(pool: &Pool) {
    let template = i32::try_from(pool.template_process().unwrap()).unwrap();
    let template = rustix::process::Pid::from_raw(template).unwrap();
    rustix::process::kill_process(template, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_worker_is_ready_before_rules_that_few_files_need_are_loaded() {
    let pool = pool(1);
    let worker = pool.idle_processes();
    assert_eq!(pool.parts_needed(), 0);
    assert_eq!(rules(&judged(scan(&pool, b"common"))), ["every"]);
    assert_eq!(pool.parts_needed(), 0);
    assert_eq!(pool.idle_processes(), worker);
}

#[test]
fn a_worker_that_loaded_rules_for_itself_is_replaced_by_one_that_shares_them() {
    let pool = pool(1);
    let template = pool.template_process();
    for (content, expected, parts) in [
        (GATED, ["every", "gated"], 1),
        (b"\x7fELF abab".as_slice(), ["every", "elf"], 2),
    ] {
        let first = judged(scan(&pool, content));
        assert_eq!(rules(&first), expected);
        // The one that loaded them is gone.
        assert!(pool.idle_processes().is_empty());
        assert_eq!(pool.parts_needed(), parts);
        let second = judged(scan(&pool, content));
        let replaced = pool.idle_processes();
        assert_eq!(replaced.len(), 1);
        assert_eq!(judged(scan(&pool, content)), second);
        assert_eq!(second, first);
        assert_eq!(pool.idle_processes(), replaced);
        assert_eq!(pool.parts_needed(), parts);
    }
    assert_eq!(pool.template_process(), template);
}

#[test]
fn early_and_late_workers_say_the_same_whoever_is_first() {
    let pool = pool(3);
    let contents = [GATED, b"\x7fELF abab", b"common", b"MZ", b"%PDF"];
    let expected: Vec<Verdict> = {
        let alone = self::pool(1);
        contents.map(|content| judged(scan(&alone, content))).into()
    };
    std::thread::scope(|scope| {
        for shift in 0..3 {
            let (pool, expected) = (&pool, &expected);
            scope.spawn(move || {
                for number in 0..30 {
                    let which = (number + shift) % contents.len();
                    assert_eq!(judged(scan(pool, contents[which])), expected[which]);
                }
            });
        }
    });
    // That behind the gate, and one each for ELF and Windows programs.
    assert_eq!(pool.parts_needed(), 3);
    // One that waits now may still lack some, and is replaced once more at most.
    for content in contents.iter().cycle().take(4 * contents.len()) {
        scan(&pool, content);
    }
    let settled = pool.idle_processes();
    for content in contents {
        scan(&pool, content);
    }
    assert_eq!(pool.idle_processes(), settled);
    assert_eq!(pool.parts_needed(), 3);
}

#[test]
fn new_definitions_and_a_new_template_begin_with_what_files_needed_so_far() {
    let pool = pool(1);
    scan(&pool, GATED);
    assert_eq!(pool.parts_needed(), 1);
    pool.reload(definitions_of(RULES, 2), &trusted()).unwrap();
    let fresh = pool.idle_processes();
    assert_eq!(rules(&judged(scan(&pool, GATED))), ["every", "gated"]);
    assert_eq!(pool.idle_processes(), fresh);
    kill_template(&pool);
    assert_eq!(rules(&judged(scan(&pool, GATED))), ["every", "gated"]);
    assert_eq!(pool.idle_processes().len(), 1);
    assert_eq!(pool.parts_needed(), 1);
    // Fewer parts than before: nobody asks for those that there are no more.
    let one = "rule every { condition: filesize > 3 }";
    pool.reload(definitions_of(one, 3), &trusted()).unwrap();
    assert_eq!(rules(&judged(scan(&pool, GATED))), ["every"]);
}

/// What is left of the rules judges files, and each verdict says that it is not all.
#[test]
fn a_part_that_was_damaged_since_it_was_loaded_does_not_keep_a_template_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.gdef");
    fs::write(&path, signed_definitions_of(RULES, 1)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let sealed = Sealed::from_file(fs::File::open(&path).unwrap().into(), 1 << 30).unwrap();
    assert!(sealed.is_in_place());
    let pool = Pool::new(config(), sealed, &trusted()).unwrap();
    assert_eq!(rules(&judged(scan(&pool, GATED))), ["every", "gated"]);
    assert_eq!(pool.parts_needed(), 1);

    let bytes = fs::read(&path).unwrap();
    let literal = b"a literal that hardly any file has";
    // The gate has it first, which must be whole, and then the part, which has many pages.
    let mut windows = bytes.windows(literal.len());
    let place = windows.rposition(|window| window == literal).unwrap() + 10 * PAGE_BYTES;
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"A", place as u64).unwrap();
    kill_template(&pool);

    for content in [b"common", GATED, b"common"] {
        let verdict = judged(scan(&pool, content));
        assert_eq!(rules(&verdict), ["every"]);
        assert!(!verdict.is_whole());
        let remarks: Vec<Remark> = verdict.remarks.iter().map(|at| at.remark).collect();
        assert_eq!(remarks, [Remark::DefinitionsDamaged]);
    }
}

/// Every module is used for the first time by a worker, behind its filter and its limits.
#[test]
fn rules_of_every_module_load_in_a_confined_worker() {
    let imports = setup::imports_of_every_module();
    let text = format!(
        "{imports}
        rule every {{ condition: filesize > 3 }}
        rule modules {{ strings: $a = \"a literal that hardly any file has\"
            $b = /expression [0-9]+ [a-z]{{1,20}}/ nocase condition: $a and (
            filename matches /^a[b-z]+$/i or hash.md5(0, filesize) == \"\" or pe.is_pe or
            elf.type == 1 or dotnet.is_dotnet or time.now() == 0 or string.length(filename) > 9 or
            math.entropy(0, filesize) >= 0.0 or $b) }}"
    );
    let source = definitions::Source {
        name: "every.yar".into(),
        bytes: text.into_bytes(),
    };
    let revision = model::DefinitionRevision(1);
    let compiled = definitions::build(&[source], revision, &mut |_| {}).unwrap();
    assert!(compiled.report().unusable.is_empty());
    let sealed = Sealed::from_bytes(&definitions::sign(&compiled, &setup::key()));
    let pool = Pool::new(config(), sealed.unwrap(), &trusted()).unwrap();
    for start in [b"".as_slice(), b"MZ", b"\x7fELF\x02\x01\x01", b"dex\n035\0"] {
        let outcome = scan(&pool, &[start, GATED, &[0; 4000]].concat());
        let FileOutcome::Judged { verdict } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(rules(&verdict).contains(&"modules"), "{verdict:?}");
        assert!(verdict.is_whole());
    }
    assert!(pool.parts_needed() > 0);
}
