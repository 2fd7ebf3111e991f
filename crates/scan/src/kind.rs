//! The type of a file, by its content alone.

use memchr::memmem;

use crate::definitions::bytes::{u32_at, u64_at};
use crate::file_type::FileType;

/// What bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Empty,
    Zip,
    Gzip,
    Xz,
    Tar,
    Bzip2,
    Zstd,
    SevenZip,
    Rar,
    Cab,
    Ar,
    Cpio,
    Rpm,
    Lzma,
    Mail,
    Elf,
    Pe,
    MachO,
    Ole2,
    Pdf,
    Rtf,
    Html,
    Flash,
    Java,
    Png,
    Jpeg,
    Gif,
    Script,
    Text,
    Unknown,
}

/// Kinds by type.
const KINDS: [(FileType, Kind); 37] = [
    (FileType::Zip, Kind::Zip),
    (FileType::OoxmlWord, Kind::Zip),
    (FileType::OoxmlPpt, Kind::Zip),
    (FileType::OoxmlXl, Kind::Zip),
    (FileType::OoxmlHwp, Kind::Zip),
    (FileType::Gz, Kind::Gzip),
    (FileType::Xz, Kind::Xz),
    (FileType::PosixTar, Kind::Tar),
    (FileType::OldTar, Kind::Tar),
    (FileType::Bz, Kind::Bzip2),
    (FileType::Zstd, Kind::Zstd),
    (FileType::SevenZip, Kind::SevenZip),
    (FileType::Rar, Kind::Rar),
    (FileType::MsCab, Kind::Cab),
    (FileType::CpioOld, Kind::Cpio),
    (FileType::CpioOdc, Kind::Cpio),
    (FileType::CpioNewc, Kind::Cpio),
    (FileType::CpioCrc, Kind::Cpio),
    (FileType::Elf, Kind::Elf),
    (FileType::MsExe, Kind::Pe),
    (FileType::MachO, Kind::MachO),
    (FileType::MachOUniversal, Kind::MachO),
    (FileType::MsOle2, Kind::Ole2),
    (FileType::HwpOle2, Kind::Ole2),
    (FileType::Pdf, Kind::Pdf),
    (FileType::Rtf, Kind::Rtf),
    (FileType::Html, Kind::Html),
    (FileType::HtmlUtf16, Kind::Html),
    (FileType::Mail, Kind::Mail),
    (FileType::Mhtml, Kind::Mail),
    (FileType::Swf, Kind::Flash),
    (FileType::Java, Kind::Java),
    (FileType::Png, Kind::Png),
    (FileType::Jpeg, Kind::Jpeg),
    (FileType::Gif, Kind::Gif),
    (FileType::TextUtf8, Kind::Text),
    (FileType::Script, Kind::Script),
];

/// Kinds that ClamAV has no type for, by their first bytes.
const STARTS: [(&[u8], Kind); 5] = [
    (b"!<arch>\n", Kind::Ar),
    (b"\xed\xab\xee\xdb", Kind::Rpm),
    (b"#!", Kind::Script),
    (b"\xff\xfe", Kind::Text),
    (b"\xfe\xff", Kind::Text),
];

/// Readers of PDF accept its mark anywhere in this many bytes.
const PDF_WINDOW: usize = 1024;
/// Bytes that tell text from other bytes.
const TEXT_WINDOW: usize = 4096;

impl Kind {
    /// Looks at the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::with_type(bytes, FileType::detect(bytes))
    }

    /// The kind of bytes whose type is known. Kinds are ours: they tell what the scanner can open,
    /// also where ClamAV's types don't.
    pub(crate) fn with_type(bytes: &[u8], file_type: FileType) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        KINDS
            .iter()
            .find(|(listed, _)| *listed == file_type)
            .map_or_else(|| Self::unlisted(bytes), |(_, kind)| *kind)
    }

    fn unlisted(bytes: &[u8]) -> Self {
        if let Some((_, kind)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
            return *kind;
        }
        let head = bytes.get(..PDF_WINDOW).unwrap_or(bytes);
        if memmem::find(head, b"%PDF-").is_some() {
            return Self::Pdf;
        }
        if is_lzma(bytes) {
            return Self::Lzma;
        }
        if is_text(bytes.get(..TEXT_WINDOW).unwrap_or(bytes)) {
            return Self::Text;
        }
        Self::Unknown
    }

    /// The name in verdicts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Tar => "tar",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
            Self::SevenZip => "7z",
            Self::Rar => "rar",
            Self::Cab => "cab",
            Self::Ar => "ar",
            Self::Cpio => "cpio",
            Self::Rpm => "rpm",
            Self::Lzma => "lzma",
            Self::Mail => "mail",
            Self::Elf => "elf",
            Self::Pe => "pe",
            Self::MachO => "macho",
            Self::Ole2 => "ole2",
            Self::Pdf => "pdf",
            Self::Rtf => "rtf",
            Self::Html => "html",
            Self::Flash => "flash",
            Self::Java => "java",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Script => "script",
            Self::Text => "text",
            Self::Unknown => "unknown",
        }
    }
}

/// LZMA alone has no mark: properties as programs write them, a size of dictionary that is a power
/// of two or the sum of two, and an unpacked size that is unknown or below 256 GiB.
fn is_lzma(bytes: &[u8]) -> bool {
    let (Some(0x5d), Some(dictionary), Some(size), Some(0)) = (
        bytes.first(),
        u32_at(bytes, 1),
        u64_at(bytes, 5),
        bytes.get(13),
    ) else {
        return false;
    };
    let plausible = dictionary.count_ones() <= 2 && dictionary >= 4096;
    plausible && (size == u64::MAX || size < 256 << 30)
}

fn is_text(sample: &[u8]) -> bool {
    let readable = |byte: &u8| !byte.is_ascii_control() || b"\t\n\r\x0b\x0c\x1b".contains(byte);
    match std::str::from_utf8(sample) {
        Ok(_) => sample.iter().all(readable),
        // The sample may end inside a character.
        Err(error) => {
            error.error_len().is_none()
                && sample
                    .get(..error.valid_up_to())
                    .is_some_and(|valid| !valid.is_empty() && valid.iter().all(readable))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_content() {
        let mut tar = [0u8; 512];
        tar[0] = b'a';
        let sum: u64 = u64::from(b'a') + 8 * u64::from(b' ');
        tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        for (bytes, kind) in [
            (b"".as_slice(), Kind::Empty),
            (b"PK\x03\x04rest", Kind::Zip),
            (b"\x1f\x8b\x08", Kind::Gzip),
            (b"\x7fELF\x02", Kind::Elf),
            (b"#!/bin/sh\n", Kind::Script),
            (b"junk\n%PDF-1.7", Kind::Pdf),
            ("größer".as_bytes(), Kind::Text),
            (b"\x00\x01\x02", Kind::Unknown),
            (&tar, Kind::Tar),
        ] {
            assert_eq!(Kind::of(bytes), kind, "{bytes:?}");
        }
        assert_ne!(Kind::of(&[0u8; 512]), Kind::Tar);
    }
}
