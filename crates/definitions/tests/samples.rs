//! The samples of ClamAV's own tests: the same verdict as clamscan with the same signatures, but
//! for the formats that docs/parity.md lists.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::setup::{open, scan, source};

const CLAMSCAN: &str = "/usr/bin/clamscan";
const ARCHIVE: &str = "clamav-samples.tar.xz";
/// The folders with samples, and the signatures in the archive that they are scanned with.
const FOLDERS: [(&str, &[&str]); 3] = [
    ("clamav_hdb_scanfiles", &["clamav.hdb"]),
    (
        "other_scanfiles",
        &[
            "other_sigs/alz.hdb",
            "other_sigs/zstd.hdb",
            "other_sigs/logo.hsb",
        ],
    ),
    (
        "embedded_testfiles",
        &[
            "embedded_testfiles/signatures/1.1.hsb",
            "embedded_testfiles/signatures/1.2.hsb",
            "embedded_testfiles/signatures/2.1.hsb",
            "embedded_testfiles/signatures/2.2.hsb",
        ],
    ),
];

/// Samples in which clamscan finds something that is not found here, by format.
const NOT_OPENED: [(&str, &[&str]); 15] = [
    (
        "packed programs",
        &[
            "clam-aspack.exe",
            "clam-mew.exe",
            "clam-pespin.exe",
            "clam-petite.exe",
            "clam-upack.exe",
            "clam-upx.exe",
            "clam-wwpack.exe",
            "clam-yc.exe",
        ],
    ),
    (
        "installers: NSIS, AutoIt, InstallShield",
        &[
            "clam-nsis.exe",
            "clam.ea05.exe",
            "clam.ea06.exe",
            "clam_IScab_ext.exe",
            "clam_IScab_int.exe",
            "clam_ISmsi_ext.exe",
            "clam_ISmsi_int.exe",
        ],
    ),
    ("ARJ", &["clam.arj", "test.png.emb-arjs"]),
    ("CAB", &["clam.cab", "test.png.emb-cabs"]),
    ("CHM", &["clam.chm"]),
    (
        "OneNote",
        &[
            "clam.exe.2007.one",
            "clam.exe.2010.one",
            "clam.exe.webapp-export.one",
        ],
    ),
    ("BinHex", &["clam.exe.binhex"]),
    ("objects in RTF", &["clam.exe.rtf"]),
    ("SZDD", &["clam.exe.szdd"]),
    ("zip with Implode", &["clam.impl.zip"]),
    ("SIS", &["clam.sis"]),
    ("TNEF", &["clam.tnef"]),
    (
        "ISO 9660",
        &[
            "clam.iso",
            "clamjol.iso",
            "iso_no_joliet.logo.iso",
            "iso_normal.logo.iso",
        ],
    ),
    (
        "ALZ",
        &[
            "alz/bzip2.alz",
            "alz/bzip2.bin.alz",
            "alz/deflate.alz",
            "alz/uncompressed.alz",
            "alz/uncompressed.bin.alz",
        ],
    ),
    (
        "LHA",
        &[
            "lha_lzh/default.cap.lzh",
            "lha_lzh/default.euc.lzh",
            "lha_lzh/default.lzh",
            "lha_lzh/default.sjis.lzh",
            "lha_lzh/default.utf8.lzh",
            "lha_lzh/general.obsolete.lzh",
            "lha_lzh/lh0.lzh",
            "lha_lzh/lh1.lzh",
            "lha_lzh/lh2.lzh",
            "lha_lzh/lh5.lzh",
            "lha_lzh/lh6.lzh",
            "lha_lzh/lh7.lzh",
            "lha_lzh/traditional.lzh",
        ],
    ),
];

/// Samples in which something is found here that clamscan 1.4 does not find: mails whose boundary
/// it takes for another one, and Zstandard.
const OURS_ALONE: [&str; 7] = [
    "clam.mail-boundary-content-disposition.eml",
    "clam.mail-multiple-boundaries.eml",
    "clam.mail-multiple-content-type.eml",
    "clam.mail-semicolon-boundary.eml",
    "zstd/concat.txt.zst",
    "zstd/skip_prefix.txt.zst",
    "zstd/testfile.txt.zst",
];

/// Undoes the XOR with the key that the archive's own script holds.
fn decode(bytes: &mut [u8], key: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

fn key(script: &str) -> Vec<u8> {
    let (_, rest) = script.split_once("xor_key = b'").unwrap();
    let (lines, _) = rest.split_once("'\n").unwrap();
    lines.replace("\\\n", "").into_bytes()
}

/// Files of the archive, decoded, by their path.
fn unpack(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let packed = std::fs::File::open(archive).unwrap();
    let mut files = BTreeMap::new();
    let mut tar = tar::Archive::new(liblzma::read::XzDecoder::new(packed));
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let below: PathBuf = path.components().skip(1).collect();
        if !bytes.is_empty() {
            files.insert(below.to_str().unwrap().to_owned(), bytes);
        }
    }
    let script = files
        .get("xor_testfile.py")
        .expect("the archive has its key");
    let key = key(std::str::from_utf8(script).unwrap());
    files
        .into_iter()
        .map(|(path, mut bytes)| match path.strip_suffix(".xor") {
            Some(plain) => {
                decode(&mut bytes, &key);
                (plain.to_owned(), bytes)
            }
            None => (path, bytes),
        })
        .collect()
}

/// The names that clamscan says, by file.
fn clamscan(signatures: &[PathBuf], folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(CLAMSCAN);
    command.args(["--allmatch", "--no-summary", "--infected", "--stdout", "-r"]);
    for file in signatures {
        command.arg("-d").arg(file);
    }
    let output = command.arg(folder).stdin(Stdio::null()).output().unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((path, name)) = line
            .strip_suffix(".UNOFFICIAL FOUND")
            .and_then(|line| line.rsplit_once(": "))
        else {
            continue;
        };
        let below = Path::new(path).strip_prefix(folder).unwrap();
        found
            .entry(below.to_str().unwrap().to_owned())
            .or_default()
            .insert(name.to_owned());
    }
    found
}

#[test]
fn samples_of_clamav_get_the_verdict_of_clamscan() {
    const TEST: &str = "samples_of_clamav_get_the_verdict_of_clamscan";
    let Some(corpus) = std::env::var_os("GARRISON_CORPUS").map(PathBuf::from) else {
        skip::skip(TEST, "GARRISON_CORPUS is not set");
        return;
    };
    if !corpus.join(ARCHIVE).exists() || !Path::new(CLAMSCAN).exists() {
        skip::skip(TEST, "no samples in GARRISON_CORPUS, or no clamscan");
        return;
    }
    let files = unpack(&corpus.join(ARCHIVE));
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut counted = (0, 0);
    for (part, signatures) in FOLDERS {
        let text: String = signatures
            .iter()
            .map(|path| String::from_utf8_lossy(&files[*path]).into_owned() + "\n")
            .collect();
        let lists: Vec<_> = signatures
            .iter()
            .map(|path| {
                let name = Path::new(path).file_name().unwrap().to_str().unwrap();
                let at = folder.path().join(name);
                std::fs::write(&at, &files[*path]).unwrap();
                at
            })
            .collect();
        let definitions = open(&[source("samples.hsb", &text)]);
        let place = folder.path().join(part);
        let prefix = format!("{part}/");
        let own = files.iter().filter_map(|(path, bytes)| {
            let below = path.strip_prefix(&prefix)?;
            (!below.starts_with("signatures/")).then_some((below, bytes))
        });
        for (path, bytes) in own.clone() {
            let at = place.join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, bytes).unwrap();
        }
        let theirs = clamscan(&lists, &place);
        for (path, bytes) in own {
            let verdict = scan(&definitions, bytes);
            let ours: BTreeSet<String> = verdict
                .matches
                .iter()
                .map(|found| found.rule.clone())
                .collect();
            let theirs = theirs.get(path).cloned().unwrap_or_default();
            let lacks = NOT_OPENED
                .iter()
                .any(|(_, samples)| samples.contains(&path));
            let expected = (lacks, OURS_ALONE.contains(&path));
            let actual = (
                theirs.difference(&ours).next().is_some(),
                ours.difference(&theirs).next().is_some(),
            );
            counted.0 += 1;
            counted.1 += u32::from(actual == (false, false));
            if actual != expected {
                wrong.push(format!("{path}: clamscan {theirs:?}, here {ours:?}"));
            }
        }
    }
    println!("{} samples, {} with equal verdicts", counted.0, counted.1);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
