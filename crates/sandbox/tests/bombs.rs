//! Bombs in a real worker: each kind ends by a limit that is named, or by itself, in the memory
//! that a worker may have, and the worker goes on. What ends a worker costs one file and names the
//! member.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../../definitions/tests/setup/made/ole2.rs"]
mod ole2;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "../../definitions/tests/setup/made/pdf.rs"]
mod pdf;
#[path = "../../definitions/tests/setup/made/quine.rs"]
mod quine;

use std::io::{Cursor, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use definitions::{Source, build, sign};
use model::verdict::Remark;
use model::{DefinitionRevision, FileOutcome, Limit, LimitHit, ScanFailure, Verdict};
use sandbox::{Pool, PoolConfig, Sealed};
use scan::Limits;
use setup::{config, definitions, file, judged, key, trusted};
use zip::write::SimpleFileOptions;

const MIB: u64 = 1 << 20;
/// What a worker of these tests may have.
const MEMORY_BYTES: u64 = 224 * MIB;

fn limits() -> Limits {
    Limits {
        depth: 8,
        members: 500,
        file_bytes: 16 * MIB,
        member_bytes: 20 * MIB,
        total_bytes: 96 * MIB,
        memory_bytes: 48 * MIB,
        ratio: 200,
        time: Duration::from_secs(120),
        ..Limits::default()
    }
}

/// A pool whose definitions find NEEDLE, beside what these sources say.
fn pool(sources: &[(&str, &str)]) -> Pool {
    let mut sources: Vec<Source> = sources
        .iter()
        .map(|(name, text)| Source {
            name: (*name).into(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect();
    sources.push(Source {
        name: "needle.yar".into(),
        bytes: b"rule needle { strings: $a = \"NEEDLE\" condition: $a }".to_vec(),
    });
    let compiled = build(&sources, DefinitionRevision(1), &mut |_| {}).unwrap();
    let sealed = Sealed::from_bytes(&sign(&compiled, &key())).unwrap();
    let config = PoolConfig {
        memory_bytes: MEMORY_BYTES,
        ..config()
    };
    Pool::new(config, sealed, &trusted()).unwrap()
}

/// The most of a process that ever was in memory, in bytes: its own and what it had mapped.
fn most_resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// Scans in a worker, which must not end, and checks what it needed.
fn tried(pool: &Pool, kind: &str, bytes: &[u8], limits: &Limits) -> Verdict {
    let workers = pool.idle_processes();
    assert_eq!(workers.len(), 1);
    let verdict = judged(pool.scan(file(bytes).as_fd(), limits));
    assert_eq!(pool.idle_processes(), workers, "{kind}: the worker lives");
    let most = most_resident(workers[0]);
    println!(
        "{kind}: {} bytes, {} members, {} bytes scanned, at most {} MiB in memory, {:?}",
        bytes.len(),
        verdict.members,
        verdict.scanned_bytes,
        most / MIB,
        hit(&verdict),
    );
    assert!(most < MEMORY_BYTES, "{kind}: {most}");
    assert!(verdict.members <= limits.members, "{kind}: {verdict:?}");
    let all = bytes.len() as u64 + limits.total_bytes;
    assert!(verdict.scanned_bytes <= all, "{kind}: {verdict:?}");
    verdict
}

fn hit(verdict: &Verdict) -> Vec<Limit> {
    let mut hit: Vec<Limit> = verdict.limits.iter().map(|hit| hit.limit).collect();
    hit.sort_unstable();
    hit.dedup();
    hit
}

fn goes_on(pool: &Pool) {
    let verdict = judged(pool.scan(file(b"a NEEDLE in hay").as_fd(), &limits()));
    assert_eq!(verdict.matches.len(), 1, "{verdict:?}");
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn archives_of_archives_end_by_a_limit_on_the_whole() {
    let pool = pool(&[]);
    // As 42.zip: sixteen of each in each other, five levels, 4.5 petabytes of zeros.
    let mut bomb = zipped(&[("0", &vec![0; 4 << 20])]);
    for _ in 0..5 {
        let names: Vec<String> = (0..16).map(|index| format!("{index}.zip")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &*bomb)).collect();
        bomb = zipped(&members);
    }
    let verdict = tried(&pool, "42.zip", &bomb, &limits());
    let whole = [Limit::Members, Limit::TotalSize];
    assert!(hit(&verdict).iter().any(|limit| whole.contains(limit)));
    goes_on(&pool);
}

#[test]
fn files_that_unpack_to_themselves_end_by_depth() {
    let pool = pool(&[]);
    for (kind, quine) in [("zip quine", quine::zip()), ("gzip quine", quine::gzip())] {
        let verdict = tried(&pool, kind, &quine, &limits());
        assert_eq!(hit(&verdict), [Limit::Depth], "{kind}");
        let at = verdict.limits.first().unwrap();
        assert_eq!(at.member.len(), 8, "{kind}: {at:?}");
    }
    goes_on(&pool);
}

#[test]
fn containers_nested_deeper_than_allowed_end_by_depth() {
    let pool = pool(&[]);
    // Packing OLE2 and PDF makes them larger, so that few levels do.
    type Pack = fn(&[u8]) -> Vec<u8>;
    for (kind, levels, pack) in [
        ("zip in zip", 40, (|inner| zipped(&[("a", inner)])) as Pack),
        ("gzip in gzip", 40, gzipped),
        ("OLE2 in OLE2", 9, |inner| ole2::ole2(&[("a", inner)])),
        ("PDF in PDF", 9, |inner| {
            pdf::pdf(&["FlateDecode"], inner, "")
        }),
    ] {
        let mut bytes = b"innermost".to_vec();
        for _ in 0..levels {
            bytes = pack(&bytes);
        }
        let verdict = tried(&pool, kind, &bytes, &limits());
        assert_eq!(hit(&verdict), [Limit::Depth], "{kind}");
    }
    // Nor does the most that may be asked for end the worker's stack.
    let deep = Limits {
        depth: u32::MAX,
        ..limits()
    };
    let mut bytes = b"innermost".to_vec();
    for _ in 0..40 {
        bytes = gzipped(&bytes);
    }
    let verdict = tried(&pool, "as deep as can be", &bytes, &deep);
    assert_eq!(hit(&verdict), [Limit::Depth]);
    goes_on(&pool);
}

/// One packed member that every entry of the directory names (David Fifield, "A better zip bomb",
/// 2019).
fn overlapping(entries: u16, content: &[u8]) -> Vec<u8> {
    let whole = zipped(&[("a", content)]);
    let directory_at = whole
        .windows(4)
        .rposition(|at| at == b"PK\x01\x02")
        .unwrap();
    let end_at = whole
        .windows(4)
        .rposition(|at| at == b"PK\x05\x06")
        .unwrap();
    let entry = &whole[directory_at..end_at];
    let mut end = whole[end_at..].to_vec();
    let length = u32::try_from(entry.len()).unwrap() * u32::from(entries);
    end[8..10].copy_from_slice(&entries.to_le_bytes());
    end[10..12].copy_from_slice(&entries.to_le_bytes());
    end[12..16].copy_from_slice(&length.to_le_bytes());
    [&whole[..directory_at], &entry.repeat(entries.into()), &end].concat()
}

#[test]
fn overlapping_entries_of_a_zip_end_by_a_limit_on_the_whole() {
    let pool = pool(&[]);
    let large = overlapping(400, &vec![0; 15 << 20]);
    let verdict = tried(&pool, "overlapping entries", &large, &limits());
    assert_eq!(hit(&verdict), [Limit::TotalSize]);
    let many = overlapping(5000, b"small");
    let verdict = tried(&pool, "many overlapping entries", &many, &limits());
    assert_eq!(hit(&verdict), [Limit::Members]);
    goes_on(&pool);
}

/// Containers that say they hold, or need, gigabytes.
fn claims() -> Vec<(&'static str, Vec<u8>)> {
    let mut zip = zipped(&[("a", b"content that is short")]);
    let at = zip.windows(4).rposition(|at| at == b"PK\x01\x02").unwrap();
    for field in [20, 24] {
        zip[at + field..at + field + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    }
    let mut tar = vec![0; 1536];
    tar[..1].copy_from_slice(b"a");
    tar[124..136].copy_from_slice(b"77777777777\0");
    tar[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = tar[..512].iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut cpio = b"070701".to_vec();
    for field in 0..13 {
        cpio.extend(match field {
            6 => b"fffffff0",
            11 => b"00000002",
            _ => b"00000001",
        });
    }
    cpio.extend(b"a\0");
    let mut ole2 = ole2::ole2(&[("Big", &vec![b'x'; 9000])]);
    let at = ole2.windows(6).position(|at| at == b"B\0i\0g\0").unwrap();
    ole2[at + 120..at + 124].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    // A dictionary of two gigabytes, and content of four.
    let mut lzma = vec![0x5d];
    lzma.extend((1_u32 << 31).to_le_bytes());
    lzma.extend((1_u64 << 32).to_le_bytes());
    lzma.extend([0; 64]);
    // A window of two terabytes.
    let zstd = [b"\x28\xb5\x2f\xfd\x00\xf8".as_slice(), &[0; 64]].concat();
    vec![
        ("zip", zip),
        ("tar", tar),
        ("cpio", cpio),
        ("OLE2", ole2),
        ("LZMA", lzma),
        ("Zstandard", zstd),
    ]
}

#[test]
fn gigantic_claims_are_not_believed_and_said_to_be_wrong() {
    let pool = pool(&[]);
    for (format, bytes) in claims() {
        let verdict = tried(&pool, &format!("claims of {format}"), &bytes, &limits());
        let said: Vec<Remark> = verdict.remarks.iter().map(|at| at.remark).collect();
        assert!(
            said.contains(&Remark::Malformed) || hit(&verdict) == [Limit::Memory],
            "{format}: {verdict:?}"
        );
        assert!(most_resident(pool.idle_processes()[0]) < 96 * MIB);
    }
    goes_on(&pool);
}

#[test]
fn rings_of_pdf_and_ole2_end() {
    let pool = pool(&[]);
    let mut ring = b"%PDF-1.7\n".to_vec();
    for number in 1..200 {
        let next = number % 199 + 1;
        let head = format!("{number} 0 obj <</Filter {next} 0 R/Length {next} 0 R>>");
        ring.extend(format!("{head}\nstream\nabc\nendstream\nendobj\n").into_bytes());
    }
    tried(&pool, "ring of PDF objects", &ring, &limits());
    let names = "/ASCIIHexDecode ".repeat(5000);
    let many = format!("%PDF-1.7\n1 0 obj <</Filter[{names}]>>\nstream\n41>\nendstream\n");
    let verdict = tried(&pool, "filters of PDF", many.as_bytes(), &limits());
    assert_eq!(hit(&verdict), [Limit::Depth]);

    let plain = ole2::ole2(&[("Big", &vec![b'x'; 9000]), ("Small", b"small")]);
    let directory = plain.windows(6).position(|at| at == b"B\0i\0g\0").unwrap();
    for target in 0u32..24 {
        // Every entry of the table of sectors leads to the same one.
        let mut bytes = plain.clone();
        let table_at = bytes.len() - 512;
        for entry in bytes[table_at..].chunks_exact_mut(4) {
            entry.copy_from_slice(&target.to_le_bytes());
        }
        tried(&pool, "ring of OLE2 sectors", &bytes, &limits());
        // Entries of the directory that are each other's siblings and children.
        let mut bytes = plain.clone();
        for field in [68, 72, 76] {
            let at = directory + field;
            bytes[at..at + 4].copy_from_slice(&(target % 4).to_le_bytes());
        }
        tried(&pool, "ring of OLE2 storages", &bytes, &limits());
    }
    goes_on(&pool);
}

const SLOW: &str = "Test.Slow;Engine:81-255,Target:0;0&1;6d61726b6572;0/(a+)+$/\n";

#[test]
fn an_expression_that_needs_too_many_steps_is_named() {
    let pool = pool(&[("slow.ldb", SLOW)]);
    let slow = format!("marker {}b", "a".repeat(1 << 16));
    let bomb = zipped(&[("clean", b"nothing"), ("slow", slow.as_bytes())]);
    let verdict = tried(&pool, "slow expression", &bomb, &limits());
    let expected = LimitHit {
        limit: Limit::Expression,
        member: vec!["slow".into()],
        rule: Some("Test.Slow".into()),
    };
    assert_eq!(verdict.limits, [expected]);
    goes_on(&pool);
}

/// Each place is done in fewer steps than are allowed, and there are millions of places.
#[test]
fn an_expression_that_is_slow_everywhere_costs_one_file_and_names_the_member() {
    let line = "Test.Everywhere;Engine:81-255,Target:0;0&1;6d61726b6572;0/(a+)(a+)[yz]/\n";
    let pool = pool(&[("everywhere.ldb", line)]);
    let slow = format!("marker {}", format!("{}b", "a".repeat(300)).repeat(20_000));
    let bomb = zipped(&[("clean", b"nothing"), ("slow", slow.as_bytes())]);
    let limits = Limits {
        time: Duration::from_secs(1),
        ..limits()
    };
    let outcome = pool.scan(file(&bomb).as_fd(), &limits);
    let expected = ScanFailure::TimedOut {
        limit_ms: 1000,
        member: vec!["slow".into()],
    };
    assert_eq!(outcome, FileOutcome::Failed { failure: expected });
    goes_on(&pool);
}

#[test]
fn a_rule_that_never_ends_is_stopped_by_the_time() {
    let endless = "rule endless { condition: for all i in (0..filesize * 1000000000000) : \
                   (for all k in (0..filesize * 1000000000000) : (k + i >= 0)) }";
    let pool = pool(&[("endless.yar", endless)]);
    let limits = Limits {
        time: Duration::from_secs(1),
        ..limits()
    };
    let verdict = tried(&pool, "endless condition", b"anything", &limits);
    assert_eq!(hit(&verdict), [Limit::Time]);
}

#[test]
fn a_member_larger_than_a_workers_memory_is_a_limit_at_that_member() {
    let config = PoolConfig {
        memory_bytes: 96 * MIB,
        ..config()
    };
    let pool = Pool::new(config, definitions(1), &trusted()).unwrap();
    let worker = pool.idle_processes();
    // Limits that promise more than the worker has.
    let generous = Limits {
        memory_bytes: 1 << 30,
        member_bytes: 1 << 30,
        ratio: u64::MAX,
        ..setup::limits()
    };
    let bomb = zipped(&[("small", b"nothing"), ("large", &vec![0; 200 << 20])]);
    let verdict = judged(pool.scan(file(&bomb).as_fd(), &generous));
    let expected = LimitHit {
        limit: Limit::Memory,
        member: vec!["large".into()],
        rule: None,
    };
    assert_eq!(verdict.limits, [expected]);
    assert_eq!(pool.idle_processes(), worker, "the worker lives");
    assert!(most_resident(worker[0]) < 128 * MIB);
}

#[test]
fn a_worker_that_eats_memory_inside_a_container_costs_one_file_and_names_the_member() {
    let pool = pool(&[]);
    let inner = zipped(&[("before", b"nothing"), ("memory-here", b"x")]);
    let outer = zipped(&[("inner.zip", &inner), ("after", b"nothing")]);
    let outcome = pool.scan(file(&outer).as_fd(), &limits());
    let expected = ScanFailure::OutOfMemory {
        member: vec!["inner.zip".into(), "memory-here".into()],
    };
    assert_eq!(outcome, FileOutcome::Failed { failure: expected });
    goes_on(&pool);
}
