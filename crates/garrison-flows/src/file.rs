//! Reading the files that a command names, each within a limit.

use std::io::Read;
use std::path::Path;

use anyhow::Context as _;

/// Standard input.
const STANDARD_INPUT: &str = "-";

/// The bytes of a file, or of standard input (`-`).
pub(crate) fn bytes(path: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    if path.as_os_str() == STANDARD_INPUT {
        return bounded(std::io::stdin().lock(), limit).context("standard input");
    }
    let file = std::fs::File::open(path).with_context(|| format!("{}", path.display()))?;
    bounded(file, limit).with_context(|| format!("{}", path.display()))
}

/// The text of a file, or of standard input (`-`).
pub(crate) fn text(path: &Path, limit: usize) -> anyhow::Result<String> {
    String::from_utf8(bytes(path, limit)?)
        .with_context(|| format!("{}: expected text in UTF-8", path.display()))
}

fn bounded(from: impl Read, limit: usize) -> anyhow::Result<Vec<u8>> {
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    from.take(one_more).read_to_end(&mut bytes)?;
    anyhow::ensure!(
        bytes.len() <= limit,
        "it has more than {limit} bytes, which is the limit; split it"
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_refused() {
        assert_eq!(bounded(&b"abc"[..], 3).unwrap(), b"abc");
        let error = bounded(&b"abcd"[..], 3).unwrap_err().to_string();
        assert!(error.contains("more than 3 bytes"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = bytes(Path::new("no/such/file"), 1).unwrap_err();
        assert!(format!("{error:#}").starts_with("no/such/file: "));
    }
}
