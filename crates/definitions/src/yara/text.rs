//! A source's text with the same places as its bytes: what is no UTF-8 is replaced, byte by byte.

use std::ops::Range;

/// Stands for a byte that is no part of UTF-8.
const REPLACEMENT: u8 = b'?';

/// A text, the places of its lines, and where something was replaced.
#[derive(Debug)]
pub(super) struct Text {
    text: String,
    /// Where each line but the first begins.
    lines: Vec<usize>,
    replaced: Vec<usize>,
}

impl Text {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        let mut replaced = Vec::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                replaced.push(text.len());
                text.push(char::from(REPLACEMENT));
            }
        }
        // Nothing in it but a mark of the byte order, which some editors leave.
        if text.starts_with('\u{feff}') {
            text.replace_range(..3, "   ");
        }
        let lines = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1)
            .collect();
        Self {
            text,
            lines,
            replaced,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The line of a place, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at) + 1
    }

    /// The first place in a range where something was replaced.
    pub(super) fn replaced_in(&self, range: &Range<usize>) -> Option<usize> {
        let first = self.replaced.partition_point(|at| *at < range.start);
        self.replaced
            .get(first)
            .copied()
            .filter(|at| range.contains(at))
    }

    /// The text with nothing but these ranges left; lines and places stay.
    pub(super) fn only(&self, ranges: &[Range<usize>]) -> String {
        let mut kept = String::with_capacity(self.text.len());
        let mut from = 0;
        for range in ranges {
            self.blank(from..range.start, &mut kept);
            kept.push_str(self.text.get(range.clone()).unwrap_or_default());
            from = range.end;
        }
        kept
    }

    fn blank(&self, range: Range<usize>, kept: &mut String) {
        let bytes = self.text.as_bytes().get(range).unwrap_or_default();
        kept.extend(bytes.iter().map(|byte| match byte {
            b'\n' => '\n',
            _ => ' ',
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_lines_stay_whatever_is_replaced_or_blanked() {
        let text = Text::new(b"a\n\xff\xfeb\nc\xc3\xa9 d");
        assert_eq!(text.as_str(), "a\n??b\nc\u{e9} d");
        assert_eq!((text.line(0), text.line(2), text.line(9)), (1, 2, 3));
        assert_eq!(text.replaced_in(&(3..9)), Some(3));
        assert_eq!(text.replaced_in(&(4..9)), None);
        assert_eq!(text.only(&[0..1, 4..5]), "a\n  b");
    }
}
