//! Seeds from the corpora, where there are any.

use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Larger files are no seeds.
const MOST_BYTES: u64 = 64 << 10;
/// Lines that are taken of one list of signatures, evenly spread.
const LINES: usize = 300;

/// The files of an archive of the corpora, by their names.
fn unpack(name: &str, most_bytes: u64) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("GARRISON_CORPUS") else {
        return Vec::new();
    };
    let path = PathBuf::from(folder).join(format!("{name}.tar.xz"));
    let packed =
        std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut archive = tar::Archive::new(liblzma::read::XzDecoder::new(packed));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if !entry.header().entry_type().is_file() || entry.size() > most_bytes {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.push((path, bytes));
    }
    files
}

/// The samples of ClamAV's own tests, decoded with the key that their script holds.
pub(crate) fn samples() -> &'static [Vec<u8>] {
    static SAMPLES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let files = unpack("clamav-samples", MOST_BYTES);
        let key = files
            .iter()
            .find(|(path, _)| path.ends_with("/xor_testfile.py"))
            .and_then(|(_, script)| {
                let script = String::from_utf8_lossy(script).into_owned();
                let (_, rest) = script.split_once("xor_key = b'")?;
                let (lines, _) = rest.split_once("'\n")?;
                Some(lines.replace("\\\n", "").into_bytes())
            })
            .unwrap_or_default();
        files
            .into_iter()
            .map(|(path, mut bytes)| {
                if path.ends_with(".xor") {
                    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle()) {
                        *byte ^= key;
                    }
                }
                bytes
            })
            .collect()
    })
}

/// Some lines of the real signatures in a file of this name, a few in each seed.
pub(crate) fn signatures(name: &str) -> Vec<Vec<u8>> {
    static LISTS: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    let lists = LISTS.get_or_init(|| unpack("clamav-signatures", u64::MAX));
    let Some((_, list)) = lists.iter().find(|(path, _)| path.ends_with(name)) else {
        return Vec::new();
    };
    let lines: Vec<&[u8]> = list
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.len() < 1000)
        .collect();
    let step = (lines.len() / LINES).max(1);
    let chosen: Vec<&[u8]> = lines.into_iter().step_by(step).collect();
    chosen.chunks(3).map(<[&[u8]]>::concat).collect()
}

/// Some real YARA sources.
pub(crate) fn yara() -> Vec<Vec<u8>> {
    let files = unpack("yara-signature-base", 3 << 10);
    files
        .into_iter()
        .filter(|(path, _)| path.ends_with(".yar"))
        .map(|(_, bytes)| bytes)
        .take(60)
        .collect()
}
