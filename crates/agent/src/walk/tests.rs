use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode};

use super::*;

fn walk(paths: &[&Path], omit: Omit) -> BTreeMap<PathBuf, &'static str> {
    let walk = Walk::new(paths.iter().map(|path| (*path).to_owned()).collect(), omit);
    walk.map(|found| match found {
        Found::File(file) => (file.path, "file"),
        Found::Passed(report) => {
            let word = match report.outcome {
                FileOutcome::Skipped { reason } => match reason {
                    SkipReason::Fifo => "fifo",
                    SkipReason::Socket => "socket",
                    SkipReason::CharacterDevice => "device",
                    SkipReason::BlockDevice => "block",
                    SkipReason::PseudoFileSystem => "pseudo",
                    SkipReason::SymbolicLink => "link",
                    SkipReason::Excluded => "excluded",
                    SkipReason::AlreadySeen => "seen",
                    SkipReason::OwnData => "own",
                },
                FileOutcome::Failed { .. } => "failed",
                FileOutcome::Judged { .. } => "judged",
            };
            (report.path.to_path(), word)
        }
    })
    .collect()
}

fn tree() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(folder.path()).unwrap();
    (folder, root)
}

#[test]
fn special_files_and_links_are_passed_over_and_counted() {
    let (_folder, root) = tree();
    fs::create_dir(root.join("sub")).unwrap();
    fs::write(root.join("sub/plain"), "x").unwrap();
    rustix::fs::mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    symlink(&root, root.join("sub/loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let found = walk(&[&root], Omit::default());
    assert_eq!(found[&root.join("sub/plain")], "file");
    assert_eq!(found[&root.join("fifo")], "fifo");
    assert_eq!(found[&root.join("socket")], "socket");
    assert_eq!(found[&root.join("sub/loop")], "link");
    assert_eq!(found[&root.join("dangling")], "link");
    assert_eq!(found.len(), 5);
}

#[test]
fn a_named_link_is_followed_and_a_named_fifo_is_not_opened() {
    let (_folder, root) = tree();
    fs::write(root.join("plain"), "x").unwrap();
    symlink("plain", root.join("link")).unwrap();
    rustix::fs::mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::from(0o600), 0).unwrap();
    let found = walk(
        &[&root.join("link"), &root.join("fifo"), &root.join("none")],
        Omit::default(),
    );
    assert_eq!(found[&root.join("plain")], "file");
    assert_eq!(found[&root.join("fifo")], "fifo");
    assert_eq!(found[&root.join("none")], "failed");
}

#[test]
fn kernel_made_file_systems_and_devices_are_passed_over() {
    let found = walk(
        &[
            Path::new("/proc"),
            Path::new("/sys"),
            Path::new("/dev/null"),
        ],
        Omit::default(),
    );
    assert_eq!(found[Path::new("/proc")], "pseudo");
    assert_eq!(found[Path::new("/sys")], "pseudo");
    assert_eq!(found[Path::new("/dev/null")], "device");
    let file = walk(&[Path::new("/proc/version")], Omit::default());
    assert_eq!(file[Path::new("/proc/version")], "pseudo");
}

#[test]
fn a_file_with_two_names_is_scanned_once() {
    let (_folder, root) = tree();
    fs::write(root.join("a"), "x").unwrap();
    fs::hard_link(root.join("a"), root.join("b")).unwrap();
    let found = walk(&[&root, &root.join("a"), &root], Omit::default());
    let words: Vec<&str> = found.values().copied().collect();
    assert!(words.contains(&"seen"), "{found:?}");
    let files = Walk::new(vec![root.clone(), root], Omit::default())
        .filter(|found| matches!(found, Found::File(_)))
        .count();
    assert_eq!(files, 1);
}

#[test]
fn exclusions_hold_for_whole_components_and_own_data_is_left_alone() {
    let (_folder, root) = tree();
    for name in ["vault", "skip", "skipped"] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("f"), "x").unwrap();
    }
    let omit = Omit {
        excluded: vec![root.join("skip")],
        own: vec![own_key(&root.join("vault")).unwrap()],
    };
    let found = walk(&[&root], omit.clone());
    assert_eq!(found[&root.join("skip")], "excluded");
    assert_eq!(found[&root.join("vault")], "own");
    assert_eq!(found[&root.join("skipped/f")], "file");
    assert_eq!(found.len(), 3);
    assert_eq!(
        walk(&[&root.join("skip/f")], omit)[&root.join("skip/f")],
        "excluded"
    );
}

#[test]
fn names_of_any_bytes_and_sparse_files_are_found() {
    let (_folder, root) = tree();
    let name = root.join(OsStr::from_bytes(b"caf\xe9\n\x01"));
    fs::write(&name, "x").unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    let grown = sparse.set_len(1 << 40);
    let mut sizes = BTreeMap::new();
    for found in Walk::new(vec![root.clone()], Omit::default()) {
        if let Found::File(file) = found {
            sizes.insert(file.path, file.size);
        }
    }
    assert_eq!(sizes[&name], 1);
    if grown.is_ok() {
        assert_eq!(sizes[&root.join("sparse")], 1 << 40);
    }
}

#[test]
fn deep_trees_end_at_a_reported_limit() {
    let (_folder, root) = tree();
    // Made step by step: the whole path is longer than the system takes at once.
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
    let mut at = rustix::fs::openat(CWD, &root, flags, Mode::empty()).unwrap();
    for _ in 0..MAX_DEPTH + 20 {
        rustix::fs::mkdirat(&at, "deeper-and-deeper", Mode::from(0o700)).unwrap();
        at = rustix::fs::openat(&at, "deeper-and-deeper", flags, Mode::empty()).unwrap();
    }
    let found = walk(&[&root], Omit::default());
    assert_eq!(found.len(), 1);
    assert_eq!(found.values().next(), Some(&"failed"));
}

#[test]
fn what_can_not_be_read_is_reported() {
    let (_folder, root) = tree();
    if rustix::process::geteuid().is_root() {
        skip::skip("what_can_not_be_read_is_reported", "root reads everything");
        return;
    }
    fs::write(root.join("secret"), "x").unwrap();
    fs::create_dir(root.join("closed")).unwrap();
    fs::set_permissions(root.join("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let found = walk(&[&root], Omit::default());
    assert_eq!(found[&root.join("secret")], "failed");
    assert_eq!(found[&root.join("closed")], "failed");
    fs::set_permissions(root.join("closed"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn an_access_time_is_left_alone() {
    let (_folder, root) = tree();
    fs::write(root.join("f"), "x").unwrap();
    let before = fs::metadata(root.join("f")).unwrap().accessed().unwrap();
    for found in Walk::new(vec![root.clone()], Omit::default()) {
        if let Found::File(file) = found {
            let mut content = [0_u8; 1];
            rustix::io::read(&file.file, &mut content).unwrap();
        }
    }
    assert_eq!(
        fs::metadata(root.join("f")).unwrap().accessed().unwrap(),
        before
    );
}
