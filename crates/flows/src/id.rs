//! The name of a flow.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longer names are refused.
const MAX_LENGTH: usize = 64;

/// The stable name of a flow: lower-case letters, digits and single hyphens between them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(Cow<'static, str>);

/// Text that was expected to be a flow's name and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the name of a flow (lower-case letters, digits and single hyphens, at most {MAX_LENGTH} characters, such as agent-channel), got {0:?}"
)]
pub struct FlowIdError(String);

impl FlowId {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text is no name of a flow.
    pub fn parse(text: &str) -> Result<Self, FlowIdError> {
        let words_are_plain = text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if words_are_plain && text.len() <= MAX_LENGTH {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(FlowIdError(text.chars().take(80).collect()))
        }
    }

    /// For names written in this crate's source; a test reads each of them back.
    pub(crate) const fn from_static(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowId({self})")
    }
}

impl Serialize for FlowId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FlowId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flows_read_back() {
        for text in ["dns", "agent-channel", "ips2-v4"] {
            assert_eq!(FlowId::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_text_is_no_name_of_a_flow() {
        let long = "a".repeat(MAX_LENGTH + 1);
        for text in [
            "", "-", "a-", "-a", "a--b", "Agent", "a b", "a_b", "é", &long,
        ] {
            assert!(FlowId::parse(text).is_err(), "{text:?}");
        }
    }
}
