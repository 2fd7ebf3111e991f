//! The judge: yara, told of a file's type what Garrison tells rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use definitions::Source;

const YARA: &str = "/usr/bin/yara";
const COMPILER: &str = "/usr/bin/yarac";
/// For a file.
pub(crate) const TIME: Duration = Duration::from_secs(600);

/// Rule and file, of each match.
pub(crate) type Matches = BTreeSet<(String, PathBuf)>;

pub(crate) fn is_installed() -> bool {
    Path::new(YARA).exists() && Path::new(COMPILER).exists()
}

/// What yara finds.
pub(crate) fn matches(sources: &[Source], files: &[PathBuf]) -> Matches {
    let folder = tempfile::tempdir().unwrap();
    let compiled = compile(sources, folder.path());
    let mut by_type: BTreeMap<&str, Vec<&PathBuf>> = BTreeMap::new();
    for file in files {
        let content = fs::read(file).unwrap();
        by_type.entry(type_of(&content)).or_default().push(file);
    }
    let mut matches = Matches::new();
    for (file_type, files) in by_type {
        let list = folder.path().join("list");
        let lines: Vec<String> = files
            .iter()
            .map(|file| format!("{}\n", file.display()))
            .collect();
        fs::write(&list, lines.concat()).unwrap();
        let output = Command::new(YARA)
            .args(["-w", "-p", "1", "--scan-list", "-C", "-a"])
            .arg(TIME.as_secs().to_string())
            .args(variables(file_type))
            .arg(&compiled)
            .arg(&list)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        matches.extend(text.lines().filter_map(|line| {
            let (rule, file) = line.split_once(' ')?;
            Some((rule.to_owned(), PathBuf::from(file)))
        }));
    }
    matches
}

/// Each source is a namespace, as it is here.
fn compile(sources: &[Source], folder: &Path) -> PathBuf {
    let compiled = folder.join("compiled");
    let mut command = Command::new(COMPILER);
    command.arg("-w").args(variables(""));
    for (number, source) in sources.iter().enumerate() {
        let path = folder.join(format!("{number}.yar"));
        fs::write(&path, &source.bytes).unwrap();
        command.arg(format!("n{number}:{}", path.display()));
    }
    let output = command
        .arg(&compiled)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    compiled
}

fn variables(file_type: &str) -> Vec<String> {
    ["filename=", "filepath=", "extension=", "owner="]
        .map(ToOwned::to_owned)
        .into_iter()
        .chain([format!("filetype={file_type}")])
        .flat_map(|variable| ["-d".to_owned(), variable])
        .collect()
}

fn type_of(content: &[u8]) -> &'static str {
    const TYPES: [(&[u8], &str); 18] = [
        (b"MZ", "EXE"),
        (b"\x7fELF", "ELF"),
        (b"\xfe\xed\xfa\xce", "MACH-O"),
        (b"\xfe\xed\xfa\xcf", "MACH-O"),
        (b"\xce\xfa\xed\xfe", "MACH-O"),
        (b"\xcf\xfa\xed\xfe", "MACH-O"),
        (b"\xca\xfe\xba\xbe", "MACH-O"),
        (b"\xbe\xba\xfe\xca", "MACH-O"),
        (b"PK", "ZIP"),
        (b"{\\rt", "RTF"),
        (b"%PDF", "PDF"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\x1f\x8b", "GZIP"),
        (b"7z\xbc\xaf\x27\x1c", "7ZIP"),
        (b"MSCF", "CAB"),
        (b"GIF8", "GIF"),
        (b"\x89PNG", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
    ];
    TYPES
        .iter()
        .find(|(start, _)| content.starts_with(start))
        .map_or("", |(_, name)| name)
}
