//! Files of this machine and packages of its distribution, with other people's signatures: whatever
//! is reported of them, clamscan reports too, and of a random part of them nothing is missed that it
//! reports. A few here; in the long proof (GARRISON_SOAK) every file of the root file system, and
//! the packages in the folder that GARRISON_SOAK_FOLDER names. GARRISON_CLEAN_WITHOUT lists folders
//! to leave out, divided by colons. YARA rules are not among the signatures: those of the corpus hit
//! clean files by design.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::machine;
use crate::parity::corpus;
use crate::setup::open;
use definitions::load;
use model::Limit;

/// Files, and those that clamscan is asked of for the other direction, when there is little time.
const SHORT: (usize, usize) = (300, 40);
/// In a short round one of so many signatures is used.
const THIN: usize = 20;
/// Files that clamscan is asked of in the long proof.
const ASKED: usize = 6_000;
type Names = BTreeSet<String>;

/// Numbers that are the same for the same seed (SplitMix64: Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % most as u64).unwrap()
    }

    fn choose(&mut self, mut paths: Vec<PathBuf>, count: usize) -> Vec<PathBuf> {
        let count = count.min(paths.len());
        for place in 0..count {
            let other = place + self.below(paths.len() - place);
            paths.swap(place, other);
        }
        paths.truncate(count);
        paths
    }
}

#[derive(Default)]
struct Scanned {
    files: u64,
    bytes: u64,
    members: u64,
    found: BTreeMap<PathBuf, Names>,
    limits: BTreeMap<Limit, Vec<String>>,
}

impl Scanned {
    fn add(&mut self, path: &Path, verdict: model::Verdict) {
        self.files += 1;
        self.bytes += verdict.scanned_bytes;
        self.members += verdict.members;
        for hit in verdict.limits {
            let rule = hit.rule.unwrap_or_default();
            let line = format!("{} {} {rule}", path.display(), hit.member.join(" > "));
            self.limits.entry(hit.limit).or_default().push(line);
        }
        let names: Names = verdict
            .matches
            .into_iter()
            .map(|found| found.rule)
            .collect();
        if !names.is_empty() {
            self.found.insert(path.to_owned(), names);
        }
    }
}

/// What clamscan finds in these files.
fn clamscan(signatures: &Path, paths: &[PathBuf]) -> BTreeMap<PathBuf, Names> {
    let mut found: BTreeMap<PathBuf, Names> = BTreeMap::new();
    if paths.is_empty() {
        return found;
    }
    let list = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<&str> = paths.iter().filter_map(|path| path.to_str()).collect();
    fs::write(list.path(), lines.join("\n")).unwrap();
    let output = Command::new(corpus::CLAMSCAN)
        .arg(format!("--database={}", signatures.display()))
        .arg(format!("--file-list={}", list.path().display()))
        .args(["--allmatch", "--no-summary", "--infected", "--stdout"])
        .args([
            "--max-filesize=400M",
            "--max-scansize=2000M",
            "--max-scantime=0",
        ])
        .args(["--max-files=40000", "--max-recursion=20"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code();
    // 2: a file could not be read, or is gone.
    assert!(matches!(code, Some(0..=2)), "clamscan: {}", output.status);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let parts = line.rsplit_once(": ");
        let parts = parts.and_then(|(path, rest)| Some((path, rest.strip_suffix(" FOUND")?)));
        if let Some((path, name)) = parts {
            let name = name.strip_suffix(".UNOFFICIAL").unwrap_or(name);
            // Container members stand behind the path.
            let path = path.split_once("!").map_or(path, |(path, _)| path);
            found.entry(path.into()).or_default().insert(name.into());
        }
    }
    found
}

/// Leaves one of so many signatures: compiling all of them takes too long for a short round.
fn thin(signatures: &Path) {
    for entry in fs::read_dir(signatures).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        fs::write(&path, lines.step_by(THIN).collect::<Vec<_>>().concat()).unwrap();
    }
}

#[test]
fn nothing_is_found_in_clean_files_that_clamscan_does_not_find() {
    let in_full = machine::in_full();
    let test = "nothing_is_found_in_clean_files_that_clamscan_does_not_find";
    let Some(signatures) = corpus::signatures(test) else {
        return;
    };
    let seed = std::process::id().into();
    println!("seed {seed}");
    let mut random = Random(seed);
    let (paths, packages) = if in_full {
        (machine::everything(), machine::packages())
    } else {
        (random.choose(machine::of_packages(), SHORT.0), Vec::new())
    };
    if !in_full {
        thin(signatures.path());
    }
    let definitions = open(&load(&[signatures.path().to_path_buf()]).unwrap());
    let all: Vec<PathBuf> = paths.iter().chain(&packages).cloned().collect();
    let scanned = machine::scan_all(&definitions, &all, Scanned::add);
    for (limit, lines) in &scanned.limits {
        println!("limit {}: {} times", limit.name(), lines.len());
        lines.iter().take(12).for_each(|line| println!("  {line}"));
    }

    // Each file of which something is reported is asked of clamscan, and some of the others.
    let suspects: Vec<PathBuf> = scanned.found.keys().cloned().collect();
    let theirs = clamscan(signatures.path(), &suspects);
    let nothing = Names::new();
    let mut wrong = Vec::new();
    for (path, names) in &scanned.found {
        let theirs = theirs.get(path).unwrap_or(&nothing);
        println!(
            "found in {}: {names:?}; by clamscan {theirs:?}",
            path.display()
        );
        wrong.extend(
            names
                .difference(theirs)
                .map(|name| format!("{} {name}", path.display())),
        );
    }
    let asked = random.choose(all, if in_full { ASKED } else { SHORT.1 });
    let mut missed = Vec::new();
    for (path, names) in clamscan(signatures.path(), &asked) {
        let own = scanned.found.get(&path).unwrap_or(&nothing);
        missed.extend(
            names
                .difference(own)
                .map(|name| format!("{} {name}", path.display())),
        );
    }
    machine::count(&[
        ("files", scanned.files),
        ("packages", packages.len() as u64),
        ("bytes", scanned.bytes),
        ("members", scanned.members),
        ("files with a detection", scanned.found.len() as u64),
        ("not by clamscan", wrong.len() as u64),
        ("asked of clamscan", asked.len() as u64),
        ("missed", missed.len() as u64),
    ]);
    assert!(wrong.is_empty(), "not found by clamscan: {wrong:#?}");
    assert!(missed.is_empty(), "found by clamscan alone: {missed:#?}");
}
