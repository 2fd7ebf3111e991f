//! clamscan over a folder of files, and this scanner over the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use definitions::body::Signature;
use scan::Target;

use super::corpus::CLAMSCAN;
use super::make::Made;
use crate::setup::{open, scan};

/// What came of a comparison.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) made: u64,
    pub(crate) judge: u64,
    pub(crate) own: u64,
    pub(crate) variants: u64,
    /// Found here alone in HTML or text: clamscan looks at its own normalised forms only.
    pub(crate) forms: u64,
    pub(crate) differences: Vec<String>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.made += other.made;
        self.judge += other.judge;
        self.own += other.own;
        self.variants += other.variants;
        self.forms += other.forms;
        self.differences.extend(other.differences);
    }
}

type Names = BTreeSet<String>;

/// Compares all names that both find in each file with the signatures of the batch.
pub(crate) fn compare(
    batch: &[(&'static str, String, Signature)],
    files: &[(usize, Made)],
) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let signatures = folder.path().join("signatures");
    let scanned = folder.path().join("files");
    std::fs::create_dir(&signatures).unwrap();
    std::fs::create_dir(&scanned).unwrap();
    let mut sources = Vec::new();
    for kind in ["ldb", "ndb"] {
        let lines: Vec<u8> = batch
            .iter()
            .filter(|(have, ..)| *have == kind)
            .flat_map(|(_, line, _)| line_bytes(line))
            .collect();
        if lines.is_empty() {
            continue;
        }
        let name = format!("batch.{kind}");
        std::fs::write(signatures.join(&name), &lines).unwrap();
        sources.push(definitions::Source { name, bytes: lines });
    }
    for (index, made) in files {
        for (side, bytes) in [("good", &made.good), ("variant", &made.variant)] {
            std::fs::write(scanned.join(format!("{index}.{side}")), bytes).unwrap();
        }
    }
    let judged = clamscan(&signatures, &scanned);
    let definitions = open(&sources);
    let mut outcome = Outcome::default();
    for (index, made) in files {
        let (_, line, signature) = &batch[*index];
        for (side, bytes) in [("good", &made.good), ("variant", &made.variant)] {
            let own: Names = scan(&definitions, bytes)
                .matches
                .into_iter()
                .map(|found| found.rule)
                .collect();
            let theirs = judged
                .get(&format!("{index}.{side}"))
                .cloned()
                .unwrap_or_default();
            if side == "good" {
                outcome.made += 1;
                outcome.judge += u64::from(theirs.contains(&signature.name));
                outcome.own += u64::from(own.contains(&signature.name));
            } else if own.contains(&signature.name) || theirs.contains(&signature.name) {
                outcome.variants += 1;
            }
            let form = Target::Html.number();
            if signature.target == form && own.is_superset(&theirs) {
                outcome.forms += u64::from(own != theirs);
            } else if own != theirs {
                keep(bytes, &signature.name, side);
                outcome.differences.push(format!(
                    "{side} of {line:.300}: only clamscan {:?}, only here {:?}",
                    theirs.difference(&own).collect::<Vec<_>>(),
                    own.difference(&theirs).collect::<Vec<_>>()
                ));
            }
        }
    }
    outcome
}

/// Keeps a file that is judged differently, where a folder for that is named.
fn keep(bytes: &[u8], name: &str, side: &str) {
    if let Some(folder) = std::env::var_os("GARRISON_PARITY_KEEP") {
        let path = Path::new(&folder).join(format!("{name}.{side}"));
        std::fs::File::create(path)
            .unwrap()
            .write_all(bytes)
            .unwrap();
    }
}

fn line_bytes(line: &str) -> Vec<u8> {
    // One character stands for one byte.
    line.chars()
        .map(|character| u8::try_from(u32::from(character)).unwrap())
        .chain([b'\n'])
        .collect()
}

fn clamscan(signatures: &Path, files: &Path) -> BTreeMap<String, Names> {
    let output = Command::new(CLAMSCAN)
        .arg(format!("--database={}", signatures.display()))
        .args(["--allmatch", "--no-summary", "--infected", "--recursive"])
        .args(["--max-filesize=100M", "--max-scansize=400M"])
        .arg(files)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "clamscan ended with {}",
        output.status
    );
    let mut found: BTreeMap<String, Names> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((path, rest)) = line.rsplit_once(": ") else {
            continue;
        };
        let Some(name) = rest.strip_suffix(" FOUND") else {
            continue;
        };
        let name = name.strip_suffix(".UNOFFICIAL").unwrap_or(name);
        let file = path.rsplit('/').next().unwrap_or(path).to_owned();
        found.entry(file).or_default().insert(name.to_owned());
    }
    found
}
