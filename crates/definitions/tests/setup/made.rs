//! Containers of each format, made here, around given content.

pub(crate) mod ole2;
pub(crate) mod pdf;
pub(crate) mod quine;
pub(crate) mod seven_zip;

use std::io::Write;

use super::{gzip, tar, xz, zip};

/// A container, the way to the content in it, and whether clamscan knows the format.
pub(crate) struct Made {
    pub(crate) format: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) way: &'static str,
    pub(crate) known_to_clamscan: bool,
}

/// One of each format, with `content` inside.
pub(crate) fn all(content: &[u8]) -> Vec<Made> {
    let made = |format, bytes, way, known_to_clamscan| Made {
        format,
        bytes,
        way,
        known_to_clamscan,
    };
    let archive = cpio_new(&[("dir/file", content)], "070701");
    let mut made_of = vec![
        made("zip", zip(&[("a", content)]), "a", true),
        made("gzip", gzip(content), "content", true),
        made("xz", xz(content), "content", true),
        made("tar", tar(&[(b"a", content)]), "a", true),
        made("bzip2", bzip2(content), "content", true),
        made(
            "bzip2 twice",
            [bzip2(b""), bzip2(content)].concat(),
            "content",
            false,
        ),
        made("zstd", zstd(content), "content", false),
        made(
            "zstd behind a skipped frame",
            skipped_zstd(content),
            "content",
            false,
        ),
        made("lzma", lzma(content), "content", false),
        made("cpio newc", archive.clone(), "dir/file", true),
        made("cpio crc", cpio_new(&[("f", content)], "070702"), "f", true),
        made("cpio odc", cpio_odc("file", content), "file", true),
        made(
            "cpio binary LE",
            cpio_binary("file", content, u16::to_le_bytes),
            "file",
            true,
        ),
        made(
            "cpio binary BE",
            cpio_binary("odd", content, u16::to_be_bytes),
            "odd",
            true,
        ),
        made("ar", ar(&[("short", content)]), "short", false),
        made(
            "ar with a long name",
            ar(&[("a name of more than 16 characters", content)]),
            "a name of more than 16 characters",
            false,
        ),
        made(
            "ar of BSD",
            ar_bsd("a long name of BSD", content),
            "a long name of BSD",
            false,
        ),
        made("deb", deb(content), "data.tar.xz > content > a", false),
        made(
            "rpm",
            rpm(&gzip(&archive)),
            "payload > content > dir/file",
            false,
        ),
        made(
            "rpm with LZMA",
            rpm(&lzma(&archive)),
            "payload > content > dir/file",
            false,
        ),
        made("Mach-O for two", universal(content), "architecture 1", true),
        made(
            "mail, base64",
            mail(&base64(content), "base64"),
            "the file.exe",
            true,
        ),
        // clamscan ends quoted text with a line of its own.
        made(
            "mail, quoted",
            mail(&quoted(content), "quoted-printable"),
            "the file.exe",
            false,
        ),
        made(
            "mail, uuencode",
            mail(&uuencode(content), "x-uuencode"),
            "the file.exe",
            true,
        ),
        made("mail in mail", nested_mail(content), "the file.exe", true),
        made("mailbox", mailbox(content), "the file.exe", true),
        made("HTML", html(content), "data 1", true),
    ];
    made_of.extend(documents(content));
    made_of
}

/// Documents, 7z, and archives within other files.
fn documents(content: &[u8]) -> Vec<Made> {
    let made = |format, bytes, way, known_to_clamscan| Made {
        format,
        bytes,
        way,
        known_to_clamscan,
    };
    let program = [b"#!/bin/sh\n".as_slice(), &[b'#'; 300]].concat();
    let behind = |archive: Vec<u8>| [program.as_slice(), &archive].concat();
    vec![
        made(
            "OLE2, small stream",
            ole2::ole2(&[("A/B", content)]),
            "A/B",
            true,
        ),
        made(
            "OLE2, package",
            ole2::with_package(content),
            "ObjectPool/_1/\\x01Ole10Native/file.exe",
            true,
        ),
        made(
            "OLE2, macro",
            ole2::with_macro(content),
            "Macros/VBA/Module1.vba",
            false,
        ),
        made(
            "OOXML, package",
            zip(&[
                ("[Content_Types].xml", b"<x/>"),
                (
                    "word/embeddings/oleObject1.bin",
                    &ole2::with_package(content),
                ),
            ]),
            "word/embeddings/oleObject1.bin > ObjectPool/_1/\\x01Ole10Native/file.exe",
            true,
        ),
        made(
            "PDF, Flate",
            pdf::pdf(&["FlateDecode"], content, ""),
            "",
            true,
        ),
        made("PDF, LZW", pdf::pdf(&["LZWDecode"], content, ""), "", false),
        made(
            "PDF, hex",
            pdf::pdf(&["ASCIIHexDecode"], content, ""),
            "",
            true,
        ),
        made(
            "PDF, base 85",
            pdf::pdf(&["ASCII85Decode"], content, ""),
            "",
            true,
        ),
        made(
            "PDF, run length",
            pdf::pdf(&["RunLengthDecode"], content, ""),
            "",
            false,
        ),
        made(
            "PDF, three filters",
            pdf::pdf(
                &["ASCII85Decode", "RunLengthDecode", "FlateDecode"],
                content,
                "",
            ),
            "",
            true,
        ),
        made(
            "PDF, attachment",
            pdf::pdf(&["FlateDecode"], content, "/Type/EmbeddedFile"),
            "",
            true,
        ),
        made(
            "7z, stored",
            seven_zip::seven_zip(&[("a", b"x"), ("b/c", content)], true),
            "b/c",
            true,
        ),
        made(
            "7z, Deflate",
            seven_zip::seven_zip(&[("a", content), ("b", b"x")], false),
            "a",
            false,
        ),
        made(
            "zip behind a program",
            behind(zip(&[("a", content)])),
            "a",
            true,
        ),
        made(
            "two zips behind a program",
            behind([zip(&[("a", content)]), zip(&[("b", b"x")])].concat()),
            "a",
            true,
        ),
        made(
            "7z behind a program",
            behind(seven_zip::seven_zip(&[("a", content)], true)),
            "7z at 310 > a",
            true,
        ),
    ]
}

pub(crate) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

fn skipped_zstd(content: &[u8]) -> Vec<u8> {
    [b"\x53\x2a\x4d\x18\x03\0\0\0abc".as_slice(), &zstd(content)].concat()
}

pub(crate) fn lzma(content: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    out.write_all(content).unwrap();
    out.finish().unwrap()
}

fn padded(bytes: &mut Vec<u8>, alignment: usize) {
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

pub(crate) fn cpio_new(members: &[(&str, &[u8])], magic: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members.iter().chain(&[("TRAILER!!!", b"".as_slice())]) {
        let sum = content
            .iter()
            .fold(0u32, |sum, byte| sum + u32::from(*byte));
        let check = if magic == "070702" { sum } else { 0 };
        write!(out, "{magic}{:08x}{:08x}", 1, 0o100_644).unwrap();
        write!(out, "{:08x}{:08x}{:08x}{:08x}", 0, 0, 1, 0).unwrap();
        write!(
            out,
            "{:08x}{:08x}{:08x}{:08x}{:08x}",
            content.len(),
            0,
            0,
            0,
            0
        )
        .unwrap();
        write!(out, "{:08x}{check:08x}{name}\0", name.len() + 1).unwrap();
        padded(&mut out, 4);
        out.extend(*content);
        padded(&mut out, 4);
    }
    out
}

fn cpio_odc(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in [(name, content), ("TRAILER!!!", b"")] {
        write!(out, "070707{:06o}{:06o}{:06o}", 1, 2, 0o100_644).unwrap();
        write!(out, "{:06o}{:06o}{:06o}{:06o}{:011o}", 0, 0, 1, 0, 0).unwrap();
        write!(out, "{:06o}{:011o}{name}\0", name.len() + 1, content.len()).unwrap();
        out.extend(content);
    }
    out
}

fn cpio_binary(name: &str, content: &[u8], order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in [(name, content), ("TRAILER!!!", b"")] {
        let size = content.len() as u32;
        let words = [
            0o070_707,
            1,
            2,
            0o100_644,
            0,
            0,
            1,
            0,
            0,
            0,
            name.len() as u16 + 1,
            (size >> 16) as u16,
            size as u16,
        ];
        out.extend(words.into_iter().flat_map(order));
        out.extend(name.as_bytes());
        out.push(0);
        padded(&mut out, 2);
        out.extend(content);
        padded(&mut out, 2);
    }
    out
}

fn ar_member(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let size = content.len();
    writeln!(
        out,
        "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`",
        0, 0, 0, 644
    )
    .unwrap();
    out.extend(content);
    padded(out, 2);
}

pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    let mut names = String::new();
    let mut fields = Vec::new();
    for (name, _) in members {
        if name.len() < 16 {
            fields.push(format!("{name}/"));
        } else {
            fields.push(format!("/{}", names.len()));
            names.push_str(&format!("{name}/\n"));
        }
    }
    if !names.is_empty() {
        ar_member(&mut out, "//", names.as_bytes());
    }
    for (field, (_, content)) in fields.iter().zip(members) {
        ar_member(&mut out, field, content);
    }
    out
}

fn ar_bsd(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    let whole = [name.as_bytes(), content].concat();
    ar_member(&mut out, &format!("#1/{}", name.len()), &whole);
    out
}

fn deb(content: &[u8]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n"),
        (
            "control.tar.gz",
            &gzip(&tar(&[(b"control", b"Package: x\n")])),
        ),
        ("data.tar.xz", &xz(&tar(&[(b"a", content)]))),
    ])
}

fn rpm(payload: &[u8]) -> Vec<u8> {
    let mut out = b"\xed\xab\xee\xdb\x03\0".to_vec();
    out.resize(96, 0);
    // Two headers of one entry and some data each; the first is padded to 8.
    for data in [5usize, 7] {
        out.extend(b"\x8e\xad\xe8\x01\0\0\0\0");
        out.extend(1u32.to_be_bytes());
        out.extend((data as u32).to_be_bytes());
        out.extend([0; 16]);
        out.extend(vec![b'd'; data]);
        if data == 5 {
            padded(&mut out, 8);
        }
    }
    out.extend(payload);
    out
}

fn universal(content: &[u8]) -> Vec<u8> {
    let mut out = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
    for (offset, size) in [(0x100u32, 4), (0x200, content.len() as u32)] {
        for word in [7, 3, offset, size, 12] {
            out.extend(word.to_be_bytes());
        }
    }
    out.resize(0x200, 0);
    out.extend(content);
    out
}

pub(crate) fn base64(content: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (index, group) in content.chunks(3).enumerate() {
        if index > 0 && index % 18 == 0 {
            text.push_str("\r\n");
        }
        let bits = group
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            if place > group.len() {
                text.push('=');
            } else {
                text.push(LETTERS[(bits >> (18 - 6 * place)) as usize & 63].into());
            }
        }
    }
    text
}

fn quoted(content: &[u8]) -> String {
    let mut text = String::new();
    for (index, byte) in content.iter().enumerate() {
        if index > 0 && index % 20 == 0 {
            text.push_str("=\r\n");
        }
        text.push_str(&format!("={byte:02X}"));
    }
    text
}

fn uuencode(content: &[u8]) -> String {
    let letter = |value: u32| char::from(if value == 0 { b'`' } else { b' ' + value as u8 });
    let mut text = String::from("begin 644 the file.exe\n");
    for line in content.chunks(45) {
        text.push(letter(line.len() as u32));
        for group in line.chunks(3) {
            let bits = (0..3).fold(0u32, |bits, index| {
                bits << 8 | u32::from(group.get(index).copied().unwrap_or(0))
            });
            for place in 0..4 {
                text.push(letter(bits >> (18 - 6 * place) & 63));
            }
        }
        text.push('\n');
    }
    text + "`\nend\n"
}

fn mail(body: &str, encoding: &str) -> Vec<u8> {
    format!(
        "Received: from a by b\r\nFrom: a@example.org\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed;\r\n boundary=\"=_x;y\"\r\n\r\nUnseen\r\n--=_x;y\r\n\
         Content-Type: text/plain\r\n\r\nHello\r\n--=_x;y\r\n\
         Content-Type: application/octet-stream; name=\"the file.exe\"\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\
         Content-Disposition: attachment; filename=\"the file.exe\"\r\n\r\n{body}\r\n--=_x;y--\r\n"
    )
    .into_bytes()
}

fn nested_mail(content: &[u8]) -> Vec<u8> {
    let inner = String::from_utf8(mail(&base64(content), "base64")).unwrap();
    format!(
        "From: b@example.org\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n{inner}"
    )
    .into_bytes()
}

fn mailbox(content: &[u8]) -> Vec<u8> {
    let message = String::from_utf8(mail(&base64(content), "base64")).unwrap();
    let first = "From: c@example.org\nSubject: none\n\nText only.\n\n";
    format!("From a Thu Jan  1 00:00:00 1970\n{first}From a Thu Jan  1 00:00:00 1970\n{message}")
        .into_bytes()
}

fn html(content: &[u8]) -> Vec<u8> {
    let data = base64(content).replace("\r\n", "");
    format!("<html><a href=\"data:application/octet-stream;base64,{data}\">x</a></html>")
        .into_bytes()
}
