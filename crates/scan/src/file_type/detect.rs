//! Types by content, told as ClamAV tells them without a file of type signatures: marks at fixed
//! places, then text by its characters, then what shows somewhere in text.

use memchr::{memchr_iter, memmem};

use super::FileType;
use crate::definitions::bytes::slice;

/// Bytes of a file that its type shows in.
const HEAD_BYTES: usize = 1024;
/// Bytes of text that are searched for what makes it HTML or mail.
const TEXT_BYTES: usize = 4 << 20;
const TAR_HEADER: usize = 512;

/// Marks: where, what, which type. The first that fits counts.
pub(super) const MARKS: &[(usize, &[u8], FileType)] = &[
    (
        0,
        b"\xe4R\\{\x8c\xd8\xa7M\xae\xb1Sx\xd0)\x96\xd3",
        FileType::Onenote,
    ),
    (0, b"ZWS", FileType::Swf),
    (0, b"{\n  \"Magic\":\"CLAMJSONv0\"", FileType::Internal),
    (0, b"MM", FileType::Tiff),
    (0, b"II*\0", FileType::Tiff),
    (0, b"\xff\xd8\xff", FileType::Jpeg),
    (0, b"GIF", FileType::Gif),
    (0, b"\x89PNG", FileType::Png),
    (0, b"EGGA", FileType::Egg),
    (0, b"CWS", FileType::Swf),
    (
        0,
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F",
        FileType::Lnk,
    ),
    (0, b"%!PS-Adobe-", FileType::Ps),
    (0, b"{\\rt", FileType::Rtf),
    (
        0,
        b"HWP Document File V3.00 \x1a\x01\x02\x03\x04\x05",
        FileType::Hwp3,
    ),
    (4, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileType::HwpOle2),
    (512, b"EFI PART", FileType::Gpt),
    (0, b"\xfd7zXZ\0", FileType::Xz),
    (0, b"xar!", FileType::Xar),
    (0, b"\0\0\x01\xba", FileType::BinaryData),
    (0, b"\0\0\x01\xb3", FileType::BinaryData),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", FileType::Graphics),
    (0, b"[aliases]", FileType::PosixTar),
    (0, b"MSCF\0\0\0\0", FileType::MsCab),
    (0, b"FWS", FileType::Swf),
    (0, b"\xd9\xd5\x05\xf9 \xa1c\xd7", FileType::Ignored),
    (0, b"SQLite format 3\0", FileType::Ignored),
    (0, b"7\x7f\x06\x83\0-\xe2\x18", FileType::Ignored),
    (0, b"7\x7f\x06\x82\0-\xe2\x18", FileType::Ignored),
    (0, b"SYMC\x01\0", FileType::Ignored),
    (0, b"%PDF-", FileType::Pdf),
    (0, b"\xc7q", FileType::CpioOld),
    (0, b"q\xc7", FileType::CpioOld),
    (0, b"070707", FileType::CpioOdc),
    (0, b"070702", FileType::CpioCrc),
    (0, b"070701", FileType::CpioNewc),
    (0, b"Received-SPF: ", FileType::Mail),
    (0, b"7z\xbc\xaf'\x1c", FileType::SevenZip),
    (0, b"\xfe\xed\xfa\xcf", FileType::MachO),
    (0, b"\xfe\xed\xfa\xce", FileType::MachO),
    (0, b"\xcf\xfa\xed\xfe", FileType::MachO),
    (0, b"\xce\xfa\xed\xfe", FileType::MachO),
    (0, b"[aliases]", FileType::Script),
    (257, b"ustar", FileType::PosixTar),
    (0, b"SIP-HIT (SIP/H", FileType::Ignored),
    (0, b"\xff\xfb\x90", FileType::Ignored),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileType::MsOle2),
    (0, b"\xb6\xb9\xac\xae\xfe\xff\xff\xff", FileType::CryptFf),
    (0, b"\x7fELF", FileType::Elf),
    (0, b"x\x9f>\"", FileType::Tnef),
    (0, b"v:\r\nReceived: ", FileType::Mail),
    (0, b"v:\nReceived: ", FileType::Mail),
    (0, b"begin ", FileType::Uuencoded),
    (0, b"`\xea", FileType::Arj),
    (0, b"X-UIDL: ", FileType::Mail),
    (0, b"X-Symantec-", FileType::Mail),
    (0, b"X-Sieve: ", FileType::Mail),
    (0, b"X-Real-To: ", FileType::Mail),
    (0, b"X-Original-To: ", FileType::Mail),
    (0, b"X-Envelope-From: ", FileType::Mail),
    (0, b"X-EVS", FileType::Mail),
    (0, b"X-Apparently-To: ", FileType::Mail),
    (0, b"To: ", FileType::Mail),
    (0, b"Subject: ", FileType::Mail),
    (0, b"SZDD", FileType::MsSzdd),
    (0, b"Return-path: ", FileType::Mail),
    (0, b"Return-Path: ", FileType::Mail),
    (0, b"Received: ", FileType::Mail),
    (0, b"Rar!", FileType::Rar),
    (0, b"RIFX", FileType::Riff),
    (0, b"RIFF", FileType::Riff),
    (0, b"PK00PK\x03\x04", FileType::Zip),
    (0, b"PK\x03\x04", FileType::Zip),
    (0, b"OggS", FileType::Ignored),
    (0, b"Message-Id: ", FileType::Mail),
    (0, b"Message-ID: ", FileType::Mail),
    (0, b"MZ", FileType::MsExe),
    (0, b"ITSF", FileType::MsChm),
    (0, b"ID3", FileType::Ignored),
    (0, b"Hi. This is the qmail-send", FileType::Mail),
    (0, b"From: ", FileType::Mail),
    (0, b"From ", FileType::Mail),
    (0, b"For: ", FileType::Mail),
    (0, b"Envelope-to: ", FileType::Mail),
    (0, b"Delivery-date: ", FileType::Mail),
    (0, b"Delivered-To: ", FileType::Mail),
    (0, b"Date: ", FileType::Mail),
    (0, b"BZh", FileType::Bz),
    (0, b"BM", FileType::Graphics),
    (0, b">From ", FileType::Mail),
    (0, b".RMF", FileType::Ignored),
    (
        0,
        b"(This file must be converted with BinHex 4.0)",
        FileType::Binhex,
    ),
    (0, b"#@~^", FileType::ScrEnc),
    (0, b"\x1f\x8b", FileType::Gz),
];

/// Marks of types that ClamAV 1.4 does not tell by them.
const OWN_MARKS: [(usize, &[u8], FileType); 5] = [
    (0, b"\x28\xb5\x2f\xfd", FileType::Zstd),
    (0, b"ALZ\x01", FileType::Alz),
    (0, b"PK\x05\x06", FileType::Zip),
    (0, b"PK\x07\x08PK\x03\x04", FileType::Zip),
    (0, b"PK\x03\x03PK\x03\x04", FileType::Zip),
];

/// What begins HTML, as it is spelled by those who write it.
const HTML_TAGS: [&[u8]; 19] = [
    b"HEAD>", b"Head>", b"head>", b"HTML>", b"Html>", b"html>", b"IFRAME", b"iframe", b"IMG",
    b"Img", b"img", b"OBJECT", b"Object", b"object", b"SCRIPT", b"Script", b"script", b"TABLE",
    b"table",
];

impl FileType {
    /// The type of a file by its content.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Self {
        let marked = MARKS
            .iter()
            .chain(&OWN_MARKS)
            .find(|(at, mark, _)| slice(bytes, *at, mark.len()) == Some(mark))
            .map(|(_, _, file_type)| *file_type);
        match marked {
            Some(Self::Zip) => office(bytes),
            Some(file_type) => file_type,
            None => unmarked(bytes),
        }
    }
}

fn unmarked(bytes: &[u8]) -> FileType {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let base = text(head);
    if base == FileType::BinaryData && has_tar_checksum(bytes) {
        return FileType::OldTar;
    }
    if let Some(found) = shown(head) {
        return found;
    }
    if is_html(&narrowed(head)) {
        return FileType::HtmlUtf16;
    }
    if base == FileType::TextAscii {
        let whole = bytes.get(..TEXT_BYTES).unwrap_or(bytes);
        if is_mhtml(whole) {
            return FileType::Mhtml;
        }
        if is_html(whole) {
            return FileType::Html;
        }
    }
    base
}

/// Types that show within the first bytes of text or of what has no mark, the stronger first.
fn shown(head: &[u8]) -> Option<FileType> {
    if is_mhtml(head) {
        return Some(FileType::Mhtml);
    }
    if is_mail(head) {
        return Some(FileType::Mail);
    }
    if is_html(head) {
        return Some(FileType::Html);
    }
    if let Some(version) = head.strip_prefix(b"\xca\xfe\xba\xbe\0\0\0") {
        match version.first() {
            Some(..0x20) => return Some(FileType::MachOUniversal),
            Some(0x20..0x40) => return Some(FileType::Java),
            _ => {}
        }
    }
    // A frame of Zstandard that is to be skipped; a frame with content follows.
    if matches!(head.get(..4), Some([0x50..=0x5f, 0x2a, 0x4d, 0x18])) {
        return Some(FileType::Zstd);
    }
    if slice(head, 2, 5).is_some_and(is_lha) {
        return Some(FileType::LhaLzh);
    }
    let is_pdf = |start: usize| head.get(start + 6) == Some(&b'.');
    if memmem::find_iter(head, b"%PDF-").any(is_pdf)
        || memmem::find_iter(head, b"%pdf-").any(is_pdf)
    {
        return Some(FileType::Pdf);
    }
    (slice(head, 1, 3) == Some(b"\r\r\n")).then_some(FileType::PythonCompiled)
}

fn is_lha(mark: &[u8]) -> bool {
    matches!(
        mark,
        [b'-', b'l', b'h', b'0'..=b'7' | b'd' | b'x', b'-']
            | [b'-', b'l', b'z', b's' | b'4' | b'5', b'-']
            | b"-pm0-"
    )
}

/// What kind of text, by the characters of its beginning; binary data if it is none.
fn text(head: &[u8]) -> FileType {
    if head.iter().all(|byte| is_text_byte(*byte) || *byte >= 0x80) {
        return FileType::TextAscii;
    }
    match is_utf16(head) {
        Some(true) => FileType::TextUtf16Be,
        Some(false) => FileType::TextUtf16Le,
        None => FileType::BinaryData,
    }
}

const fn is_text_byte(byte: u8) -> bool {
    matches!(byte, 7..=10 | 12 | 13 | 27 | 32..=126)
}

/// Whether these are characters of 16 bits, and if so, whether the high byte comes first. Without
/// a mark at the beginning they are taken to be so, and a single control character speaks against.
fn is_utf16(head: &[u8]) -> Option<bool> {
    let (big_endian, marked) = match head.get(..2)? {
        [0xff, 0xfe] => (false, true),
        [0xfe, 0xff] => (true, true),
        _ => (true, false),
    };
    let mut bad = 0;
    for pair in head.get(2..)?.chunks_exact(2) {
        let pair = pair.try_into().unwrap_or_default();
        let unit = if big_endian {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        };
        let is_control = u8::try_from(unit).is_ok_and(|byte| byte < 0x80 && !is_text_byte(byte));
        if unit == 0xfffe || is_control && !marked {
            return None;
        }
        bad += usize::from(is_control);
    }
    (!marked || bad < head.len() / 2).then_some(big_endian)
}

/// Characters of 16 bits as bytes, with what does not fit left out of sight.
fn narrowed(head: &[u8]) -> Vec<u8> {
    let big_endian = head.starts_with(b"\xfe\xff");
    head.chunks_exact(2)
        .map(|pair| match pair {
            [high, low] if big_endian && *high == 0 => *low,
            [low, 0] if !big_endian => *low,
            _ => 0,
        })
        .collect()
}

fn is_html(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"<%@ LANGUAGE =") {
        return true;
    }
    let mut links = false;
    for at in memchr_iter(b'<', bytes) {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        if HTML_TAGS.iter().any(|tag| rest.starts_with(tag)) {
            return true;
        }
        // Where the link is told does not matter, so one look for it is enough.
        if !links && (rest.starts_with(b"A ") || rest.starts_with(b"a ")) {
            links = true;
            let is_link = |found: usize| {
                matches!(rest.get(found - 2..found), Some([b'h' | b'H', b'r' | b'R']))
            };
            let named = |name: &[u8]| {
                memmem::find_iter(rest, name).any(|found| found >= 4 && is_link(found))
            };
            if named(b"EF") || named(b"ef") {
                return true;
            }
        }
    }
    false
}

/// Header lines that begin lines, one after the other: the first within `first` bytes of the
/// beginning, the next at most `apart` bytes behind it.
fn has_lines(bytes: &[u8], names: [&str; 2], first: usize, apart: usize) -> bool {
    let [name, next] = names;
    lines(bytes, name).take_while(|at| *at <= first).any(|at| {
        let behind = at + 1 + name.len();
        let end = (behind + apart + 1 + next.len()).min(bytes.len());
        let rest = bytes.get(behind..end).unwrap_or_default();
        lines(rest, next).next().is_some()
    })
}

/// Where lines begin with a header's name; only first letters of words may be of any case, and
/// all of `mime`.
fn lines<'a>(bytes: &'a [u8], name: &'a str) -> impl Iterator<Item = usize> + 'a {
    memchr_iter(b'\n', bytes).filter(move |at| {
        bytes
            .get(at + 1..)
            .is_some_and(|rest| starts_with_header(rest, name))
    })
}

fn starts_with_header(bytes: &[u8], name: &str) -> bool {
    let free_case = name.len().min(if name.starts_with("MIME") { 4 } else { 0 });
    bytes.len() >= name.len()
        && name
            .bytes()
            .zip(bytes)
            .enumerate()
            .all(|(index, (want, have))| {
                want == *have
                    || (index < free_case || want.is_ascii_uppercase())
                        && want.eq_ignore_ascii_case(have)
            })
}

const MIME: &str = "MIME-Version: ";
const CONTENT: &str = "Content-Type: ";

fn is_mail(head: &[u8]) -> bool {
    has_lines(head, ["From: ", MIME], 1024, 1024)
        || has_lines(head, ["From: ", CONTENT], 1024, 2048)
        || has_lines(head, [MIME, CONTENT], 1024, 2048)
        || has_lines(head, ["Message-Id: ", CONTENT], 1024, 1024)
        || has_lines(head, ["Received: ", CONTENT], 2048, 2048)
        || memmem::find(head, b"Delivered-To: ").is_some_and(|at| {
            let behind = head.get(at + 14..).unwrap_or_default();
            let near = behind.get(..256 + 9).unwrap_or(behind);
            memmem::find(near, b"Received:").is_some()
        })
}

fn is_mhtml(bytes: &[u8]) -> bool {
    let at_start = starts_with_header(bytes, MIME) && {
        let rest = bytes.get(MIME.len()..).unwrap_or_default();
        let near = rest.get(..1024 + 1 + CONTENT.len()).unwrap_or(rest);
        lines(near, CONTENT).next().is_some()
    };
    at_start || has_lines(bytes, [MIME, CONTENT], usize::MAX, 1024)
}

/// Zip archives of office programs, by the names of what they hold.
fn office(bytes: &[u8]) -> FileType {
    const LOCAL_NAME_AT: usize = 30;
    const CENTRAL_NAME_AT: usize = 46;
    /// Local headers that are looked at, and where they are looked for.
    const LOCAL_HEADERS: usize = 3;
    const LOCAL_BYTES: usize = 1 << 20;
    /// Bytes at the end in which the directory is looked at.
    const CENTRAL_BYTES: usize = 1 << 16;
    let head = bytes.get(..LOCAL_BYTES).unwrap_or(bytes);
    let mut likely = false;
    for at in memmem::find_iter(head, b"PK\x03\x04").take(LOCAL_HEADERS) {
        let name = bytes.get(at + LOCAL_NAME_AT..).unwrap_or_default();
        if let Some(found) = office_part(name) {
            return found;
        }
        likely |= [
            b"docProps/".as_slice(),
            b"customXml/",
            b"_.rels/.rels",
            b"[Content_Types].xml",
        ]
        .iter()
        .any(|start| name.starts_with(start));
    }
    if !likely {
        return FileType::Zip;
    }
    let tail_at = bytes.len().saturating_sub(CENTRAL_BYTES);
    let tail = bytes.get(tail_at..).unwrap_or_default();
    memmem::find_iter(tail, b"PK\x01\x02")
        .find_map(|at| office_part(tail.get(at + CENTRAL_NAME_AT..)?))
        .unwrap_or(FileType::Zip)
}

fn office_part(name: &[u8]) -> Option<FileType> {
    let parts: [(&[u8], FileType); 4] = [
        (b"xl/", FileType::OoxmlXl),
        (b"ppt/", FileType::OoxmlPpt),
        (b"word/", FileType::OoxmlWord),
        (b"Contents/content.hpf", FileType::OoxmlHwp),
    ];
    parts
        .iter()
        .find(|(start, _)| name.starts_with(start))
        .map(|(_, file_type)| *file_type)
}

/// A tar header carries a checksum of itself, which old archives without a mark have too.
fn has_tar_checksum(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..TAR_HEADER) else {
        return false;
    };
    let Some(field) = header.get(148..156) else {
        return false;
    };
    let digits: Vec<u8> = field
        .iter()
        .copied()
        .skip_while(|byte| *byte == b' ')
        .take_while(u8::is_ascii_digit)
        .collect();
    let Some(stated) = std::str::from_utf8(&digits)
        .ok()
        .and_then(|digits| u64::from_str_radix(digits, 8).ok())
    else {
        return false;
    };
    let field_sum: u64 = field.iter().map(|byte| u64::from(*byte)).sum();
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    // A header of zeros is the end of an archive, not its beginning.
    sum - field_sum + 8 * u64::from(b' ') == stated && header.first() != Some(&0)
}
