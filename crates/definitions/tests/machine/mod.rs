//! The files of this machine and of packages, for the tests over clean files: which they are, and how all of
//! them are scanned.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::Verdict;
use scan::{Definitions, Input, Limits, Scanner, Watch};

/// Folders in which files come and go, or whose content is no file's.
const LEFT_OUT: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp"];

struct Clock(Instant);

impl Watch for Clock {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }

    fn opening(&mut self, _: &[String]) {}
}

/// Whether this is the long proof.
pub(crate) fn in_full() -> bool {
    std::env::var_os("GARRISON_SOAK").is_some()
}

/// Where packages put files, and nobody else.
pub(crate) fn of_packages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/etc"] {
        below(Path::new(folder), &[], &mut found);
    }
    found.sort();
    assert!(!found.is_empty(), "no files below /usr and /etc");
    found
}

/// Every file of the root file system but those of this checkout, in [`LEFT_OUT`] and below the
/// folders that GARRISON_CLEAN_WITHOUT lists, divided by colons.
pub(crate) fn everything() -> Vec<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut left_out: Vec<PathBuf> = LEFT_OUT.map(PathBuf::from).into();
    left_out.extend(checkout.canonicalize().ok());
    let more = std::env::var("GARRISON_CLEAN_WITHOUT").unwrap_or_default();
    left_out.extend(std::env::split_paths(&more));
    let mut found = Vec::new();
    below(Path::new("/"), &left_out, &mut found);
    found
}

/// The packages in the folder that GARRISON_SOAK_FOLDER names.
pub(crate) fn packages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(folder) = std::env::var_os("GARRISON_SOAK_FOLDER") {
        below(Path::new(&folder), &[], &mut found);
    }
    found
}

/// All files below a folder on its own file system.
fn below(folder: &Path, left_out: &[PathBuf], found: &mut Vec<PathBuf>) {
    let Ok(device) = fs::symlink_metadata(folder).map(|folder| folder.dev()) else {
        return;
    };
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() && metadata.dev() == device && !left_out.contains(&path) {
                folders.push(path);
            } else if metadata.is_file() && metadata.len() > 0 {
                found.push(path);
            }
        }
    }
}

/// Scans files on all cores, and adds each verdict to what there is. Files that are gone or can't be
/// read are passed over.
pub(crate) fn scan_all<T: Default + Send>(
    definitions: &Definitions,
    paths: &[PathBuf],
    add: impl Fn(&mut T, &Path, Verdict) + Sync,
) -> T {
    let limits = Limits::default();
    let next = AtomicUsize::new(0);
    let scanned = Mutex::new(T::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut scanner = Scanner::new(definitions);
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut bytes = Vec::new();
                    let read = fs::File::open(path)
                        .and_then(|file| file.take(limits.file_bytes).read_to_end(&mut bytes));
                    if read.is_err() {
                        continue;
                    }
                    let mut clock = Clock(Instant::now());
                    let verdict = scanner.scan(Input::whole(&bytes), &limits, &mut clock);
                    add(&mut scanned.lock().unwrap(), path, verdict);
                }
            });
        }
    });
    scanned.into_inner().unwrap()
}

/// Prints numbers, and adds them to docs/soak.md in the long proof.
pub(crate) fn count(counts: &[(&str, u64)]) {
    let text: String = counts
        .iter()
        .map(|(what, number)| format!("{what}: {number}\n"))
        .collect();
    println!("{text}");
    if let Some(log) = std::env::var_os("GARRISON_SOAK_LOG") {
        fs::write(log, text).unwrap();
    }
}
