//! The encodings of bodies: base64, quoted-printable, uuencode. What is no character of the
//! encoding is passed over.

use std::io::{self, Read};

/// Copies what `next` gives into a buffer.
fn fill(buffer: &mut [u8], mut next: impl FnMut() -> Option<u8>) -> usize {
    let mut filled = 0;
    for (place, byte) in buffer.iter_mut().zip(std::iter::from_fn(&mut next)) {
        *place = byte;
        filled += 1;
    }
    filled
}

/// Base64 (RFC 4648, section 4).
pub(in crate::containers) struct Base64<'a> {
    text: std::slice::Iter<'a, u8>,
    /// Up to three decoded bytes that wait.
    group: [u8; 3],
    ready: std::ops::Range<usize>,
}

impl<'a> Base64<'a> {
    pub(in crate::containers) fn new(text: &'a [u8]) -> Self {
        Self {
            text: text.iter(),
            group: [0; 3],
            ready: 0..0,
        }
    }

    fn next(&mut self) -> Option<u8> {
        if self.ready.is_empty() {
            self.decode();
        }
        let index = self.ready.next()?;
        self.group.get(index).copied()
    }

    /// Decodes up to four characters. A group that is cut short gives what it has; so text that
    /// goes on behind padding is decoded as well.
    fn decode(&mut self) {
        let mut bits = 0u32;
        let mut count = 0;
        for byte in self.text.by_ref() {
            let Some(value) = base64_value(*byte) else {
                if *byte == b'=' && count > 0 {
                    break;
                }
                continue;
            };
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                break;
            }
        }
        bits <<= 6 * (4 - count);
        let [_, first, second, third] = bits.to_be_bytes();
        self.group = [first, second, third];
        self.ready = 0..(count as usize * 6 / 8);
    }
}

const fn base64_value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

impl Read for Base64<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(fill(buffer, || self.next()))
    }
}

/// Quoted-printable (RFC 2045, section 6.7).
pub(super) struct Quoted<'a> {
    rest: &'a [u8],
}

impl<'a> Quoted<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    fn next(&mut self) -> Option<u8> {
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            if *byte != b'=' {
                return Some(*byte);
            }
            // A line that goes on.
            let continued = rest
                .strip_prefix(b"\r\n")
                .or_else(|| rest.strip_prefix(b"\n"));
            if let Some(next_line) = continued {
                self.rest = next_line;
                continue;
            }
            let code = rest
                .get(..2)
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            if code.is_some() {
                self.rest = rest.get(2..).unwrap_or_default();
            }
            return Some(code.unwrap_or(b'='));
        }
    }
}

impl Read for Quoted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(fill(buffer, || self.next()))
    }
}

/// The lines behind `begin` of uuencode (POSIX.1-2008).
pub(super) struct Uuencoded<'a> {
    lines: std::slice::Split<'a, u8, fn(&u8) -> bool>,
    line: Vec<u8>,
    at: usize,
}

impl<'a> Uuencoded<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let is_end: fn(&u8) -> bool = |byte| *byte == b'\n';
        Self {
            lines: text.split(is_end),
            line: Vec::new(),
            at: 0,
        }
    }

    fn next(&mut self) -> Option<u8> {
        while self.at >= self.line.len() {
            let line = self.lines.next()?;
            let (length, characters) = line.split_first()?;
            let length = usize::from(length.wrapping_sub(b' ') & 63);
            if length == 0 || line.starts_with(b"end") {
                self.lines.by_ref().for_each(drop);
                return None;
            }
            self.line.clear();
            self.at = 0;
            for group in characters.chunks(4) {
                let bits = (0..4).fold(0u32, |bits, index| {
                    let character = group.get(index).copied().unwrap_or(b' ');
                    bits << 6 | u32::from(character.wrapping_sub(b' ') & 63)
                });
                let [_, decoded @ ..] = bits.to_be_bytes();
                self.line.extend(decoded);
            }
            self.line.truncate(length);
        }
        let byte = self.line.get(self.at).copied();
        self.at += 1;
        byte
    }
}

impl Read for Uuencoded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(fill(buffer, || self.next()))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a test may stop at a broken expectation"
)]
mod tests {
    use super::*;

    fn all(mut reader: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn encodings_are_read_through_what_does_not_belong() {
        assert_eq!(all(Base64::new(b"aGVs\r\nbG8=Lg==")), b"hello.");
        assert_eq!(all(Base64::new(b"a*G-V s bG8")), b"hello");
        assert_eq!(all(Base64::new(b"====")), b"");
        assert_eq!(all(Quoted::new(b"a=3Db=\r\nc=\nd=zz=")), b"a=bcd=zz=");
        assert_eq!(
            all(Uuencoded::new(b"%:&5L;&\\\n`\nend\n%:&5L;&\\")),
            b"hello"
        );
    }
}
