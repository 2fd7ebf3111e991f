//! As much of DER (X.690) as OCSP and Kerberos are made of.

/// SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const GENERAL_STRING: u8 = 0x1b;
/// The given context-specific tag, around other elements.
pub(crate) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}
/// The given tag of a protocol's own, around other elements.
pub(crate) const fn application(number: u8) -> u8 {
    0x60 | number
}
/// The given context-specific tag, around bytes.
pub(crate) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// Elements that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element; `None` at the end, or where it is malformed.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let bytes = self.0;
        let (&tag, rest) = bytes.split_first()?;
        // Longer tags stand nowhere in what is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            let (digits, rest) = rest.split_at_checked(count)?;
            if count == 0 || count > 4 {
                return None;
            }
            let length = digits
                .iter()
                .fold(0usize, |length, digit| (length << 8) | usize::from(*digit));
            (length, rest)
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = bytes.get(..bytes.len() - after.len())?;
        self.0 = after;
        Some(Element {
            tag,
            content,
            whole,
        })
    }

    /// The next element's content, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|element| element.tag == tag)
            .map(|element| element.content)
    }

    /// The next element's content if it has this tag; else nothing is read.
    pub(crate) fn take_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let content = ahead.take(tag)?;
        *self = ahead;
        Some(content)
    }
}

/// An element with these parts as its content.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut whole = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => whole.push(short),
        _ => {
            let digits = length.to_be_bytes();
            let zeroes = digits.iter().take_while(|digit| **digit == 0).count();
            let digits = digits.get(zeroes..).unwrap_or_default();
            whole.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            whole.extend(digits);
        }
    }
    for part in parts {
        whole.extend(*part);
    }
    whole
}

/// A number.
pub(crate) fn integer(value: u32) -> Vec<u8> {
    let digits = u64::from(value).to_be_bytes();
    // The first bit is the sign's.
    let first = |at: usize| digits.get(at).is_some_and(|digit| *digit != 0);
    let sign = |at: usize| digits.get(at + 1).is_some_and(|digit| *digit & 0x80 != 0);
    let zeroes = (0..digits.len() - 1).find(|at| first(*at) || sign(*at));
    let digits = digits.get(zeroes.unwrap_or(digits.len() - 1)..);
    element(INTEGER, &[digits.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_length_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7u8; length];
            let whole = element(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&whole);
            let read = reader.next().unwrap();
            assert_eq!((read.tag, read.content), (OCTET_STRING, &content[..]));
            assert_eq!(read.whole, whole);
            assert!(reader.next().is_none());
        }
    }

    #[test]
    fn numbers_are_as_short_as_may_be_and_never_negative() {
        for (value, content) in [
            (0, &[0][..]),
            (5, &[5]),
            (127, &[127]),
            (128, &[0, 128]),
            (0x8003, &[0, 0x80, 3]),
            (u32::MAX, &[0, 255, 255, 255, 255]),
        ] {
            assert_eq!(integer(value), element(INTEGER, &[content]), "{value}");
        }
    }

    #[test]
    fn what_is_cut_or_too_long_is_no_element() {
        for bytes in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x81],
            &[4, 0x80, 0],
            &[4, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 1, 0],
        ] {
            assert!(Reader::new(bytes).next().is_none(), "{bytes:?}");
        }
    }
}
