//! Text in lower case with single spaces, as ClamAV's signatures for text expect it: tabs, line ends
//! and spaces become one space, other control characters and bytes beyond ASCII are left out.

/// Longer files are matched as they are only, as ClamAV has it.
const MAX_BYTES: usize = 20 << 20;

/// Writes the normalised text into `out`; `false` when the file is too long for that, or the same
/// already.
pub(crate) fn normalise(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    if bytes.len() > MAX_BYTES || bytes.is_empty() {
        return false;
    }
    out.resize(bytes.len(), 0);
    let mut length = 0;
    let mut space = false;
    for byte in bytes {
        let (written, keep) = match byte {
            b'\t'..=b'\r' | b' ' => (b' ', !space),
            0..0x20 | 0x80.. => (0, false),
            _ => (byte.to_ascii_lowercase(), true),
        };
        // Always written, and kept by going on behind it: there is nothing to mispredict.
        if let Some(slot) = out.get_mut(length) {
            *slot = written;
        }
        length += usize::from(keep);
        space = if keep { written == b' ' } else { space };
    }
    out.truncate(length);
    out != bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_lower_case_with_single_spaces_and_nothing_else() {
        let mut out = Vec::new();
        assert!(normalise(b"If  (A)\r\n\tThen\x00\xff \x07 X", &mut out));
        assert_eq!(out, b"if (a) then x");
        assert!(!normalise(b"if (a) then x", &mut out));
    }
}
