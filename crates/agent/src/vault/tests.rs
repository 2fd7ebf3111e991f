use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model::CommandId;
use rustix::fs::XattrFlags;

use super::*;

const CONTENT: &[u8] = b"content that was found to be bad";
const BUDGET: u64 = 1 << 20;
/// The crash tests run this very test program again, as the child named by this variable.
const CHILD: &str = "GARRISON_TEST_VAULT_FOLDER";

struct Bench {
    folder: tempfile::TempDir,
    told: Arc<Mutex<Vec<Remediation>>>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            told: Arc::default(),
        };
        fs::create_dir(bench.root().join("place")).unwrap();
        fs::write(bench.original(), CONTENT).unwrap();
        bench
    }

    fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    fn original(&self) -> PathBuf {
        self.root().join("place/file")
    }

    fn open(&self) -> Vault {
        open(&self.root().join("vault"), Arc::clone(&self.told))
    }

    fn told(&self) -> Vec<Remediation> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

fn open(folder: &Path, told: Arc<Mutex<Vec<Remediation>>>) -> Vault {
    let recorder: Recorder = Box::new(move |body| {
        let EventBody::FileRemediation { remediation, .. } = body else {
            panic!("the vault tells of nothing else");
        };
        told.lock().unwrap().push(remediation);
    });
    Vault::open(folder, BUDGET, recorder).unwrap()
}

fn take(vault: &Vault, path: &Path) -> Result<QuarantineItem, VaultError> {
    take_expecting(vault, path, None)
}

fn take_expecting(
    vault: &Vault,
    path: &Path,
    expected: Option<Sha256>,
) -> Result<QuarantineItem, VaultError> {
    let file = File::open(path).unwrap();
    vault.take(&Take {
        file: file.as_fd(),
        expected,
        rules: vec!["Garrison.Test".into()],
        initiator: someone(),
        now: Timestamp::from_millis(1_763_733_780_123),
    })
}

fn someone() -> Initiator {
    Initiator::Manager {
        command: CommandId::from_uuid(uuid::Uuid::nil()),
    }
}

#[test]
fn a_file_goes_and_comes_back_as_it_was() {
    let bench = Bench::new();
    let path = bench.original();
    let attribute = "user.garrison";
    let has_attributes = rustix::fs::setxattr(&path, attribute, b"\0value", XattrFlags::empty());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
    }
    fs::set_permissions(&path, Permissions::from_mode(0o4751)).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then))
        .unwrap();
    drop(file);
    let before = fs::metadata(&path).unwrap();

    let vault = bench.open();
    let item = take(&vault, &path).unwrap();
    assert!(!path.exists());
    assert_eq!(item.path, EndpointPath::from_path(&path));
    assert_eq!(item.owner_uid, before.uid());
    assert_eq!(bench.told(), [Remediation::Quarantined]);
    drop(vault);

    let vault = bench.open();
    assert_eq!(bench.told(), []);
    assert_eq!(vault.list().unwrap(), std::slice::from_ref(&item));
    let restored = vault.restore(item.id, &someone()).unwrap();
    assert_eq!(restored.missing, Vec::<String>::new());
    let after = fs::metadata(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert_eq!(after.mode(), before.mode());
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    assert_eq!(
        (after.mtime(), after.mtime_nsec()),
        (before.mtime(), before.mtime_nsec())
    );
    assert_eq!(before.mtime_nsec(), 123_456_789);
    if has_attributes.is_ok() {
        let mut value = [0; 16];
        let length = rustix::fs::getxattr(&path, attribute, &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"\0value");
    }
    assert_eq!(bench.told(), [Remediation::Restored]);
    assert_eq!(vault.count(), 0);
    assert!(matches!(
        vault.restore(item.id, &someone()),
        Err(VaultError::Unknown { .. })
    ));
}

#[test]
fn others_can_not_enter_and_nothing_there_can_be_run() {
    let bench = Bench::new();
    fs::set_permissions(bench.original(), Permissions::from_mode(0o755)).unwrap();
    let vault = bench.open();
    take(&vault, &bench.original()).unwrap();
    let folder = bench.root().join("vault");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o133, 0, "{path:?}");
        let raw = fs::read(&path).unwrap();
        assert!(!raw.windows(10).any(|bytes| bytes == &CONTENT[..10]));
    }
}

#[test]
fn changed_content_is_left_alone() {
    let bench = Bench::new();
    let vault = bench.open();
    let outcome = take_expecting(&vault, &bench.original(), Some(Sha256([7; 32])));
    assert!(matches!(outcome, Err(VaultError::Changed { .. })));
    assert_eq!(fs::read(bench.original()).unwrap(), CONTENT);
    assert_eq!(vault.count(), 0);
    assert_eq!(
        fs::read_dir(bench.root().join("vault")).unwrap().count(),
        1,
        "the key alone"
    );
}

#[test]
fn a_file_that_was_exchanged_is_left_alone() {
    let bench = Bench::new();
    let vault = bench.open();
    let path = bench.original();
    let file = File::open(&path).unwrap();
    fs::rename(&path, bench.root().join("elsewhere")).unwrap();
    fs::write(&path, "another").unwrap();
    // The kernel knows where the file went: that one is taken, and not the one at the old name.
    let take = Take {
        file: file.as_fd(),
        expected: None,
        rules: Vec::new(),
        initiator: someone(),
        now: Timestamp::EPOCH,
    };
    let item = vault.take(&take).unwrap();
    assert_eq!(item.path.to_path(), bench.root().join("elsewhere"));
    assert_eq!(fs::read(&path).unwrap(), b"another");
    // One without a name is none.
    let file = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let gone = vault.take(&Take {
        file: file.as_fd(),
        ..take
    });
    assert!(matches!(gone, Err(VaultError::NotAFile { .. })));
}

#[test]
fn a_full_vault_refuses_and_the_file_stays() {
    let bench = Bench::new();
    let vault = bench.open();
    let large = bench.root().join("large");
    fs::write(&large, vec![0; 600_000]).unwrap();
    take(&vault, &large).unwrap();
    fs::write(&large, vec![0; 600_000]).unwrap();
    let error = take(&vault, &large).unwrap_err();
    assert!(matches!(error, VaultError::Full { .. }));
    assert!(error.to_string().contains("quarantine_bytes"), "{error}");
    assert!(large.exists());
    vault.set_budget(2 << 20);
    take(&vault, &large).unwrap();
}

#[test]
fn a_restore_never_overwrites_and_never_follows_a_link() {
    let bench = Bench::new();
    let vault = bench.open();
    let path = bench.original();
    let item = take(&vault, &path).unwrap();
    fs::write(&path, "new").unwrap();
    assert!(matches!(
        vault.restore(item.id, &someone()),
        Err(VaultError::Taken { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), b"new");

    let place = bench.root().join("place");
    fs::remove_dir_all(&place).unwrap();
    fs::create_dir(bench.root().join("trap")).unwrap();
    std::os::unix::fs::symlink(bench.root().join("trap"), &place).unwrap();
    assert!(matches!(
        vault.restore(item.id, &someone()),
        Err(VaultError::NoFolder { .. })
    ));
    assert_eq!(fs::read_dir(bench.root().join("trap")).unwrap().count(), 0);

    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    vault.restore(item.id, &someone()).unwrap();
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
}

#[test]
fn a_damaged_copy_is_not_restored() {
    let bench = Bench::new();
    let vault = bench.open();
    let item = take(&vault, &bench.original()).unwrap();
    let sealed = bench.root().join(format!("vault/{}.sealed", item.id));
    let mut raw = fs::read(&sealed).unwrap();
    raw[20] ^= 1;
    fs::remove_file(&sealed).unwrap();
    fs::write(&sealed, raw).unwrap();
    assert!(matches!(
        vault.restore(item.id, &someone()),
        Err(VaultError::Damaged { .. })
    ));
    assert_eq!(fs::read_dir(bench.root().join("place")).unwrap().count(), 0);
    vault.delete(item.id, &someone()).unwrap();
    assert_eq!(
        bench.told(),
        [Remediation::Quarantined, Remediation::Deleted]
    );
    assert_eq!(vault.count(), 0);
}

#[test]
fn a_crash_at_any_point_loses_nothing_and_is_ended_at_the_next_start() {
    const TEST: &str =
        "vault::tests::a_crash_at_any_point_loses_nothing_and_is_ended_at_the_next_start";
    if let Ok(root) = std::env::var(CHILD) {
        let root = PathBuf::from(root);
        let vault = open(&root.join("vault"), Arc::default());
        let id = match vault.list().unwrap().first() {
            Some(item) => item.id,
            None => take(&vault, &root.join("place/file")).unwrap().id,
        };
        let wanted = std::env::var("GARRISON_TEST_VAULT_CRASH").unwrap();
        if wanted == "deleting" {
            vault.delete(id, &someone()).unwrap();
        } else {
            vault.restore(id, &someone()).unwrap();
        }
        unreachable!("the child should have crashed");
    }
    use Remediation::{Deleted, Quarantined, Restored};
    let cases: [(&str, bool, bool, &[Remediation]); 5] = [
        // point, original there afterwards, item there afterwards, what is told at the next start
        ("copied", false, true, &[Quarantined]),
        ("removed", false, true, &[Quarantined]),
        ("written-back", false, true, &[]),
        ("restored", true, false, &[Restored]),
        ("deleting", false, false, &[Deleted]),
    ];
    for (point, original, item, told) in cases {
        let bench = Bench::new();
        if ["written-back", "restored", "deleting"].contains(&point) {
            take(&bench.open(), &bench.original()).unwrap();
            bench.told();
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(CHILD, bench.root())
            .env("GARRISON_TEST_VAULT_CRASH", point)
            .output()
            .unwrap();
        use std::os::unix::process::ExitStatusExt as _;
        assert_eq!(child.status.signal(), Some(6), "{point}: {child:?}");
        let held = bench.original().exists()
            || fs::read_dir(bench.root().join("vault")).unwrap().count() > 2;
        assert!(held, "{point}: neither original nor item");
        let vault = bench.open();
        assert_eq!(bench.original().exists(), original, "{point}");
        assert_eq!(vault.count(), u64::from(item), "{point}");
        assert_eq!(bench.told(), told, "{point}");
        let left = fs::read_dir(bench.root().join("place")).unwrap().count();
        assert_eq!(left, usize::from(original), "{point}: no draft is left");
        for kept in vault.list().unwrap() {
            vault.restore(kept.id, &someone()).unwrap();
            assert_eq!(fs::read(bench.original()).unwrap(), CONTENT);
        }
    }
}
