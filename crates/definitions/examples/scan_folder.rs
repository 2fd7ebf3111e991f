//! Compiles sources and scans folders with them, for measurements and comparisons:
//! `scan_folder SOURCE… -- PATH…` prints a line for each match, and what it took.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use definitions::{SigningKey, build, load, sign};
use model::DefinitionRevision;
use scan::{Definitions, Input, Limits, Scanner, TrustedKeys, VerifyMode, Watch};

struct Clock(Instant);

impl Watch for Clock {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }

    fn opening(&mut self, _: &[String]) {}
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some(at) = arguments.iter().position(|path| path.as_os_str() == "--") else {
        bail!("usage: scan_folder SOURCE… -- PATH…");
    };
    let (sources, rest) = arguments.split_at(at);
    let started = Instant::now();
    let sources = load(sources)?;
    let compiled = build(&sources, DefinitionRevision(1), &mut |_| {})?;
    let key = SigningKey::generate().context("no randomness")?;
    let file = sign(&compiled, &key);
    eprintln!(
        "compiled {} rules ({} patterns) to {} bytes in {:.2} s",
        compiled.counts().total(),
        compiled.counts().patterns,
        file.len(),
        started.elapsed().as_secs_f64()
    );
    let trusted = TrustedKeys::none().with(key.public_key());
    let started = Instant::now();
    let definitions = Definitions::open(file, &trusted, VerifyMode::EveryPage)?;
    let mut scanner = Scanner::new(&definitions);
    eprintln!("opened in {:.6} s", started.elapsed().as_secs_f64());
    let mut total = (0, 0, Duration::ZERO);
    for path in rest.iter().skip(1) {
        walk(path, &mut scanner, &mut total)?;
    }
    let (files, bytes, time) = total;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = bytes as f64 / 1e6 / time.as_secs_f64();
    eprintln!(
        "{files} files, {bytes} bytes in {:.3} s: {rate:.1} MB/s",
        time.as_secs_f64()
    );
    Ok(())
}

fn walk(
    path: &Path,
    scanner: &mut Scanner<'_>,
    total: &mut (u64, u64, Duration),
) -> anyhow::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        return entries
            .iter()
            .try_for_each(|entry| walk(entry, scanner, total));
    }
    if !metadata.is_file() {
        return Ok(());
    }
    let bytes = fs::read(path)?;
    let started = Instant::now();
    let verdict = scanner.scan(
        Input::whole(&bytes),
        &Limits::default(),
        &mut Clock(Instant::now()),
    );
    total.2 += started.elapsed();
    total.0 += 1;
    total.1 += bytes.len() as u64;
    for found in &verdict.matches {
        println!("{}: {} FOUND", path.display(), found.rule);
    }
    for hit in &verdict.limits {
        println!("{}: {} LIMIT", path.display(), hit.limit.name());
    }
    Ok(())
}
