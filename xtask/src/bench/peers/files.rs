//! Files to scan, by type: copies of files of this machine, the same ones at each run, so long as
//! the machine is the same.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::Peers;

/// Files that are larger are left out.
const MAX_FILE: u64 = 32 << 20;
const MIB: u64 = 1 << 20;

/// A kind of files.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) folder: PathBuf,
    pub(super) megabytes: f64,
    /// How many times as fast as clamd Garrison must be, and is to be.
    pub(super) must: f64,
    pub(super) aim: f64,
}

struct Recipe {
    name: &'static str,
    /// Bytes of all files, at most.
    most: u64,
    roots: &'static [&'static str],
    /// What the names end with; anything when empty.
    endings: &'static [&'static str],
    /// What the files begin with.
    magic: &'static [u8],
    must: f64,
    aim: f64,
}

const RECIPES: [Recipe; 5] = [
    Recipe {
        name: "PE",
        most: 60 * MIB,
        roots: &["/usr", "/opt", "~"],
        endings: &[".exe", ".dll", ".pyd"],
        magic: b"MZ",
        must: 8.0,
        aim: 20.0,
    },
    Recipe {
        name: "ELF",
        most: 100 * MIB,
        roots: &["/usr/bin", "/usr/sbin", "/usr/lib"],
        endings: &[],
        magic: b"\x7fELF",
        must: 4.0,
        aim: 8.0,
    },
    Recipe {
        name: "Python",
        most: 20 * MIB,
        roots: &[
            "/usr/lib/python3",
            "/usr/lib/python3.11",
            "/usr/lib/python3.13",
            "~",
        ],
        endings: &[".py", ".pyc"],
        magic: b"",
        must: 8.0,
        aim: 20.0,
    },
    Recipe {
        name: "web",
        most: 30 * MIB,
        roots: &[
            "/usr/share/doc",
            "/usr/share/javascript",
            "/usr/lib/node_modules",
        ],
        endings: &[".html", ".js", ".css", ".json", ".md", ".txt"],
        magic: b"",
        must: 8.0,
        aim: 20.0,
    },
    Recipe {
        name: "archives",
        most: 30 * MIB,
        roots: &[
            "/usr/share/java",
            "/usr/lib/jvm",
            "/var/cache/apt/archives",
            "~",
        ],
        endings: &[".jar", ".zip", ".whl", ".crate", ".deb"],
        magic: b"",
        must: 3.0,
        aim: 10.0,
    },
];

/// The kinds that this machine has files of.
pub(super) fn kinds(peers: &Peers<'_>) -> anyhow::Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for recipe in &RECIPES {
        let folder = peers.folder.join("files").join(recipe.name);
        if !folder.exists() {
            let draft = folder.with_extension("draft");
            let _ = fs::remove_dir_all(&draft);
            fs::create_dir_all(&draft)?;
            collect(recipe, &draft)?;
            fs::rename(&draft, &folder)?;
        }
        let bytes = bytes(&folder)?;
        if bytes == 0 {
            println!("this machine has no files for {}", recipe.name);
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        kinds.push(Kind {
            name: recipe.name,
            megabytes: bytes as f64 / 1e6,
            folder,
            must: recipe.must,
            aim: recipe.aim,
        });
    }
    Ok(kinds)
}

/// Copies the files of a kind. They are taken in the order of a hash of their paths, so that each
/// part of the machine has its share.
fn collect(recipe: &Recipe, into: &Path) -> anyhow::Result<()> {
    let named = std::env::var_os("GARRISON_BENCH_PE").filter(|_| recipe.name == "PE");
    let home = std::env::var("HOME").unwrap_or_default();
    let mut roots: Vec<PathBuf> = recipe
        .roots
        .iter()
        .map(|root| PathBuf::from(root.replace('~', &home)))
        .collect();
    if let Some(named) = &named {
        roots = vec![named.into()];
    }
    let mut find = Command::new("find");
    find.args(&roots)
        .args(["-xdev", "-type", "f", "-size", "+0"]);
    let output = find.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.context("find")?;
    let mut paths: Vec<(u64, &str)> = std::str::from_utf8(&output.stdout)?
        .lines()
        .filter(|path| {
            recipe.endings.is_empty()
                || named.is_some()
                || recipe.endings.iter().any(|ending| path.ends_with(ending))
        })
        .map(|path| (order(path), path))
        .collect();
    paths.sort_unstable();
    let mut taken = 0;
    for (number, path) in paths {
        let size = fs::metadata(path).map_or(0, |data| data.len());
        if size > MAX_FILE || taken + size > recipe.most || !begins(path, recipe.magic) {
            continue;
        }
        let name = Path::new(path).file_name().context("a file's name")?;
        let to = into.join(format!("{number:016x}-{}", name.to_string_lossy()));
        if fs::copy(path, &to).is_ok() {
            taken += size;
        }
        if taken * 100 > recipe.most * 99 {
            break;
        }
    }
    Ok(())
}

fn begins(path: &str, magic: &[u8]) -> bool {
    let mut start = vec![0; magic.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == magic
}

/// FNV-1a, for an order that has nothing to do with the paths'.
fn order(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

/// A tree of small files of every kind, for the measurements of one against two cores.
pub(super) fn all(kinds: &[Kind]) -> anyhow::Result<Vec<&Path>> {
    ensure!(!kinds.is_empty(), "this machine has no files to scan");
    Ok(kinds.iter().map(|kind| kind.folder.as_path()).collect())
}
