//! Hash lists: lines of `hash:size:name`, in `.hdb` and `.hsb` files as ClamAV has them. The number
//! of digits tells the kind of hash; the size may be `*`.

use crate::error::SourceError;
use crate::source::Source;

/// Bytes of one line.
const MAX_LINE_BYTES: usize = 4096;
/// Bytes of a rule's name.
const MAX_NAME_BYTES: usize = 512;

/// A hash in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashValue {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashEntry {
    pub hash: HashValue,
    /// The file's size in bytes; absent for any.
    pub size: Option<u64>,
    pub name: String,
}

/// Reads one line; empty lines and those that begin with `#` are `None`.
///
/// # Errors
/// What was expected and what came.
pub fn read_line(line: &[u8]) -> Result<Option<HashEntry>, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("expected at most {MAX_LINE_BYTES} bytes in a line"));
    }
    let line = std::str::from_utf8(line)
        .map_err(|_| "expected UTF-8, got other bytes".to_owned())?
        .trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.split(':');
    let (Some(hash), Some(size), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(format!("expected hash:size:name, got {line:?}"));
    };
    // ClamAV's engine levels: which of its versions understand the line.
    if fields.clone().count() > 2 || fields.any(|level| level.parse::<u32>().is_err()) {
        return Err(format!(
            "expected hash:size:name and at most two numbers after it, got {line:?}"
        ));
    }
    let hash = read_hash(hash).ok_or_else(|| {
        format!("expected a hash of 32, 40 or 64 hexadecimal digits, got {hash:?}")
    })?;
    let size = match size {
        "*" => None,
        digits => Some(
            digits
                .parse::<u64>()
                .ok()
                .filter(|size| *size < u64::MAX)
                .ok_or_else(|| format!("expected a size in bytes or *, got {digits:?}"))?,
        ),
    };
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "expected a name of 1 to {MAX_NAME_BYTES} printable bytes, got {name:?}"
        ));
    }
    Ok(Some(HashEntry {
        hash,
        size,
        name: name.to_owned(),
    }))
}

fn read_hash(text: &str) -> Option<HashValue> {
    let bytes = hex::decode(text).ok()?;
    match bytes.len() {
        16 => bytes.try_into().ok().map(HashValue::Md5),
        20 => bytes.try_into().ok().map(HashValue::Sha1),
        32 => bytes.try_into().ok().map(HashValue::Sha256),
        _ => None,
    }
}

/// Reads a whole list; bad lines go into `errors`.
pub(crate) fn read(source: &Source, errors: &mut Vec<SourceError>) -> Vec<HashEntry> {
    let mut entries = Vec::new();
    for (index, line) in source.bytes.split(|byte| *byte == b'\n').enumerate() {
        match read_line(line) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err(reason) => errors.push(SourceError {
                source: source.name.clone(),
                line: Some(index + 1),
                reason,
            }),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_are_told_apart_by_their_digits() {
        for (digits, size, expected) in [(32, "68", Some(68)), (40, "*", None), (64, "0", Some(0))]
        {
            let line = format!("{}:{size}:Some.Name:73\r", "aB".repeat(digits / 2));
            let entry = read_line(line.as_bytes()).unwrap().unwrap();
            assert_eq!((entry.size, entry.name.as_str()), (expected, "Some.Name"));
        }
    }

    #[test]
    fn comments_and_empty_lines_are_no_entries() {
        for line in ["", "  ", "# hash:size:name"] {
            assert_eq!(read_line(line.as_bytes()), Ok(None));
        }
    }

    #[test]
    fn a_bad_line_says_what_was_expected() {
        let md5 = "ab".repeat(16);
        for (line, expected) in [
            ("abc".to_owned(), "hash:size:name"),
            ("abcd:1:N".to_owned(), "32, 40 or 64"),
            (format!("{md5}:x:N"), "size in bytes"),
            (format!("{md5}:18446744073709551615:N"), "size in bytes"),
            (format!("{md5}:1:"), "a name"),
            (format!("{md5}:1:N:x"), "two numbers"),
            (format!("{md5}:1:N:1:2:3"), "two numbers"),
        ] {
            let error = read_line(line.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert!(read_line(b"\xff:1:N").is_err());
        assert!(read_line(&[b'a'; 5000]).is_err());
    }
}
