//! Headers of messages and parts, read as the most forgiving mail program reads them.

use memchr::{memchr, memchr_iter, memmem};

use super::MAX_BOUNDARIES;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Base64,
    Quoted,
    Uuencoded,
}

/// What a header says of its body.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) boundaries: Vec<Vec<u8>>,
    pub(super) encoding: Encoding,
    /// The body is a message.
    pub(super) is_message: bool,
    /// The name of the file.
    pub(super) name: Option<Vec<u8>>,
    /// It names more boundaries than are looked for.
    pub(super) cut_short: bool,
}

impl Header {
    pub(super) fn is_encoded(&self) -> bool {
        matches!(self.encoding, Encoding::Base64 | Encoding::Quoted)
    }

    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut header = Self {
            boundaries: Vec::new(),
            encoding: Encoding::Plain,
            is_message: false,
            name: None,
            cut_short: false,
        };
        for line in unfolded(bytes) {
            let Some(colon) = memchr(b':', &line) else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default();
            let name = without_comments(name);
            match name.trim_ascii().to_ascii_lowercase().as_slice() {
                b"content-type" => {
                    let kind = value.trim_ascii_start().to_ascii_lowercase();
                    header.is_message |= kind.starts_with(b"message/rfc822");
                    header.parameters(value);
                }
                b"content-disposition" => header.parameters(value),
                b"content-transfer-encoding" => header.encoding = encoding(value),
                _ => {}
            }
        }
        header
    }

    fn parameters(&mut self, value: &[u8]) {
        let mut value = value;
        while let Some((parameter, rest)) = next_parameter(value) {
            value = rest;
            let Some(equals) = memchr(b'=', parameter) else {
                continue;
            };
            let (name, stated) = parameter.split_at_checked(equals).unwrap_or_default();
            let stated = unquoted(stated.get(1..).unwrap_or_default());
            let name = without_comments(name).trim_ascii().to_ascii_lowercase();
            // RFC 2231 adds `*`, `*0*` and the like to names, and a character set to values.
            let plain = name.split(|byte| *byte == b'*').next().unwrap_or_default();
            let stated = if name.contains(&b'*') {
                extended(&stated)
            } else {
                stated
            };
            match plain {
                b"boundary" if !stated.is_empty() => {
                    self.cut_short |= self.boundaries.len() >= MAX_BOUNDARIES;
                    if !self.cut_short {
                        self.boundaries.push(stated);
                    }
                }
                b"name" | b"filename" if !stated.is_empty() => self.name = Some(stated),
                _ => {}
            }
        }
    }
}

/// A message's header and its body.
pub(super) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    // A part may begin with the empty line.
    if let Some(body) = bytes
        .strip_prefix(b"\r\n")
        .or_else(|| bytes.strip_prefix(b"\n"))
    {
        return (&[], body);
    }
    for at in memchr_iter(b'\n', bytes) {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let body = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.strip_prefix(b"\n"));
        if let Some(body) = body {
            return (bytes.get(..at).unwrap_or_default(), body);
        }
    }
    (bytes, &[])
}

/// The lines of a header; those that begin with white space belong to the one before.
fn unfolded(header: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut lines = header.split(|byte| *byte == b'\n').peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_vec();
        while let Some(more) =
            lines.next_if(|more| more.starts_with(b" ") || more.starts_with(b"\t"))
        {
            line.extend(more);
        }
        line.retain(|byte| *byte != b'\r');
        Some(line)
    })
}

/// What is not in parentheses.
fn without_comments(bytes: &[u8]) -> Vec<u8> {
    let mut depth = 0u32;
    let mut kept = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(*byte),
            _ => {}
        }
    }
    kept
}

/// What stands up to the next semicolon that is not quoted, and what follows it.
fn next_parameter(value: &[u8]) -> Option<(&[u8], &[u8])> {
    if value.is_empty() {
        return None;
    }
    let mut quoted = false;
    let mut escaped = false;
    let end = value.iter().position(|byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b';' => return !quoted,
            _ => {}
        }
        false
    });
    let end = end.unwrap_or(value.len());
    Some((
        value.get(..end).unwrap_or_default(),
        value.get(end + 1..).unwrap_or_default(),
    ))
}

fn unquoted(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    let Some(inner) = value.strip_prefix(b"\"") else {
        return value.to_vec();
    };
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => plain.extend(bytes.next()),
            _ => plain.push(*byte),
        }
    }
    plain
}

/// The value of `name*=character-set'language'value`, with its `%XX` resolved.
fn extended(value: &[u8]) -> Vec<u8> {
    let mut marks = memmem::find_iter(value, b"'").skip(1);
    let value = marks
        .next()
        .and_then(|mark| value.get(mark + 1..))
        .unwrap_or(value);
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, behind)) = rest.split_first() {
        let code = (*byte == b'%')
            .then(|| std::str::from_utf8(behind.get(..2)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(code.unwrap_or(*byte));
        rest = code.and_then(|_| behind.get(2..)).unwrap_or(behind);
    }
    plain
}

fn encoding(value: &[u8]) -> Encoding {
    let value = without_comments(value).to_ascii_lowercase();
    let says = |word: &[u8]| memmem::find(&value, word).is_some();
    if says(b"base64") {
        Encoding::Base64
    } else if says(b"quoted") {
        Encoding::Quoted
    } else if says(b"uue") {
        Encoding::Uuencoded
    } else {
        Encoding::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_through_folding_comments_quotes_and_character_sets() {
        let header = Header::read(
            b"content-TYPE(a (b)): multipart/mixed;\r\n\tboundary=\"a;\\\"b\"; boundary*=utf-8''c%41\r\n\
              Content-Disposition: attachment; filename*0*=utf-8''na%20me\r\n\
              Content-Transfer-Encoding: (x) BASE64\r\n",
        );
        assert_eq!(header.boundaries, [b"a;\"b".to_vec(), b"cA".to_vec()]);
        assert_eq!(header.name.as_deref(), Some(b"na me".as_slice()));
        assert_eq!(header.encoding, Encoding::Base64);
    }
}
