//! Types against clamscan's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use super::FileType;
use crate::peer::CLAMSCAN;

/// Beginnings of files of many types, and what is almost one.
fn made() -> Vec<Vec<u8>> {
    let mut made: Vec<Vec<u8>> = super::detect::MARKS
        .iter()
        .map(|(at, mark, _)| {
            let mut bytes = vec![0x9d; *at];
            bytes.extend(*mark);
            bytes.extend([0x9d; 600]);
            bytes
        })
        .collect();
    let texts: [&str; 24] = [
        "plain text\n",
        "größer\n",
        "Some text\nFrom: a@b\nMIME-Version: 1.0\n\nbody",
        "Some text\nfrom: a@b\nmIMe-version: 1.0\n\nbody",
        "Some text\nFrom: a@b\nContent-type: text/plain\n\nbody",
        "Some text\nmessage-id: x\nContent-Type: text/plain\n\nbody",
        "Some text\nReceived: x\nX: y\ncontent-Type: text/plain\n\nbody",
        "Some text\nReceived: x\nX: y\ncontent-Typo: text/plain\n\nbody",
        "X-Mail: y\nDelivered-To: a\nReceived: b\n",
        "MIME-Version: 1.0\nContent-Type: text/plain\n\nbody",
        "x\nMIME-Version: 1.0\nContent-Type: text/plain\n\nbody",
        "From: first line\n",
        "From nobody at all\n",
        "Subject: x\n",
        "so <b>bold</b>",
        "a <html> tag",
        "a <hTml> tag",
        "a <script> tag",
        "see <a href=x>",
        "see <a x=1 hrEF=x>",
        "see <a x=1 Href=x>",
        "begin 644 file\n",
        "text with %PDF-1.4 in it",
        "%!PS-Adobe-3.0",
    ];
    made.extend(texts.iter().map(|text| text.as_bytes().to_vec()));
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    made.push(wide("\u{feff}wide text of some length"));
    made.push(wide("\u{feff}wide <html> of some length"));
    made.push(wide("wide text without a mark"));
    made.push((0..=255).collect());
    made.push(b"\xca\xfe\xba\xbe\0\0\0\x02rest".to_vec());
    made.push(b"\xca\xfe\xba\xbe\0\0\0\x34rest".to_vec());
    made.push(b"\xffx-lh5-\x00\x01 archive".to_vec());
    made.push(b"\x42\r\r\n\0\0\0\0\x01".to_vec());
    made
}

fn clamscan_type(database: &Path, file: &Path) -> Option<String> {
    let output = Command::new(CLAMSCAN)
        .args(["--debug", "--gen-json", "--no-summary", "-d"])
        .arg(database)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = said.split_once("\"RootFileType\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[test]
fn types_are_those_that_clamscan_gives() {
    if !Path::new(CLAMSCAN).exists() {
        skip::skip(
            "types_are_those_that_clamscan_gives",
            "clamscan is not installed",
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("nothing.hdb");
    std::fs::write(&database, "aa15bcf478d165efd2065190eb473bcb:544:Nothing\n").unwrap();
    let mut different = Vec::new();
    for (number, bytes) in made().iter().enumerate() {
        let file = folder.path().join(number.to_string());
        std::fs::write(&file, bytes).unwrap();
        let own = FileType::detect(bytes).name();
        let other = clamscan_type(&database, &file).expect("clamscan says a type");
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        if own != other {
            different.push(format!("{shown:?}: {own}, clamscan: {other}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
