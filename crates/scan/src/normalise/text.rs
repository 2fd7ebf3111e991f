//! Text in lower case with single spaces, as ClamAV's signatures for text expect it: tabs, line ends
//! and spaces become one space, other control characters and bytes beyond ASCII are left out.

/// Longer files are matched as they are only, as ClamAV has it; the verdict says so.
pub(crate) const MAX_BYTES: usize = 20 << 20;

/// Bytes that are taken at a time where nothing is left out.
const WORD: usize = 8;
const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = EACH << 7;

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
    let (words, rest) = bytes.as_chunks::<WORD>();
    for word in words {
        if let Some((written, ends_with_space)) = plain(u64::from_le_bytes(*word), space)
            && let Some(slot) = out.get_mut(length..length + WORD)
        {
            slot.copy_from_slice(&written.to_le_bytes());
            length += WORD;
            space = ends_with_space;
        } else {
            one_by_one(word, out, &mut length, &mut space);
        }
    }
    one_by_one(rest, out, &mut length, &mut space);
    out.truncate(length);
    out != bytes
}

fn one_by_one(bytes: &[u8], out: &mut [u8], length: &mut usize, space: &mut bool) {
    for byte in bytes {
        let (written, keep) = match byte {
            b'\t'..=b'\r' | b' ' => (b' ', !*space),
            0..0x20 | 0x80.. => (0, false),
            _ => (byte.to_ascii_lowercase(), true),
        };
        // Always written, and kept by going on behind it: there is nothing to mispredict.
        if let Some(slot) = out.get_mut(*length) {
            *slot = written;
        }
        *length += usize::from(keep);
        *space = if keep { written == b' ' } else { *space };
    }
}

/// Eight characters in lower case, and whether the last is a space; `None` when one of them is left
/// out: a control character, one beyond ASCII, a space behind a space.
#[inline]
const fn plain(word: u64, space: bool) -> Option<(u64, bool)> {
    if word & HIGH != 0 {
        return None;
    }
    // No byte is above 0x7f, so that these sums stay within their bytes.
    let from_tab = word + EACH * (0x80 - b'\t' as u64);
    let beyond_return = word + EACH * (0x7f - b'\r' as u64);
    let blank = ((from_tab & !beyond_return & HIGH) >> 7) * 0xff;
    let word = (word & !blank) | (blank & (EACH * 0x20));
    if word.wrapping_sub(EACH * 0x20) & HIGH != 0 {
        return None;
    }
    let spaces = !((word ^ (EACH * 0x20)) + (HIGH - EACH)) & HIGH;
    let behind = spaces & (spaces << 8 | (space as u64) << 7);
    if behind != 0 {
        return None;
    }
    let from_a = word + EACH * (0x80 - b'A' as u64);
    let beyond_z = word + EACH * (0x7f - b'Z' as u64);
    let upper = from_a & !beyond_z & HIGH;
    Some((word | upper >> 2, spaces >> 63 != 0))
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

    #[test]
    fn text_taken_in_words_is_the_text_taken_one_by_one() {
        let pieces: [&[u8]; 8] = [
            b"The QUICK brown fox[@Z`{~\x7f]",
            b"    ",
            b"\r\n\t",
            b"x",
            b" ",
            b"\xc3\xa9",
            b"\x1f!\x00",
            b"AZaz09 AZ az! 0",
        ];
        // Each sequence of four pieces, so that each follows each at every place in a word.
        for number in 0..8_usize.pow(4) {
            let text: Vec<u8> = (0..4)
                .flat_map(|place| pieces[number >> (3 * place) & 7])
                .copied()
                .collect();
            let mut expected = vec![0; text.len()];
            let mut length = 0;
            one_by_one(&text, &mut expected, &mut length, &mut false);
            expected.truncate(length);
            let mut out = Vec::new();
            assert_eq!(normalise(&text, &mut out), expected != text);
            assert_eq!(out, expected, "{text:?}");
        }
    }
}
