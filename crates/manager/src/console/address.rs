//! A list's address: filters, sort order and page stand in the query of the URL, so that an
//! address can be sent to a colleague.

use std::fmt::Write as _;

/// More parameters than this are dropped.
const MAX_PAIRS: usize = 600;
/// Longer values are cut.
const MAX_VALUE: usize = 512;

/// A path and its query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    pub path: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// Reads path and query as they came in the request.
    #[must_use]
    pub fn new(path: &str, query: Option<&str>) -> Self {
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .take(MAX_PAIRS)
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value).chars().take(MAX_VALUE).collect())
            })
            .filter(|(_, value): &(String, String)| !value.is_empty())
            .collect();
        Self {
            path: path.to_owned(),
            pairs,
        }
    }

    /// The value of a parameter; empty when it isn't there.
    #[must_use]
    pub fn value(&self, key: &str) -> &str {
        self.pairs
            .iter()
            .find(|(known, _)| known == key)
            .map_or("", |(_, value)| value)
    }

    /// The value of a parameter, when it is there.
    #[must_use]
    pub fn wanted(&self, key: &str) -> Option<&str> {
        Some(self.value(key)).filter(|value| !value.is_empty())
    }

    /// Whether a parameter has this value.
    #[must_use]
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.value(key) == value
    }

    /// Whether any of the list's filters is set.
    #[must_use]
    pub fn filtered(&self) -> bool {
        self.pairs.iter().any(|(key, _)| {
            !["sort", "cursor", "limit", "said", "n", "skipped"].contains(&key.as_str())
        })
    }

    /// This address with one parameter changed (removed when the value is empty), from the first
    /// page on.
    #[must_use]
    pub fn set(&self, key: &str, value: &str) -> String {
        let mut pairs: Vec<(&str, &str)> = self.kept().filter(|(known, _)| *known != key).collect();
        if !value.is_empty() {
            pairs.push((key, value));
        }
        written(&self.path, &pairs)
    }

    /// The page of this list that a cursor points to.
    #[must_use]
    pub fn turned(&self, cursor: &str) -> String {
        let mut pairs: Vec<(&str, &str)> = self.kept().collect();
        pairs.push(("cursor", cursor));
        written(&self.path, &pairs)
    }

    /// This list under another ending, such as `.csv`, with the same filters.
    #[must_use]
    pub fn exported(&self, ending: &str) -> String {
        written(
            &format!("{}{ending}", self.path),
            &self.kept().collect::<Vec<_>>(),
        )
    }

    /// The API's address of the same list.
    #[must_use]
    pub fn api(&self, path: &str) -> String {
        let pairs: Vec<(&str, &str)> = self
            .pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, _)| !["said", "n", "skipped"].contains(key))
            .collect();
        written(path, &pairs)
    }

    /// The address itself, without what was said once.
    #[must_use]
    pub fn here(&self) -> String {
        self.api(&self.path)
    }

    /// The address without any parameter.
    #[must_use]
    pub fn bare(&self) -> &str {
        &self.path
    }

    /// The sort link of a column: ascending first, descending when it is ascending already.
    #[must_use]
    pub fn sorted(&self, column: &str) -> String {
        if self.is("sort", column) {
            self.set("sort", &format!("-{column}"))
        } else {
            self.set("sort", column)
        }
    }

    /// The value of `aria-sort` for a column.
    #[must_use]
    pub fn sorting(&self, column: &str) -> &'static str {
        match self.value("sort").strip_prefix('-') {
            Some(key) if key == column => "descending",
            None if self.is("sort", column) => "ascending",
            _ => "none",
        }
    }

    fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, _)| !["cursor", "said", "n", "skipped"].contains(key))
    }
}

fn written(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (key, value)) in pairs.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(&encode(key));
        text.push('=');
        text.push_str(&encode(value));
    }
    text
}

/// Percent-encodes all but unreserved characters and the slash.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Decodes percent-encoding and `+`; what can't be decoded stays as it is.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let pair = (ahead.next(), ahead.next());
                if let (Some(high), Some(low)) = pair
                    && let (Some(high), Some(low)) = (digit(high), digit(low))
                {
                    bytes.push(high * 16 + low);
                    rest = ahead;
                } else {
                    bytes.push(b'%');
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Where to go after signing in: a path of this console, or the overview for anything else.
#[must_use]
pub fn inside(wanted: &str) -> &str {
    let plain = wanted.starts_with('/')
        && !wanted.starts_with("//")
        && wanted.chars().all(|c| c.is_ascii_graphic() && c != '\\')
        && !wanted.starts_with("/sign-")
        && wanted.len() <= 2048;
    if plain { wanted } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_stay_and_the_page_starts_anew() {
        let address = Address::new(
            "/devices",
            Some("q=a%20b%26c&cursor=xyz&sort=host&said=done"),
        );
        assert_eq!(address.value("q"), "a b&c");
        assert_eq!(
            address.set("group", "1"),
            "/devices?q=a%20b%26c&sort=host&group=1"
        );
        assert_eq!(address.set("q", ""), "/devices?sort=host");
        assert_eq!(address.sorted("host"), "/devices?q=a%20b%26c&sort=-host");
        assert_eq!(address.sorting("host"), "ascending");
        assert_eq!(
            address.exported(".csv"),
            "/devices.csv?q=a%20b%26c&sort=host"
        );
        assert!(address.filtered());
    }

    #[test]
    fn any_text_survives_encoding() {
        for text in ["", "a+b c", "%", "%zz", "é/ü?&=#", "\u{0}\n"] {
            assert_eq!(decode(&encode(text)), text, "{text:?}");
        }
        assert_eq!(decode("%e"), "%e");
    }

    #[test]
    fn only_paths_of_this_console_are_gone_to() {
        for good in ["/", "/devices?q=a%2Fb", "/detections/0199"] {
            assert_eq!(inside(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/a\nb",
            "/sign-out",
            "/sign-in?to=/",
            "\\\\evil",
            " /devices",
        ] {
            assert_eq!(inside(bad), "/", "{bad:?}");
        }
    }
}
