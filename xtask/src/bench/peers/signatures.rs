//! Signatures: the real ones of the corpus, and a set as large as the whole database of ClamAV,
//! made from them.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::Peers;

/// Signatures of each kind that are made: with the real ones, 8.6 million.
const FILE_HASHES: u32 = 3_870_000;
const SECTION_HASHES: u32 = 4_100_000;
const LOGICAL: u32 = 250_000;
const BODY: u32 = 84_000;
/// Longer lines are not taken as patterns for others.
const MAX_LINE: usize = 6000;

fn unpacked(peers: &Peers<'_>, name: &str) -> anyhow::Result<PathBuf> {
    let folder = peers.folder.join(name);
    if folder.exists() {
        return Ok(folder);
    }
    let Some(corpus) = std::env::var_os("GARRISON_CORPUS").map(PathBuf::from) else {
        bail!("expected GARRISON_CORPUS to name the folder with {name}.tar.xz");
    };
    let draft = folder.with_extension("draft");
    fs::create_dir_all(&draft)?;
    let status = Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(corpus.join(format!("{name}.tar.xz")))
        .arg("-C")
        .arg(&draft)
        .stdin(Stdio::null())
        .status()
        .context("tar")?;
    ensure!(status.success(), "{name}.tar.xz can't be unpacked");
    fs::rename(&draft, &folder)?;
    Ok(folder)
}

/// The folder of ClamAV's signatures.
pub(super) fn real(peers: &Peers<'_>) -> anyhow::Result<PathBuf> {
    unpacked(peers, "clamav-signatures")
}

/// The folder of YARA rules.
pub(super) fn rules(peers: &Peers<'_>) -> anyhow::Result<PathBuf> {
    unpacked(peers, "yara-signature-base")
}

/// A folder with one signature, which matches nothing.
pub(super) fn one(peers: &Peers<'_>) -> anyhow::Result<PathBuf> {
    let folder = peers.folder.join("one");
    fs::create_dir_all(&folder)?;
    let text: String = (0u8..24)
        .map(|at| format!("{:02x}", at.wrapping_mul(73) ^ 0xa5))
        .collect();
    fs::write(folder.join("one.ndb"), format!("Bench.One-1:0:*:{text}\n"))?;
    Ok(folder)
}

/// The folder with the large set.
pub(super) fn large(peers: &Peers<'_>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("GARRISON_BENCH_LARGE") {
        return Ok(folder.into());
    }
    let folder = peers.folder.join("large");
    if folder.exists() {
        return Ok(folder);
    }
    let real = real(peers)?;
    let draft = folder.with_extension("draft");
    fs::create_dir_all(&draft)?;
    for entry in fs::read_dir(&real)? {
        let path = entry?.path();
        fs::copy(
            &path,
            draft.join(path.file_name().context("a file's name")?),
        )?;
    }
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let sizes: Vec<String> = lines(&real.join("daily.hsb"))?
        .iter()
        .filter_map(|line| line.split(':').nth(1).map(str::to_owned))
        .filter(|size| size != "*")
        .collect();
    write(&draft.join("made.hsb"), FILE_HASHES, |number| {
        let size = noise.pick(&sizes).map_or("4096", String::as_str);
        format!(
            "{:016x}{:016x}:{size}:Made.File-{number}:73",
            noise.next(),
            noise.next()
        )
    })?;
    write(&draft.join("made.mdb"), SECTION_HASHES, |number| {
        // Most sections are small.
        let size = 512
            * (1 + noise.next().trailing_zeros() * 40
                + u32::try_from(noise.next() % 40).unwrap_or(0));
        format!(
            "{size}:{:016x}{:016x}:Made.Section-{number}",
            noise.next(),
            noise.next()
        )
    })?;
    for (file, count, fields) in [("main.ldb", LOGICAL, 3), ("daily.ndb", BODY, 3)] {
        let delimiter = if file.ends_with("ldb") { ';' } else { ':' };
        let patterns: Vec<String> = lines(&real.join(file))?
            .into_iter()
            .filter(|line| line.len() < MAX_LINE && !line.contains(['/', '#', '$']))
            .filter(|line| !line.contains("Icon") && !line.contains("Handler"))
            .collect();
        let made = draft.join(format!(
            "made.{}",
            file.rsplit('.').next().unwrap_or_default()
        ));
        write(&made, count, |number| {
            let line = noise.pick(&patterns).map_or("", String::as_str);
            let mut parts = line.splitn(fields + 1, delimiter);
            let _name = parts.next();
            let head: Vec<&str> = parts.by_ref().take(fields - 1).collect();
            let body = vary(parts.next().unwrap_or_default(), &mut noise);
            let d = delimiter;
            format!(
                "Made.Body-{number}{d}{}{d}{body}",
                head.join(&d.to_string())
            )
        })?;
    }
    fs::rename(&draft, &folder)?;
    Ok(folder)
}

fn lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .map(str::to_owned)
        .collect())
}

fn write(path: &Path, count: u32, mut line: impl FnMut(u32) -> String) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..count {
        writeln!(file, "{}", line(number))?;
    }
    file.flush().with_context(|| path.display().to_string())
}

/// The same pattern with other bytes of the same kinds, so that it is as easy or hard to look for
/// and matches nothing.
fn vary(body: &str, noise: &mut Noise) -> String {
    let mut varied = String::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let literal = rest.get(..run).unwrap_or_default();
        if run >= 8 && run % 2 == 0 {
            for pair in literal.as_bytes().chunks(2) {
                let pair = std::str::from_utf8(pair).unwrap_or("00");
                let byte = u8::from_str_radix(pair, 16).unwrap_or(0);
                varied += &format!("{:02x}", other(byte, noise));
            }
        } else {
            varied += literal;
        }
        // What is no literal stays: offsets, gaps, wildcards, alternatives.
        let behind = rest.get(run..).unwrap_or_default();
        let gap = behind
            .bytes()
            .take_while(|byte| !byte.is_ascii_hexdigit())
            .count();
        let gap = match behind.bytes().next() {
            Some(b'{') => behind.find('}').map_or(gap, |end| end + 1),
            Some(b'[') => behind.find(']').map_or(gap, |end| end + 1),
            Some(b'(') => behind.find(')').map_or(gap, |end| end + 1),
            _ => gap.max(usize::from(run == 0)),
        };
        varied += behind.get(..gap).unwrap_or_default();
        rest = behind.get(gap..).unwrap_or_default();
    }
    varied
}

fn other(byte: u8, noise: &mut Noise) -> u8 {
    let next = noise.next();
    let within = |first: u8, count: u64| first + u8::try_from(next % count).unwrap_or(0);
    match byte {
        0 | b' ' | b'\n' | b'\r' | 0x90 | 0xff => byte,
        b'0'..=b'9' => within(b'0', 10),
        b'a'..=b'z' => within(b'a', 26),
        b'A'..=b'Z' => within(b'A', 26),
        _ if next >> 32 & 1 == 0 => byte,
        _ => within(1, 255),
    }
}

/// Numbers that are the same in every run (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        let at = self.next() % (of.len() as u64).max(1);
        of.get(usize::try_from(at).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varied_pattern_has_the_form_of_the_old_one() {
        let mut noise = Noise(1);
        let old = "EP+0:6162636465{4-8}(4142|4344)*90900000ff??0102";
        let new = vary(old, &mut noise);
        assert_eq!(old.len(), new.len(), "{new}");
        assert!(new.contains("{4-8}(4142|4344)*90900000ff??0102"), "{new}");
        assert_ne!(old, new);
    }
}
