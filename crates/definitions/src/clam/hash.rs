//! Hash lists: `hash:size:name` in most, `size:hash:name` in those of sections. The number of
//! digits tells the algorithm; the size may be `*`; up to two functionality levels may follow.

use super::level;
use crate::report::Problem;
use crate::source::HashedThing;

/// Bytes of one line.
const MAX_LINE_BYTES: usize = 4096;
/// Bytes of a rule's name.
const MAX_NAME_BYTES: usize = scan::layout::rules::MAX_NAME_BYTES - 16;
/// Sizes are below this, as in ClamAV.
const MAX_SIZE: u64 = 0xffff_ffff;

/// A hash in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashValue {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

/// One line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashLine<'l> {
    pub hash: HashValue,
    /// In bytes; absent for any.
    pub size: Option<u64>,
    pub name: &'l str,
}

/// Reads one line of a list of whole files; empty lines and those that begin with `#` are `None`.
///
/// # Errors
/// What was expected and what came, or that the line is not for this program.
pub fn read_line(line: &[u8]) -> Result<Option<HashLine<'_>>, Problem> {
    read(HashedThing::File, line)
}

/// Reads one line.
pub(crate) fn read(of: HashedThing, line: &[u8]) -> Result<Option<HashLine<'_>>, Problem> {
    if line.len() > MAX_LINE_BYTES {
        return Err(Problem::malformed("expected at most 4096 bytes in a line"));
    }
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let mut fields = line.split(|byte| *byte == b':');
    let (Some(first), Some(second), Some(name)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(Problem::malformed(format!(
            "expected {}, got {:?}",
            shape(of),
            String::from_utf8_lossy(line)
        )));
    };
    if let Some(least) = fields.next() {
        let most = fields.next();
        if fields.next().is_some() {
            return Err(Problem::malformed(
                "expected at most two numbers after the name: functionality levels",
            ));
        }
        level::check(least, most)?;
    }
    let (hash, size) = match of {
        HashedThing::Section => (second, first),
        HashedThing::File | HashedThing::Imports | HashedThing::Allowed => (first, second),
    };
    Ok(Some(HashLine {
        hash: read_hash(hash).ok_or_else(|| {
            Problem::malformed(format!(
                "expected a hash of 32, 40 or 64 hexadecimal digits, got {:?}",
                String::from_utf8_lossy(hash)
            ))
        })?,
        size: read_size(size)?,
        name: read_name(name)?,
    }))
}

const fn shape(of: HashedThing) -> &'static str {
    match of {
        HashedThing::Section => "size:hash:name",
        HashedThing::File | HashedThing::Imports | HashedThing::Allowed => "hash:size:name",
    }
}

/// Reads a line of hashes without names, as `sha256sum` prints it: what follows the hash is passed
/// over.
pub(crate) fn read_plain(line: &[u8]) -> Result<Option<HashValue>, Problem> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let digits = line
        .split(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b';'))
        .next()
        .unwrap_or_default();
    read_hash(digits).map(Some).ok_or_else(|| {
        Problem::malformed(
            "expected a line to begin with a hash of 32, 40 or 64 hexadecimal digits",
        )
    })
}

fn read_size(text: &[u8]) -> Result<Option<u64>, Problem> {
    if text == b"*" {
        return Ok(None);
    }
    let mut size = 0u64;
    let digits = !text.is_empty()
        && text.len() <= 10
        && text.iter().all(|byte| {
            size = size * 10 + u64::from(byte.wrapping_sub(b'0'));
            byte.is_ascii_digit()
        });
    if digits && (1..MAX_SIZE).contains(&size) {
        return Ok(Some(size));
    }
    Err(Problem::malformed(format!(
        "expected a size from 1 to {} bytes or *, got {:?}",
        MAX_SIZE - 1,
        String::from_utf8_lossy(text)
    )))
}

fn read_name(text: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(text)
        .ok()
        .filter(|name| (1..=MAX_NAME_BYTES).contains(&name.len()))
        .filter(|name| !name.bytes().any(|byte| byte.is_ascii_control()))
        .ok_or_else(|| {
            Problem::malformed(format!(
                "expected a name of 1 to {MAX_NAME_BYTES} printable bytes, got {:?}",
                String::from_utf8_lossy(text)
            ))
        })
}

fn read_hash(text: &[u8]) -> Option<HashValue> {
    match text.len() {
        32 => digits(text).map(HashValue::Md5),
        40 => digits(text).map(HashValue::Sha1),
        64 => digits(text).map(HashValue::Sha256),
        _ => None,
    }
}

/// What a digit is worth; 16 for what is none.
#[expect(clippy::indexing_slicing, reason = "a byte is an index of 256 places")]
const DIGITS: [u8; 256] = {
    let mut values = [16; 256];
    let mut digit = 0u8;
    while digit < 16 {
        let (lower, upper) = if digit < 10 {
            (b'0' + digit, b'0' + digit)
        } else {
            (b'a' + digit - 10, b'A' + digit - 10)
        };
        values[lower as usize] = digit;
        values[upper as usize] = digit;
        digit += 1;
    }
    values
};

#[expect(clippy::indexing_slicing, reason = "a byte is an index of 256 places")]
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut bad = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        let (high, low) = (DIGITS[usize::from(high)], DIGITS[usize::from(low)]);
        bad |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (bad < 16).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Why;

    #[test]
    fn the_three_kinds_are_told_apart_by_their_digits() {
        for (digits, size, expected) in [(32, "68", Some(68)), (40, "*", None), (64, "1", Some(1))]
        {
            let hash = "aB".repeat(digits / 2);
            let line = format!("{hash}:{size}:Some.Name:73\r");
            let entry = read_line(line.as_bytes()).unwrap().unwrap();
            assert_eq!((entry.size, entry.name), (expected, "Some.Name"));
            let turned = format!("{size}:{hash}:Some.Name");
            let section = read(HashedThing::Section, turned.as_bytes()).unwrap();
            assert_eq!(section, Some(entry));
            let plain = format!("{hash}  some file\n");
            assert_eq!(read_plain(plain.as_bytes()), Ok(Some(entry.hash)));
        }
        let hash: [u8; 16] = digits(b"00ff10Ab00000000000000000000000F").unwrap();
        assert_eq!(
            hash,
            [0, 255, 16, 0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15]
        );
    }

    #[test]
    fn comments_and_empty_lines_are_no_entries() {
        for line in ["", "  ", "# hash:size:name"] {
            assert_eq!(read_line(line.as_bytes()), Ok(None));
            assert_eq!(read_plain(line.as_bytes()), Ok(None));
        }
    }

    #[test]
    fn a_bad_line_says_what_was_expected() {
        let md5 = "ab".repeat(16);
        for (line, expected) in [
            ("abc".to_owned(), "hash:size:name"),
            ("abcd:1:N".to_owned(), "32, 40 or 64"),
            (format!("{}:1:N", "xy".repeat(16)), "32, 40 or 64"),
            (format!("{md5}:x:N"), "a size from 1"),
            (format!("{md5}:0:N"), "a size from 1"),
            (format!("{md5}:+1:N"), "a size from 1"),
            (format!("{md5}:4294967295:N"), "a size from 1"),
            (format!("{md5}:1:"), "a name"),
            (format!("{md5}:1:N:x"), "functionality levels"),
            (format!("{md5}:1:N:1:2:3"), "two numbers"),
        ] {
            let problem = read_line(line.as_bytes()).unwrap_err();
            assert!(problem.reason.contains(expected), "{line}: {problem:?}");
            assert_eq!(problem.why, Why::Malformed);
        }
        assert!(read_line(b"\xff:1:N").is_err());
        assert!(read_line(&[b'a'; 5000]).is_err());
        assert!(read_plain(b"not a hash").is_err());
        let newer = format!("{md5}:1:N:9999");
        assert_eq!(read_line(newer.as_bytes()).unwrap_err().why, Why::Level);
    }
}
