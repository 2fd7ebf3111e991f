//! What is compared: other people's rules and samples where they are present, and files of the
//! machine.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use definitions::Source;

const RULES: &str = "yara-signature-base.tar.xz";
const SAMPLES: &str = "clamav-samples.tar.xz";
/// Where the machine's files are taken from.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/lib", "/usr/share", "/etc"];
/// Of each type at most so many, of at most so many bytes.
const MOST_FILES: usize = 1_500;
const MOST_BYTES: u64 = 2 << 20;

pub(crate) struct Corpus {
    folder: PathBuf,
}

/// `None` where there is none.
pub(crate) fn find() -> Option<Corpus> {
    let folder = PathBuf::from(std::env::var_os("GARRISON_CORPUS")?);
    let whole = folder.join(RULES).exists() && folder.join(SAMPLES).exists();
    whole.then_some(Corpus { folder })
}

impl Corpus {
    pub(crate) fn rules(&self) -> Vec<Source> {
        unpack(&self.folder.join(RULES))
            .into_iter()
            .filter(|(name, _)| name.ends_with(".yar") || name.ends_with(".yara"))
            .map(|(name, bytes)| Source { name, bytes })
            .collect()
    }

    /// The samples of ClamAV's own tests, decoded.
    pub(crate) fn samples(&self) -> Vec<Vec<u8>> {
        let files = unpack(&self.folder.join(SAMPLES));
        let script = files
            .iter()
            .find(|(name, _)| name.ends_with("xor_testfile.py"))
            .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
            .expect("the archive has its key");
        let (_, rest) = script.split_once("xor_key = b'").unwrap();
        let (lines, _) = rest.split_once("'\n").unwrap();
        let key = lines.replace("\\\n", "").into_bytes();
        files
            .into_iter()
            .map(|(name, mut bytes)| {
                if name.ends_with(".xor") {
                    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle()) {
                        *byte ^= key;
                    }
                }
                bytes
            })
            .collect()
    }
}

fn unpack(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let reader = liblzma::read::XzDecoder::new(fs::File::open(archive).unwrap());
    let mut files = Vec::new();
    for entry in tar::Archive::new(reader).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if !bytes.is_empty() {
            files.push((name, bytes));
        }
    }
    files
}

/// Programs, libraries, scripts, pages and others, of each type every `step`th.
pub(crate) fn files_of_the_machine(step: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        walk(Path::new(folder), &mut found);
    }
    found.sort();
    let of_type = |wanted: &dyn Fn(&Path) -> bool| -> Vec<PathBuf> {
        let files: Vec<PathBuf> = found.iter().filter(|path| wanted(path)).cloned().collect();
        let spread = files.len().div_ceil(MOST_FILES).max(step);
        files.into_iter().step_by(spread).collect()
    };
    let ends = |ends: &'static [&'static str]| {
        move |path: &Path| {
            let end = path.extension().and_then(OsStr::to_str);
            end.is_some_and(|end| ends.contains(&end))
        }
    };
    let mut files = of_type(&|path| path.starts_with("/usr/bin"));
    for types in [
        &["so", "o", "a"][..],
        &["exe", "dll", "sys"],
        &["py", "pyc"],
        &["html", "js", "css", "xml", "svg", "json"],
        &["sh", "pl", "rb", "php", "lua"],
        &[
            "gz", "zip", "jar", "pdf", "docx", "xlsx", "png", "gif", "jpg",
        ],
        &["txt", "conf", "service", "h"],
    ] {
        files.extend(of_type(&ends(types)));
    }
    files
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(data) = entry.metadata() else {
            continue;
        };
        if data.is_dir() {
            walk(&path, found);
        } else if data.is_file() && data.len() <= MOST_BYTES && path.to_str().is_some() {
            found.push(path);
        }
    }
}
