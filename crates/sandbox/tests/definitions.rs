//! Where a pool's definitions lie, and what happens when they are not what was signed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

mod setup;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use definitions::Source;
use model::verdict::Remark;
use model::{DefinitionRevision, Verdict};
use sandbox::{Pool, PoolConfig, PoolError, Sealed, Verify};
use scan::WholeError;
use scan::layout::{PAGE_BYTES, SECTION_BYTES, SECTION_TABLE, SectionKind};
use setup::{config, judged, key, scan, trusted};

const CONTENT: &[u8] = b"content";
const LIMIT: u64 = 1 << 30;

/// Definitions that find [`CONTENT`] by its hash.
fn compiled(revision: u64) -> Vec<u8> {
    let source = Source {
        name: "list.hdb".into(),
        bytes: format!("9a0364b9e99bb480dd25e1f0284c8555:7:Test.Content.{revision}\n").into_bytes(),
    };
    let compiled =
        definitions::build(&[source], DefinitionRevision(revision), &mut |_| {}).unwrap();
    definitions::sign(&compiled, &key())
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> Sealed {
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(mode)).unwrap();
    fs::rename(&draft, path).unwrap();
    Sealed::from_file(File::open(path).unwrap().into(), LIMIT).unwrap()
}

/// Changes a byte where records of the table of MD5 hashes are looked up.
fn damage(bytes: &mut [u8]) {
    let row = bytes[SECTION_TABLE..PAGE_BYTES]
        .chunks_exact(SECTION_BYTES)
        .find(|row| row[..4] == SectionKind::Md5.number().to_le_bytes())
        .unwrap();
    let offset = u64::from_le_bytes(row[8..16].try_into().unwrap());
    bytes[usize::try_from(offset).unwrap() + PAGE_BYTES + 9] ^= 1;
}

fn rules(verdict: &Verdict) -> Vec<&str> {
    let rules = verdict.matches.iter().map(|found| found.rule.as_str());
    rules.collect()
}

/// What a process has mapped; a worker's own user may not know.
fn maps(process: u32) -> Option<String> {
    match fs::read_to_string(format!("/proc/{process}/maps")) {
        Ok(maps) => Some(maps),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn definitions_that_only_their_user_may_write_are_used_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.gdef");
    for (mode, in_place) in [(0o600, true), (0o622, false)] {
        let sealed = put(&path, &compiled(1), mode);
        assert_eq!(sealed.is_in_place(), in_place);
        let pool = Pool::new(config(), sealed, &trusted()).unwrap();
        assert_eq!(rules(&judged(scan(&pool, CONTENT))), ["Test.Content.1"]);
        let Some(maps) = maps(pool.idle_processes()[0]) else {
            return skip::skip(
                "definitions_that_only_their_user_may_write_are_used_where_they_lie",
                "only root may read what a worker has mapped",
            );
        };
        assert_eq!(maps.contains("own.gdef"), in_place);
        assert_eq!(maps.contains("memfd:garrison-definitions"), !in_place);
    }
}

#[test]
fn a_file_that_was_replaced_is_used_on_until_the_new_one_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.gdef");
    let pool = Pool::new(config(), put(&path, &compiled(1), 0o600), &trusted()).unwrap();
    let new = put(&path, &compiled(2), 0o600);
    assert_eq!(rules(&judged(scan(&pool, CONTENT))), ["Test.Content.1"]);
    assert_eq!(pool.reload(new, &trusted()).unwrap().0, 2);
    assert_eq!(rules(&judged(scan(&pool, CONTENT))), ["Test.Content.2"]);
}

#[test]
fn a_damaged_page_is_not_used_and_every_verdict_that_wants_it_says_so() {
    let mut bytes = compiled(1);
    damage(&mut bytes);
    let pool = Pool::new(config(), Sealed::from_bytes(&bytes).unwrap(), &trusted()).unwrap();
    for _ in 0..2 {
        let verdict = judged(scan(&pool, CONTENT));
        assert!(rules(&verdict).is_empty());
        assert!(!verdict.is_whole());
        let remarks: Vec<Remark> = verdict.remarks.iter().map(|at| at.remark).collect();
        assert_eq!(remarks, [Remark::DefinitionsDamaged]);
    }
}

#[test]
fn damaged_definitions_are_refused_when_every_page_is_checked_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.gdef");
    let every_page = || PoolConfig {
        verify: Verify::EveryPage,
        ..config()
    };
    let pool = Pool::new(every_page(), put(&path, &compiled(1), 0o600), &trusted()).unwrap();
    let mut bytes = compiled(2);
    damage(&mut bytes);
    let damaged = put(&path, &bytes, 0o600);
    let refused = pool.reload(damaged.try_clone().unwrap(), &trusted());
    assert!(matches!(
        refused,
        Err(PoolError::Whole(WholeError::Definitions(
            scan::DefinitionsError::PageAltered { .. }
        )))
    ));
    assert_eq!(rules(&judged(scan(&pool, CONTENT))), ["Test.Content.1"]);
    assert!(Pool::new(every_page(), damaged, &trusted()).is_err());
}
