//! Pages: how long, and where the next one begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::api::{PAGE_DEFAULT, PAGE_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// Longer text is no cursor.
const MAX_TEXT: usize = 2048;

/// The key of a page's last item as opaque text.
#[must_use]
pub fn to_text<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// Reads the text back.
///
/// # Errors
/// When it is no cursor of such a list.
pub fn parse<K: DeserializeOwned>(text: &str) -> Result<K, Refusal> {
    (text.len() <= MAX_TEXT)
        .then(|| URL_SAFE_NO_PAD.decode(text).ok())
        .flatten()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| {
            Refusal::invalid(
                "cursor: expected the next_cursor of the same list; begin again without one",
            )
        })
}

/// The number of items on a page: 1 to 500, 50 when not said.
///
/// # Errors
/// When it is outside of that.
pub fn page_limit(limit: Option<u32>) -> Result<u32, Refusal> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        other => Err(Refusal::invalid(format!(
            "limit: expected 1 to {PAGE_MAX}, got {other}"
        ))),
    }
}
