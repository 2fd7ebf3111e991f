//! Filters of streams (ISO 32000-2, section 7.4).

use std::io::{self, BufReader, Read};

use flate2::bufread::{DeflateDecoder, ZlibDecoder};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Flate,
    Lzw,
    AsciiHex,
    Ascii85,
    RunLength,
    /// A format of pictures: what is packed is a file of its own.
    Picture,
    Unknown,
}

impl Filter {
    pub(super) fn named(name: &[u8]) -> Self {
        match name {
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" => Self::Lzw,
            b"ASCIIHexDecode" | b"AHx" => Self::AsciiHex,
            b"ASCII85Decode" | b"A85" => Self::Ascii85,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"DCTDecode" | b"DCT" | b"CCITTFaxDecode" | b"CCF" | b"JBIG2Decode" | b"JPXDecode" => {
                Self::Picture
            }
            _ => Self::Unknown,
        }
    }
}

/// The data with the filters undone, the first one first.
pub(super) fn reader<'a>(data: &'a [u8], filters: &[Filter]) -> Box<dyn Read + 'a> {
    filters
        .iter()
        .fold(Box::new(data) as Box<dyn Read + 'a>, |inner, filter| {
            let inner = BufReader::new(inner);
            match filter {
                Filter::Flate => Box::new(Flate::Undecided(Some(inner))),
                Filter::Lzw => Box::new(Lzw::new(inner)),
                Filter::AsciiHex => Box::new(Bytewise::new(AsciiHex(inner.bytes()))),
                Filter::Ascii85 => Box::new(Bytewise::new(Ascii85::new(inner.bytes()))),
                Filter::RunLength => Box::new(RunLength::new(inner.bytes())),
                Filter::Picture | Filter::Unknown => Box::new(inner),
            }
        })
}

/// Deflate with the header of zlib, or without it where writers left it out.
enum Flate<R> {
    Undecided(Option<BufReader<R>>),
    Zlib(ZlibDecoder<BufReader<R>>),
    Bare(DeflateDecoder<BufReader<R>>),
}

impl<R: Read> Read for Flate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Self::Undecided(inner) = self {
            let Some(mut inner) = inner.take() else {
                return Ok(0);
            };
            let head = io::BufRead::fill_buf(&mut inner)?;
            let has_header = matches!(head, [first, second, ..]
                if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0);
            *self = if has_header {
                Self::Zlib(ZlibDecoder::new(inner))
            } else {
                Self::Bare(DeflateDecoder::new(inner))
            };
        }
        match self {
            Self::Undecided(_) => Ok(0),
            Self::Zlib(decoder) => decoder.read(buffer),
            Self::Bare(decoder) => decoder.read(buffer),
        }
    }
}

/// Decoders that give groups of few bytes.
trait Groups {
    /// The next group; empty at the end.
    fn group(&mut self) -> io::Result<Group>;
}

/// Up to four bytes.
#[derive(Default)]
struct Group {
    bytes: [u8; 4],
    length: usize,
}

struct Bytewise<G> {
    groups: G,
    group: Group,
    at: usize,
}

impl<G: Groups> Bytewise<G> {
    fn new(groups: G) -> Self {
        Self {
            groups,
            group: Group::default(),
            at: 0,
        }
    }
}

impl<G: Groups> Read for Bytewise<G> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        for place in buffer {
            if self.at >= self.group.length {
                self.group = self.groups.group()?;
                self.at = 0;
                if self.group.length == 0 {
                    break;
                }
            }
            *place = self.group.bytes.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            filled += 1;
        }
        Ok(filled)
    }
}

struct AsciiHex<R>(io::Bytes<R>);

impl<R: Read> Groups for AsciiHex<R> {
    fn group(&mut self) -> io::Result<Group> {
        let mut value = None;
        for byte in self.0.by_ref() {
            let byte = byte?;
            let Some(digit) = char::from(byte).to_digit(16) else {
                if byte == b'>' {
                    break;
                }
                continue;
            };
            let digit = u8::try_from(digit).unwrap_or_default();
            match value {
                None => value = Some(digit << 4),
                Some(high) => return Ok(one(high | digit)),
            }
        }
        // An odd digit at the end counts as if a zero followed.
        Ok(value.map_or_else(Group::default, one))
    }
}

fn one(byte: u8) -> Group {
    Group {
        bytes: [byte, 0, 0, 0],
        length: 1,
    }
}

struct Ascii85<R> {
    text: io::Bytes<R>,
    ended: bool,
}

impl<R> Ascii85<R> {
    const fn new(text: io::Bytes<R>) -> Self {
        Self { text, ended: false }
    }
}

impl<R: Read> Groups for Ascii85<R> {
    fn group(&mut self) -> io::Result<Group> {
        let mut value = 0u32;
        let mut count = 0;
        while !self.ended && count < 5 {
            match self.text.next().transpose()? {
                Some(b'z') if count == 0 => {
                    return Ok(Group {
                        bytes: [0; 4],
                        length: 4,
                    });
                }
                Some(byte @ b'!'..=b'u') => {
                    value = value.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                    count += 1;
                }
                Some(b'~') | None => self.ended = true,
                Some(_) => {}
            }
        }
        // A group that is cut counts as if the highest characters followed.
        for _ in count..5 {
            value = value.wrapping_mul(85).wrapping_add(84);
        }
        Ok(Group {
            bytes: value.to_be_bytes(),
            length: usize::saturating_sub(count, 1),
        })
    }
}

struct RunLength<R> {
    packed: io::Bytes<R>,
    /// Bytes of the run that are to come, and which byte repeats in it, if one does.
    left: usize,
    repeated: Option<u8>,
    ended: bool,
}

impl<R: Read> RunLength<R> {
    const fn new(packed: io::Bytes<R>) -> Self {
        Self {
            packed,
            left: 0,
            repeated: None,
            ended: false,
        }
    }
}

impl<R: Read> Read for RunLength<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        for place in buffer {
            if self.ended {
                break;
            }
            if self.left == 0 {
                match self.packed.next().transpose()? {
                    None | Some(128) => {
                        self.ended = true;
                        break;
                    }
                    Some(length @ 0..=127) => {
                        self.left = usize::from(length) + 1;
                        self.repeated = None;
                    }
                    Some(length) => {
                        self.left = 257 - usize::from(length);
                        self.repeated = self.packed.next().transpose()?;
                    }
                }
            }
            let byte = match self.repeated {
                Some(byte) => Some(byte),
                None => self.packed.next().transpose()?,
            };
            let Some(byte) = byte else {
                break;
            };
            *place = byte;
            self.left -= 1;
            filled += 1;
        }
        Ok(filled)
    }
}

/// Codes of 9 to 12 bits, high bits first; they grow one code early.
struct Lzw<R> {
    packed: io::Bytes<R>,
    bits: u32,
    bit_count: u32,
    /// For each code from 258 on: the code before, the last byte.
    table: Vec<(u16, u8)>,
    previous: Option<u16>,
    /// Bytes of the last code, the last first.
    ready: Vec<u8>,
    ended: bool,
}

const CLEAR: u16 = 256;
const END: u16 = 257;
const FIRST: usize = 258;
const MAX_CODES: usize = 4096;

impl<R: Read> Lzw<R> {
    fn new(packed: BufReader<R>) -> Lzw<BufReader<R>> {
        Lzw {
            packed: packed.bytes(),
            bits: 0,
            bit_count: 0,
            table: Vec::new(),
            previous: None,
            ready: Vec::new(),
            ended: false,
        }
    }

    fn code(&mut self) -> io::Result<Option<u16>> {
        let width = match self.table.len() + FIRST + 1 {
            ..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        while self.bit_count < width {
            let Some(byte) = self.packed.next().transpose()? else {
                return Ok(None);
            };
            self.bits = self.bits << 8 | u32::from(byte);
            self.bit_count += 8;
        }
        self.bit_count -= width;
        let code = self.bits >> self.bit_count & ((1 << width) - 1);
        Ok(u16::try_from(code).ok())
    }

    /// Puts the bytes of a code into `ready`. Each code is made of an earlier one, so this ends.
    fn spell(&mut self, mut code: u16) -> Option<()> {
        while let Some(index) = usize::from(code).checked_sub(FIRST) {
            let (before, byte) = *self.table.get(index)?;
            self.ready.push(byte);
            code = before;
        }
        self.ready.push(u8::try_from(code).ok()?);
        Some(())
    }

    fn step(&mut self) -> io::Result<()> {
        let code = match self.code()? {
            None | Some(END) => {
                self.ended = true;
                return Ok(());
            }
            Some(CLEAR) => {
                self.table.clear();
                self.previous = None;
                return Ok(());
            }
            Some(code) => code,
        };
        let is_next = usize::from(code) == self.table.len() + FIRST;
        let spelled = match self.previous {
            // The code that is about to be made: the one before with its own first byte.
            Some(previous) if is_next => {
                self.ready.push(0);
                let spelled = self.spell(previous);
                let first = self.ready.last().copied().unwrap_or_default();
                if let Some(place) = self.ready.first_mut() {
                    *place = first;
                }
                spelled
            }
            _ => self.spell(code),
        };
        spelled.ok_or(io::ErrorKind::InvalidData)?;
        if let Some(previous) = self.previous
            && self.table.len() + FIRST < MAX_CODES
        {
            let first = self.ready.last().copied().unwrap_or_default();
            self.table.push((previous, first));
        }
        self.previous = Some(code);
        Ok(())
    }
}

impl<R: Read> Read for Lzw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        for place in buffer {
            while self.ready.is_empty() && !self.ended {
                self.step()?;
            }
            let Some(byte) = self.ready.pop() else {
                break;
            };
            *place = byte;
            filled += 1;
        }
        Ok(filled)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a test may stop at a broken expectation"
)]
mod tests {
    use super::*;

    fn undone(data: &[u8], filters: &[Filter]) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader(data, filters).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn filters_are_undone() {
        assert_eq!(undone(b"6 8656c6C6f7>zz", &[Filter::AsciiHex]), b"hellop");
        assert_eq!(
            undone(b"87cURD_*#4DfTZ)~>", &[Filter::Ascii85]),
            b"Hello, World"
        );
        assert_eq!(undone(b"z87~>", &[Filter::Ascii85]), b"\0\0\0\0H");
        assert_eq!(
            undone(b"\x02abc\xfed\x80zz", &[Filter::RunLength]),
            b"abcddd"
        );
        // The example of section 7.4.4.2.
        let packed = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
        assert_eq!(
            undone(&packed, &[Filter::Lzw]),
            [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]
        );
        let hex = b"80 0B 60 50 22 0C 0C 85 01>";
        assert_eq!(undone(hex, &[Filter::AsciiHex, Filter::Lzw]).len(), 10);
    }
}
