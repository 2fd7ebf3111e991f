//! Where a page of a list ends: opaque text for callers, the last item's key for us.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::api::{PAGE_DEFAULT, PAGE_MAX};

use crate::refusal::Refusal;

/// Longer text is no cursor.
const MAX_TEXT: usize = 1024;

/// The key of the last item of a page: what the list is sorted by, and the item's identifier.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor<K>(pub K, pub String);

impl<K: serde::Serialize + serde::de::DeserializeOwned> Cursor<K> {
    /// The opaque text.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads the text back.
    ///
    /// # Errors
    /// When it is no cursor of such a list.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        (text.len() <= MAX_TEXT)
            .then(|| URL_SAFE_NO_PAD.decode(text).ok())
            .flatten()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| {
                Refusal::invalid(
                    "cursor: expected the next_cursor of the same list with the same filters; begin again without one",
                )
            })
    }

    /// Reads the text where there is one.
    ///
    /// # Errors
    /// As [`Cursor::parse`].
    pub fn parse_optional(text: Option<&str>) -> Result<Option<Self>, Refusal> {
        text.map(Self::parse).transpose()
    }
}

/// The number of items on a page: 1 to 500, 50 when not said.
///
/// # Errors
/// When it is outside of that.
pub fn page_limit(limit: Option<u32>) -> Result<usize, Refusal> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        other => Err(Refusal::invalid(format!(
            "limit: expected 1 to {PAGE_MAX}, got {other}"
        ))),
    }
}

/// Makes a page of a list that was read one item beyond the limit.
pub fn page<T, K: serde::Serialize + serde::de::DeserializeOwned>(
    mut items: Vec<T>,
    limit: usize,
    total: u64,
    key: impl FnOnce(&T) -> Cursor<K>,
) -> proto::Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items
        .last()
        .filter(|_| more)
        .map(|last| key(last).to_text());
    proto::Page {
        items,
        next_cursor,
        total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_other_text_is_refused() {
        let cursor = Cursor(17i64, "x".to_owned());
        assert_eq!(Cursor::<i64>::parse(&cursor.to_text()).unwrap(), cursor);
        assert!(Cursor::<i64>::parse("17").is_err());
        assert!(Cursor::<i64>::parse(&Cursor("a".to_owned(), String::new()).to_text()).is_err());
    }

    #[test]
    fn a_limit_outside_its_range_is_refused() {
        assert_eq!(page_limit(None).unwrap(), 50);
        assert!(page_limit(Some(0)).is_err());
        assert!(page_limit(Some(501)).is_err());
    }
}
