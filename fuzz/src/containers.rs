//! Each format that is opened, by itself: bytes that are not of the format get its mark, so that
//! changes don't lead out of it.

use scan::Kind;

use crate::scanning::{CONTENT, NOTHING, scan};
use crate::setup::{made, zip, zip_by};
use crate::{Target, corpus};

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &[],
        most_bytes: 16 << 10,
        short: 400,
    }
}

/// Scans bytes as a file of this kind.
fn as_kind(kind: Kind, at: usize, mark: &[u8], bytes: &[u8]) {
    if Kind::of(bytes) == kind {
        scan(&NOTHING, bytes);
        return;
    }
    let mut file = bytes.to_vec();
    if file.len() < at + mark.len() {
        file.resize(at + mark.len(), 0);
    }
    file[at..at + mark.len()].copy_from_slice(mark);
    scan(&NOTHING, &file);
}

/// The made and the corpora's files of this kind.
fn of_kind(kind: Kind) -> Vec<Vec<u8>> {
    let made = made::all(CONTENT).into_iter().map(|made| made.bytes);
    let mut seeds: Vec<Vec<u8>> = made.chain(corpus::samples().iter().cloned()).collect();
    seeds.retain(|seed| Kind::of(seed) == kind);
    seeds
}

pub(crate) const ZIP: Target = Target {
    words: &[
        "PK\x01\x02",
        "PK\x03\x04",
        "PK\x05\x06",
        "PK\x06\x06",
        "PK\x06\x07",
        "PK\x07\x08",
        "vbaProject.bin",
    ],
    ..target(
        "zip",
        |bytes| as_kind(Kind::Zip, 0, b"PK\x03\x04", bytes),
        || {
            use ::zip::CompressionMethod;
            let mut seeds = of_kind(Kind::Zip);
            let methods = [
                CompressionMethod::Stored,
                CompressionMethod::Bzip2,
                CompressionMethod::Zstd,
                CompressionMethod::Xz,
            ];
            seeds.extend(methods.map(|method| zip_by(method, &[("a", CONTENT), ("b/", b"")])));
            seeds.push(zip(&[("a", CONTENT), ("b.zip", &zip(&[("c", CONTENT)]))]));
            seeds
        },
    )
};

pub(crate) const GZIP: Target = target(
    "gzip",
    |bytes| as_kind(Kind::Gzip, 0, b"\x1f\x8b\x08", bytes),
    || of_kind(Kind::Gzip),
);

pub(crate) const BZIP2: Target = target(
    "bzip2",
    |bytes| as_kind(Kind::Bzip2, 0, b"BZh9", bytes),
    || of_kind(Kind::Bzip2),
);

pub(crate) const XZ: Target = target(
    "xz",
    |bytes| as_kind(Kind::Xz, 0, b"\xfd7zXZ\0", bytes),
    || of_kind(Kind::Xz),
);

pub(crate) const LZMA: Target = target(
    "lzma",
    |bytes| as_kind(Kind::Lzma, 0, b"\x5d\0\0\x01\0", bytes),
    || of_kind(Kind::Lzma),
);

pub(crate) const ZSTD: Target = target(
    "zstd",
    |bytes| as_kind(Kind::Zstd, 0, b"\x28\xb5\x2f\xfd", bytes),
    || of_kind(Kind::Zstd),
);

pub(crate) const TAR: Target = Target {
    words: &[
        "ustar\0",
        "ustar  \0",
        "././@LongLink",
        " path=",
        "GNU.sparse.major=1\n",
        "GNU.sparse.map=",
    ],
    ..target(
        "tar",
        |bytes| {
            let mut file = bytes.to_vec();
            mend_tar(&mut file);
            as_kind(Kind::Tar, 257, b"ustar", &file);
        },
        || of_kind(Kind::Tar),
    )
};

/// Gives each header its checksum, as far as sizes lead to the next one.
fn mend_tar(file: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = file.get_mut(at..at + 512) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = header[124..136]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let size = digits.fold(0usize, |size, digit| {
            (size << 3 | usize::from(digit & 7)) & 0xffff
        });
        at += 512 + size.next_multiple_of(512);
    }
}

pub(crate) const CPIO: Target = target(
    "cpio",
    |bytes| as_kind(Kind::Cpio, 0, b"070701", bytes),
    || of_kind(Kind::Cpio),
);

pub(crate) const AR: Target = Target {
    words: &["`\n", "#1/", "//              ", "debian-binary"],
    ..target(
        "ar",
        |bytes| as_kind(Kind::Ar, 0, b"!<arch>\n", bytes),
        || of_kind(Kind::Ar),
    )
};

pub(crate) const RPM: Target = target(
    "rpm",
    |bytes| as_kind(Kind::Rpm, 0, b"\xed\xab\xee\xdb", bytes),
    || of_kind(Kind::Rpm),
);

pub(crate) const SEVEN_ZIP: Target = target(
    "7z",
    |bytes| as_kind(Kind::SevenZip, 0, b"7z\xbc\xaf\x27\x1c", bytes),
    || of_kind(Kind::SevenZip),
);

pub(crate) const OLE2: Target = Target {
    most_bytes: 48 << 10,
    words: &[
        "R\0o\0o\0t\0",
        "d\0i\0r\0",
        "\x01\0O\0l\0e\0",
        "_\0V\0B\0A\0",
        "Package\0",
    ],
    ..target(
        "ole2",
        |bytes| as_kind(Kind::Ole2, 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes),
        || of_kind(Kind::Ole2),
    )
};

pub(crate) const PDF: Target = Target {
    words: &[
        "obj",
        "endobj",
        "stream\n",
        "endstream",
        "/Filter",
        "/FlateDecode",
        "/LZWDecode",
        "/ASCII85Decode",
        "/ASCIIHexDecode",
        "/RunLengthDecode",
        "/Length",
        "/DecodeParms",
        "/Predictor",
        "/Columns",
        "/ObjStm",
        "/EmbeddedFile",
        "<<",
        ">>",
        "[",
        "]",
        " 0 R",
        "~>",
        "/EarlyChange",
        "#46",
        "(",
        "\\(",
        "xref",
        "trailer",
    ],
    ..target(
        "pdf",
        |bytes| as_kind(Kind::Pdf, 0, b"%PDF-1.7\n", bytes),
        || of_kind(Kind::Pdf),
    )
};

pub(crate) const MAIL: Target = Target {
    words: &[
        "Content-Type: ",
        "multipart/mixed; boundary=",
        "Content-Transfer-Encoding: ",
        "base64",
        "quoted-printable",
        "x-uuencode",
        "begin 644 a\n",
        "end\n",
        "message/rfc822",
        "filename*0*=",
        "name=\"",
        "\n\n",
        "\r\n",
        "--",
        "From ",
        "(",
        ")",
        "=?utf-8?B?",
        "boundary*=",
    ],
    ..target(
        "mail",
        |bytes| as_kind(Kind::Mail, 0, b"From: a\nMIME-Version: 1.0\n", bytes),
        || of_kind(Kind::Mail),
    )
};

pub(crate) const HTML: Target = Target {
    words: &[
        "data:",
        ";base64,",
        "application/octet-stream",
        "<html>",
        "%20",
        "src=\"",
    ],
    ..target(
        "html",
        |bytes| as_kind(Kind::Html, 0, b"<html>", bytes),
        || of_kind(Kind::Html),
    )
};

pub(crate) const UNIVERSAL: Target = target(
    "macho-universal",
    |bytes| as_kind(Kind::MachO, 0, b"\xca\xfe\xba\xbe\0\0\0\x02", bytes),
    || of_kind(Kind::MachO),
);

/// Archives behind other files.
pub(crate) const BEHIND: Target = target(
    "embedded",
    |bytes| as_kind(Kind::Script, 0, b"#!/bin/sh\n", bytes),
    || {
        let mut seeds = of_kind(Kind::Script);
        let start = [b"#!/bin/sh\n".as_slice(), &[b'#'; 300]].concat();
        let behind = |bytes: &[u8]| [start.as_slice(), bytes].concat();
        seeds.extend(crate::executables::few().iter().map(|file| behind(file)));
        seeds
    },
);
