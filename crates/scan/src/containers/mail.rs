//! Mail: RFC 5322 messages with MIME (RFC 2045 to 2049, 2231), also mailboxes of many messages.
//! Every part is a member, decoded; programs differ about what ends a header or a boundary, so
//! what any of them takes for a part is one.

mod encoding;
mod header;

use memchr::{memchr, memmem};
use model::Limit;

pub(super) use self::encoding::Base64;
use self::encoding::{Quoted, Uuencoded};
use self::header::Header;
use super::{Content, Members};

/// Parts inside parts of one message.
const MAX_NESTING: u32 = 20;
/// Boundaries of one header that are looked for.
const MAX_BOUNDARIES: usize = 16;
/// Bytes of a header that are read; programs that write mail stay far below.
const MAX_HEADER_BYTES: usize = 1 << 20;
const BEGIN: &[u8] = b"begin ";
const UNNAMED_PART: &str = "part";

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let mut mail = Mail { members, parts: 0 };
    if !bytes.starts_with(b"From ") {
        let _ = mail.part(bytes, 0);
        return;
    }
    // A mailbox: each message begins with such a line.
    let mut rest = bytes;
    while let Some((message, behind)) = next_message(rest) {
        if mail.part(message, 0).is_none() {
            return;
        }
        rest = behind;
    }
}

/// The message behind a `From ` line, and what follows it.
fn next_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, message) = bytes.split_at_checked(memchr(b'\n', bytes)? + 1)?;
    // The line stands behind an empty one.
    let end = memmem::find_iter(message, b"\nFrom ").find(|at| {
        let before = message.get(..*at).unwrap_or_default();
        before.ends_with(b"\n") || before.ends_with(b"\n\r")
    });
    let Some((message, rest)) = end.and_then(|end| message.split_at_checked(end)) else {
        return Some((message, &[]));
    };
    let message = message.strip_suffix(b"\r").unwrap_or(message);
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    let message = message.strip_suffix(b"\r").unwrap_or(message);
    Some((message, rest.get(1..).unwrap_or_default()))
}

struct Mail<'a> {
    members: &'a mut dyn Members,
    parts: u64,
}

impl Mail<'_> {
    /// A message or a part: a header, an empty line, a body. `None` when no more are wanted.
    fn part(&mut self, bytes: &[u8], nesting: u32) -> Option<()> {
        let (whole, body) = header::split(bytes);
        let read = whole.get(..MAX_HEADER_BYTES).unwrap_or(whole);
        if read.len() < whole.len() && !body.is_empty() {
            self.members.limit(Limit::MemberSize);
        }
        let header = Header::read(read);
        if header.cut_short {
            self.members.limit(Limit::Members);
        }
        if nesting >= MAX_NESTING {
            self.members.limit(Limit::Depth);
            return self.leaf(&header, body);
        }
        if header.boundaries.is_empty() {
            if header.is_message && !header.is_encoded() {
                return self.part(body, nesting + 1);
            }
            return self.leaf(&header, body);
        }
        for part in Parts::new(body, &header.boundaries) {
            self.part(part, nesting + 1)?;
        }
        Some(())
    }

    fn leaf(&mut self, header: &Header, body: &[u8]) -> Option<()> {
        if body.is_empty() {
            return Some(());
        }
        self.parts += 1;
        let unnamed = format!("{UNNAMED_PART} {}", self.parts);
        let name = header.name.as_deref().unwrap_or(unnamed.as_bytes());
        let packed_bytes = body.len() as u64;
        let packed = |reader| Content::Packed {
            reader,
            packed_bytes,
        };
        let flow = match header.encoding {
            header::Encoding::Base64 => self.members.member(name, packed(&mut Base64::new(body))),
            header::Encoding::Quoted => self.members.member(name, packed(&mut Quoted::new(body))),
            header::Encoding::Uuencoded | header::Encoding::Plain => {
                let flow = self.members.member(name, Content::Text(body));
                flow.continue_value()?;
                return self.uuencoded(body);
            }
        };
        flow.continue_value()
    }

    /// Files that stand in text as uuencode writes them.
    fn uuencoded(&mut self, text: &[u8]) -> Option<()> {
        for at in memmem::find_iter(text, BEGIN) {
            let begins_line = at == 0 || text.get(at - 1) == Some(&b'\n');
            let rest = text.get(at + BEGIN.len()..).unwrap_or_default();
            let line_end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..line_end).unwrap_or_default().trim_ascii();
            let Some((mode, name)) = line.split_at_checked(3) else {
                continue;
            };
            if !begins_line || !mode.iter().all(u8::is_ascii_digit) {
                continue;
            }
            let body = rest.get(line_end + 1..).unwrap_or_default();
            let content = Content::Packed {
                reader: &mut Uuencoded::new(body),
                packed_bytes: body.len() as u64,
            };
            self.members
                .member(name.trim_ascii(), content)
                .continue_value()?;
        }
        Some(())
    }
}

/// The parts of a body between lines that begin with a boundary, any of them.
struct Parts<'a> {
    rest: Option<&'a [u8]>,
    boundaries: &'a [Vec<u8>],
}

impl<'a> Parts<'a> {
    fn new(body: &'a [u8], boundaries: &'a [Vec<u8>]) -> Self {
        let mut parts = Self {
            rest: Some(body),
            boundaries,
        };
        // What stands before the first boundary is shown by no program, and is bytes of the
        // message itself.
        let _ = parts.next();
        parts
    }

    /// How long the boundary is with which this line begins. Of several the longest.
    fn boundary(&self, line: &[u8]) -> Option<usize> {
        let behind = line.strip_prefix(b"--")?;
        self.boundaries
            .iter()
            .filter(|boundary| behind.starts_with(boundary))
            .map(|boundary| 2 + boundary.len())
            .max()
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let body = self.rest?;
        let mut at = 0;
        loop {
            let line = body.get(at..).unwrap_or_default();
            if let Some(length) = self.boundary(line) {
                let behind = line.get(length..).unwrap_or_default();
                let line_end = memchr(b'\n', behind).map_or(behind.len(), |end| end + 1);
                self.rest = behind.get(line_end..);
                let part = body.get(..at).unwrap_or_default();
                let part = part.strip_suffix(b"\n").unwrap_or(part);
                return Some(part.strip_suffix(b"\r").unwrap_or(part));
            }
            match memchr(b'\n', line) {
                Some(end) => at += end + 1,
                None => {
                    self.rest = None;
                    return Some(body);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_mailbox_end_at_the_next_from_behind_an_empty_line_however_lines_end() {
        let unix = "From a\nA: b\n\none\nFrom here\n\nFrom b\nA: c\n\ntwo\n";
        for mailbox in [
            unix.to_owned(),
            unix.replace('\n', "\r\n"),
            format!("{}{}", unix.replace('\n', "\r\n"), "\nFrom c\n\nthree"),
        ] {
            let mut rest = mailbox.as_bytes();
            let mut bodies = Vec::new();
            while let Some((message, behind)) = next_message(rest) {
                let (_, body) = header::split(message);
                bodies.push(String::from_utf8_lossy(body).replace('\r', ""));
                rest = behind;
            }
            let bodies: Vec<&str> = bodies.iter().map(|body| body.trim_end()).collect();
            assert_eq!(bodies[..2], ["one\nFrom here", "two"], "{mailbox:?}");
        }
    }

    #[test]
    fn parts_are_what_stands_between_any_of_the_boundaries() {
        let body = b"before\r\n--a\r\none\r\n--ab\r\ntwo\n--a--\nafter\n--c\nlast";
        let boundaries = [b"a".to_vec(), b"ab".to_vec(), b"c".to_vec()];
        let parts: Vec<&[u8]> = Parts::new(body, &boundaries).collect();
        assert_eq!(parts, [b"one".as_slice(), b"two", b"after", b"last"]);
        assert_eq!(Parts::new(b"none", &boundaries).count(), 0);
    }
}
