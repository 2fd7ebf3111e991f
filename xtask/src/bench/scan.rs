//! How fast `garrison-agent scan` reads files, and clamscan with the same hash list.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use super::Bench;
use super::figure::Figure;

const REPEATS: usize = 3;
const SMALL_FILES: u32 = 5000;
const SMALL_BYTES: usize = 8 << 10;
const LARGE_FILES: u32 = 4;
const LARGE_BYTES: usize = 64 << 20;
/// Lines of the hash list that both scanners get.
const HASHES: u32 = 10_000;

pub(super) fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let corpora = corpora(&bench.scratch("corpus"))?;
    let data = bench.scratch("scan");
    let mut up = bench.start_up(&data)?;
    bench.await_up(&mut up, &data)?;
    let hashes = bench.scratch("hashes.hsb");
    list(&hashes)?;
    let short = bench.scratch("hashes.gdef");
    let mut build = bench.command("garrison", "definitions")?;
    build.args(["definitions", "build"]).arg(&hashes);
    let status = build.arg("--output").arg(&short).status()?;
    ensure!(status.success(), "garrison definitions build: {status}");

    let mut figures = Vec::new();
    for corpus in &corpora {
        let ours = |label: &str, arguments: &[&Path]| {
            let name = format!("garrison-agent, {label}: {}", corpus.name);
            corpus.time(name, |path| {
                let mut scan = bench.command("garrison-agent", "scan")?;
                scan.arg("scan").arg("--data").arg(data.join("agent"));
                scan.args(arguments).arg(path);
                Ok(scan)
            })
        };
        figures.extend(ours("built-in definitions", &[])?);
        figures.extend(ours(
            "a list of 10,000 hashes",
            &["--definitions".as_ref(), &short],
        )?);
        if has_clamscan() {
            let name = format!("clamscan, a list of 10,000 hashes: {}", corpus.name);
            figures.extend(corpus.time(name, |path| {
                let mut scan = Command::new("clamscan");
                scan.args(["--recursive", "--infected", "--no-summary"])
                    // Its limits are below the corpus's large files.
                    .args(["--max-filesize=200M", "--max-scansize=2000M"])
                    .arg("--database")
                    .arg(&hashes)
                    .arg(path)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null());
                Ok(scan)
            })?);
        }
        println!("{} measured", corpus.name);
    }
    if !has_clamscan() {
        println!("clamscan is not installed and was left out");
    }
    up.stop()?;
    Ok(figures)
}

fn has_clamscan() -> bool {
    Command::new("clamscan")
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A list of SHA-256 hashes that fit nothing, for files as long as those of the corpora: each file
/// must be hashed.
fn list(path: &Path) -> anyhow::Result<()> {
    let mut noise = Noise(0x2545_F491_4F6C_DD1D);
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut file = BufWriter::new(file);
    for number in 0..HASHES {
        let size = if number % 10 == 0 {
            LARGE_BYTES
        } else {
            SMALL_BYTES
        };
        for _ in 0..4 {
            write!(file, "{:016x}", noise.next())?;
        }
        writeln!(file, ":{size}:Bench.{number}")?;
    }
    file.flush().with_context(|| path.display().to_string())
}

/// Something to scan.
struct Corpus {
    name: String,
    path: PathBuf,
    files: f64,
    mebibytes: f64,
}

impl Corpus {
    /// Runs a scanner some times over the corpus, which the page cache holds by then.
    fn time(
        &self,
        name: String,
        scanner: impl Fn(&Path) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Vec<Figure>> {
        let mut seconds = Vec::new();
        for repeat in 0..=REPEATS {
            let mut command = scanner(&self.path)?;
            let began = Instant::now();
            let status = command.status().with_context(|| name.clone())?;
            if !status.success() {
                bail!("{name}: expected nothing to be found and nothing to fail, got {status}");
            }
            // The first run warms the cache.
            if repeat > 0 {
                seconds.push(began.elapsed().as_secs_f64());
            }
        }
        let per_second = |amount: f64| seconds.iter().map(|one| amount / one).collect();
        let mut figures = vec![Figure::new(
            name.clone(),
            "MiB/s",
            per_second(self.mebibytes),
        )];
        if self.files > 100.0 {
            figures.push(Figure::new(name, "files/s", per_second(self.files)));
        }
        Ok(figures)
    }
}

fn corpora(folder: &Path) -> anyhow::Result<Vec<Corpus>> {
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let (small, large) = (folder.join("small"), folder.join("large"));
    for number in 0..SMALL_FILES {
        let file = small.join(format!("{:02}/{number}.txt", number % 50));
        noise.write(&file, SMALL_BYTES, Noise::word)?;
    }
    for number in 0..LARGE_FILES {
        noise.write(
            &large.join(format!("{number}.bin")),
            LARGE_BYTES,
            Noise::bytes,
        )?;
    }
    let packed = folder.join("small.tar.gz");
    let status = Command::new("tar")
        .arg("--create")
        .arg("--gzip")
        .arg("--file")
        .arg(&packed)
        .arg("--directory")
        .arg(folder)
        .arg("small")
        .status()
        .context("tar")?;
    ensure!(status.success(), "tar: {status}");
    let (few, many) = (f64::from(LARGE_FILES), f64::from(SMALL_FILES));
    let mebibytes = |files: f64, bytes: usize| -> anyhow::Result<f64> {
        Ok(files * f64::from(u32::try_from(bytes)?) / f64::from(1 << 20))
    };
    Ok(vec![
        Corpus {
            name: "5,000 text files of 8 KiB".to_owned(),
            path: small,
            files: many,
            mebibytes: mebibytes(many, SMALL_BYTES)?,
        },
        Corpus {
            name: "the same in one .tar.gz (unpacked size)".to_owned(),
            path: packed,
            files: many,
            mebibytes: mebibytes(many, SMALL_BYTES)?,
        },
        Corpus {
            name: "4 files of 64 MiB noise".to_owned(),
            path: large,
            files: few,
            mebibytes: mebibytes(few, LARGE_BYTES)?,
        },
    ])
}

/// Content that is the same in every run (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.next().to_le_bytes().to_vec()
    }

    /// One of some thousand "words" with a blank.
    fn word(&mut self) -> Vec<u8> {
        format!("{:x} ", self.next() % 4096 * 7919).into_bytes()
    }

    fn write(
        &mut self,
        path: &Path,
        size: usize,
        piece: fn(&mut Noise) -> Vec<u8>,
    ) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut file = BufWriter::new(file);
        let mut left = size;
        while left > 0 {
            let mut piece = piece(self);
            piece.truncate(left);
            left -= piece.len();
            file.write_all(&piece)?;
        }
        file.flush().with_context(|| path.display().to_string())
    }
}
