//! Counts how often four bytes stand together in files, and writes the table that the compiler of
//! byte patterns chooses by: `cargo run --release -p definitions --example frequencies -- OUT
//! FOLDER…`. Half a gibibyte of memory is used. Files are taken to 4 MiB each.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use definitions::body::{Frequencies, pack};

/// Rows of the table.
const ROWS: usize = 32_768;
/// Bytes read of one file.
const FILE_BYTES: u64 = 4 << 20;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let out = arguments.next().context("usage: frequencies OUT FOLDER…")?;
    let mut counts = vec![0_u16; 1 << 28];
    let mut bytes = 0_u64;
    for folder in arguments {
        count(&folder, &mut counts, &mut bytes)?;
    }
    if bytes == 0 {
        bail!("no files to count in");
    }
    let counted = (0..)
        .zip(&counts)
        .filter(|(_, count)| **count > 0)
        .map(|(quad, count)| (quad, u64::from(*count) * STEP as u64))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a frequency is made of it")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    fs::write(&out, Frequencies::write(counted, mebibytes, ROWS))?;
    println!("{mebibytes:.0} MiB counted");
    Ok(())
}

/// Every so many positions one is counted, so that a count fits.
const STEP: usize = 15;

fn count(path: &Path, counts: &mut [u16], bytes: &mut u64) -> anyhow::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            count(&entry?.path(), counts, bytes)?;
        }
        return Ok(());
    }
    if !metadata.is_file() {
        return Ok(());
    }
    let mut content = Vec::new();
    File::open(path)?
        .take(FILE_BYTES)
        .read_to_end(&mut content)?;
    *bytes += content.len() as u64;
    for quad in content.windows(4).step_by(STEP) {
        if let Ok(quad) = <[u8; 4]>::try_from(quad)
            && let Some(count) = counts.get_mut(pack(quad) as usize)
        {
            *count = count.saturating_add(1);
        }
    }
    Ok(())
}
