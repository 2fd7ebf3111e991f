//! PDF (ISO 32000-2): every stream is a member, unpacked; attachments are streams as well.
//! Streams are found by their words, not by the file's tables of places, which hostile files
//! leave out or falsify. What refers to something is followed once, so nothing can run in rings.

mod dictionary;
mod filter;

use memchr::memmem;
use model::Limit;
use model::verdict::Remark;

use self::dictionary::Dictionary;
use self::filter::Filter;
use super::{Content, Members};

/// Filters of one stream.
const MAX_FILTERS: usize = 8;

pub(super) fn walk(bytes: &[u8], members: &mut dyn Members) {
    let encrypted = memmem::find(bytes, b"/Encrypt").is_some();
    let mut at = 0;
    let mut broken = false;
    while let Some(stream) = Stream::next(bytes, &mut at) {
        if encrypted {
            // What is in it shows to no one without the key.
            continue;
        }
        let filters = stream.dictionary.filters(bytes);
        broken |= stream.unended;
        if hand_over(&stream, &filters, members).is_none() {
            return;
        }
    }
    if encrypted {
        members.remark(Remark::Encrypted);
    }
    if broken {
        members.remark(Remark::Malformed);
    }
}

fn hand_over(stream: &Stream<'_>, filters: &[Filter], members: &mut dyn Members) -> Option<()> {
    let name = stream.name();
    if filters.len() > MAX_FILTERS {
        members.limit(Limit::Depth);
    }
    // Pictures are handed over as they are packed.
    let known = filters
        .iter()
        .take(MAX_FILTERS)
        .take_while(|filter| **filter != Filter::Picture);
    let filters: Vec<Filter> = known.copied().collect();
    if filters.contains(&Filter::Unknown) {
        return members
            .member(name.as_bytes(), Content::Unreadable(Remark::UnknownMethod))
            .continue_value();
    }
    if filters.is_empty() {
        if stream.data.is_empty() {
            return Some(());
        }
        return members
            .member(name.as_bytes(), Content::Plain(stream.data))
            .continue_value();
    }
    let mut reader = filter::reader(stream.data, &filters);
    members
        .member(
            name.as_bytes(),
            Content::Packed {
                reader: &mut *reader,
                packed_bytes: stream.data.len() as u64,
            },
        )
        .continue_value()
}

/// A stream and the dictionary before it.
struct Stream<'a> {
    dictionary: Dictionary<'a>,
    data: &'a [u8],
    at: usize,
    /// The file ends before the stream does.
    unended: bool,
}

impl<'a> Stream<'a> {
    /// The next one from `at` on, which is moved behind it.
    fn next(bytes: &'a [u8], at: &mut usize) -> Option<Self> {
        // Dictionaries stand behind the stream before.
        let earliest = *at;
        loop {
            let found = *at + memmem::find(bytes.get(*at..)?, b"stream")?;
            let behind = found + b"stream".len();
            let before = bytes.get(..found)?;
            *at = behind;
            let rest = bytes.get(behind..)?;
            let data = rest
                .strip_prefix(b"\r\n")
                .or_else(|| rest.strip_prefix(b"\n"))
                .or_else(|| rest.strip_prefix(b"\r"));
            let Some(data) = data else {
                continue;
            };
            if before.ends_with(b"end") || !before.trim_ascii_end().ends_with(b">>") {
                continue;
            }
            let window = before.get(earliest..).unwrap_or_default();
            let start = memmem::rfind(window, b"obj").unwrap_or(0);
            let dictionary = Dictionary::new(window.get(start..)?);
            let data_at = bytes.len() - data.len();
            let (length, unended) = length(data, dictionary.number(b"/Length"));
            *at = data_at + length;
            return Some(Self {
                dictionary,
                data: data.get(..length)?,
                at: found,
                unended,
            });
        }
    }

    fn name(&self) -> String {
        let kind = if self.dictionary.has(b"/EmbeddedFile") {
            "attachment"
        } else {
            "stream"
        };
        format!("{kind} at {}", self.at)
    }
}

/// How long a stream is: as stated, if its end stands there, or else up to where the end stands.
/// With it, whether there is no end.
fn length(data: &[u8], stated: Option<usize>) -> (usize, bool) {
    const END: &[u8] = b"endstream";
    let ends_at = |length: &usize| {
        data.get(*length..)
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(END))
    };
    if let Some(length) = stated.filter(ends_at) {
        return (length, false);
    }
    match memmem::find(data, END) {
        Some(end) => {
            let plain = data.get(..end).unwrap_or_default();
            let plain = plain.strip_suffix(b"\n").unwrap_or(plain);
            (plain.strip_suffix(b"\r").unwrap_or(plain).len(), false)
        }
        None => (data.len(), true),
    }
}
