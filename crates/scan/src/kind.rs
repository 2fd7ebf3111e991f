//! The type of a file, by its content alone.

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
    Elf,
    Pe,
    MachO,
    Ole2,
    Pdf,
    Rtf,
    Png,
    Jpeg,
    Gif,
    Script,
    Text,
    Unknown,
}

/// Types that show in their first bytes.
const STARTS: [(&[u8], Kind); 24] = [
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"PK\x07\x08", Kind::Zip),
    (b"\x1f\x8b", Kind::Gzip),
    (b"\xfd7zXZ\x00", Kind::Xz),
    (b"BZh", Kind::Bzip2),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (b"Rar!\x1a\x07", Kind::Rar),
    (b"MSCF\0\0\0\0", Kind::Cab),
    (b"!<arch>\n", Kind::Ar),
    (b"07070", Kind::Cpio),
    (b"\xed\xab\xee\xdb", Kind::Rpm),
    (b"\x7fELF", Kind::Elf),
    (b"\xcf\xfa\xed\xfe", Kind::MachO),
    (b"\xce\xfa\xed\xfe", Kind::MachO),
    (b"\xfe\xed\xfa\xcf", Kind::MachO),
    (b"\xfe\xed\xfa\xce", Kind::MachO),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole2),
    (b"{\\rtf", Kind::Rtf),
    (b"\x89PNG\r\n\x1a\n", Kind::Png),
    (b"\xff\xd8\xff", Kind::Jpeg),
    (b"GIF8", Kind::Gif),
    (b"#!", Kind::Script),
];

/// Readers of PDF accept its mark anywhere in this many bytes.
const PDF_WINDOW: usize = 1024;
/// Bytes that tell text from other bytes.
const TEXT_WINDOW: usize = 4096;
const TAR_HEADER: usize = 512;

impl Kind {
    /// Looks at the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some((_, kind)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
            return *kind;
        }
        if bytes.starts_with(b"MZ") {
            return Self::Pe;
        }
        if is_tar(bytes) {
            return Self::Tar;
        }
        let head = bytes.get(..PDF_WINDOW).unwrap_or(bytes);
        if head.windows(5).any(|window| window == b"%PDF-") {
            return Self::Pdf;
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
            Self::Elf => "elf",
            Self::Pe => "pe",
            Self::MachO => "macho",
            Self::Ole2 => "ole2",
            Self::Pdf => "pdf",
            Self::Rtf => "rtf",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Script => "script",
            Self::Text => "text",
            Self::Unknown => "unknown",
        }
    }
}

/// A tar header carries a checksum of itself, which old archives without a magic have too.
fn is_tar(bytes: &[u8]) -> bool {
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
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(index, byte)| {
            if (148..156).contains(&index) {
                u64::from(b' ')
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    // A header of zeros is the end of an archive, not its beginning.
    sum == stated && header.first() != Some(&0)
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
