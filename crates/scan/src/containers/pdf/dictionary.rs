//! What a dictionary says of its stream, read without a full grammar: names and numbers behind
//! keys.

use memchr::memmem;

use super::MAX_FILTERS;
use super::filter::Filter;

/// A list behind a key is looked for in this many bytes; one that goes on counts as one that is too
/// long.
const VALUE_BYTES: usize = 1 << 16;

pub(super) struct Dictionary<'a> {
    text: &'a [u8],
}

impl<'a> Dictionary<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    pub(super) fn has(&self, word: &[u8]) -> bool {
        memmem::find(self.text, word).is_some()
    }

    /// What stands behind a key.
    fn value(&self, key: &[u8]) -> Option<&'a [u8]> {
        memmem::find_iter(self.text, key)
            .filter_map(|at| self.text.get(at + key.len()..))
            .find(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
            .map(<[u8]>::trim_ascii_start)
    }

    /// A number behind a key, if it stands there itself.
    pub(super) fn number(&self, key: &[u8]) -> Option<usize> {
        let value = self.value(key)?;
        if reference(value).is_some() {
            return None;
        }
        leading_number(value).map(|(number, _)| number)
    }

    /// The filters, in the order in which they are undone. `file` is searched for a list that
    /// stands elsewhere.
    pub(super) fn filters(&self, file: &[u8]) -> Vec<Filter> {
        let value = self.value(b"/Filter").or_else(|| self.value(b"/F"));
        let Some(value) = value else {
            return Vec::new();
        };
        let elsewhere = reference(value).and_then(|number| object(file, number));
        names(elsewhere.unwrap_or(value))
    }
}

fn leading_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((number, rest))
}

/// The object's number in `12 0 R`.
fn reference(text: &[u8]) -> Option<usize> {
    let (number, rest) = leading_number(text)?;
    let (_, rest) = leading_number(rest.trim_ascii_start())?;
    rest.trim_ascii_start().starts_with(b"R").then_some(number)
}

/// What stands behind `12 0 obj`.
fn object(file: &[u8], number: usize) -> Option<&[u8]> {
    let head = format!("{number} 0 obj");
    memmem::find_iter(file, head.as_bytes())
        .find(|at| {
            !at.checked_sub(1)
                .is_some_and(|at| file.get(at).is_some_and(u8::is_ascii_digit))
        })
        .and_then(|at| file.get(at + head.len()..))
        .map(<[u8]>::trim_ascii_start)
}

/// One name, or those of a list.
fn names(value: &[u8]) -> Vec<Filter> {
    let cut = value.get(..VALUE_BYTES);
    let value = cut.unwrap_or(value);
    let is_list = value.starts_with(b"[");
    let end = value.iter().position(|byte| *byte == b']');
    let list = if is_list {
        value.get(..end.unwrap_or(value.len())).unwrap_or(value)
    } else {
        value
    };
    let most = if is_list { MAX_FILTERS + 1 } else { 1 };
    let filters = list
        .split(|byte| *byte == b'/')
        .skip(1)
        .take(most)
        .map(|rest| {
            let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"[]<>()/%".contains(byte);
            let length = rest.iter().position(is_end).unwrap_or(rest.len());
            Filter::named(&unescaped(rest.get(..length).unwrap_or(rest)))
        });
    let mut filters: Vec<Filter> = filters.collect();
    if is_list && end.is_none() && cut.is_some() {
        filters.resize(most, Filter::Unknown);
    }
    filters
}

/// A name with its `#XX` resolved.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, behind)) = rest.split_first() {
        let code = (*byte == b'#')
            .then(|| std::str::from_utf8(behind.get(..2)?).ok())
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(code.unwrap_or(*byte));
        rest = code.and_then(|_| behind.get(2..)).unwrap_or(behind);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_in_every_spelling() {
        let file = b"1 0 obj [/AHx /Fl] endobj 11 0 obj /LZW endobj";
        for (text, expected) in [
            (
                b"<</Filter/FlateDecode/Length 3>>".as_slice(),
                vec![Filter::Flate],
            ),
            (
                b"<</Filter [ /A85 /Fl#61teDecode ]>>",
                vec![Filter::Ascii85, Filter::Flate],
            ),
            (b"<</Filter 1 0 R>>", vec![Filter::AsciiHex, Filter::Flate]),
            (b"<</Filter 11 0 R>>", vec![Filter::Lzw]),
            (b"<</Filter /Odd /Length 1>>", vec![Filter::Unknown]),
            (b"<</FilterX /Fl>>", vec![]),
            (b"<</Length 5>>", vec![]),
        ] {
            assert_eq!(Dictionary::new(text).filters(file), expected);
        }
        assert_eq!(
            Dictionary::new(b"<</Length 15>>").number(b"/Length"),
            Some(15)
        );
        assert_eq!(
            Dictionary::new(b"<</Length 15 0 R>>").number(b"/Length"),
            None
        );
    }
}
