//! Words for people, in one or more languages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A text in English and perhaps in other languages. In a catalogue either a plain string, which
/// is English, or a table of language codes (ISO 639-1) to strings that has `en`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Text {
    english: String,
    others: BTreeMap<String, String>,
}

/// A text that lacks what every text has.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a text with English (a plain string, or a table with the key \"en\"), got one with: {0}"
)]
pub struct TextError(String);

impl Text {
    /// A text in English alone.
    #[must_use]
    pub fn english(text: impl Into<String>) -> Self {
        Self {
            english: text.into(),
            others: BTreeMap::new(),
        }
    }

    /// The text in a language, in English where it isn't there.
    #[must_use]
    pub fn in_language(&self, language: &str) -> &str {
        self.others
            .get(language)
            .map_or(self.english.as_str(), String::as_str)
    }

    /// The English text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.english
    }

    /// The codes of the languages beside English.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.english)
    }
}

/// The form in files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Languages(BTreeMap<String, String>),
}

impl TryFrom<Written> for Text {
    type Error = TextError;

    fn try_from(written: Written) -> Result<Self, TextError> {
        match written {
            Written::Plain(english) => Ok(Self::english(english)),
            Written::Languages(mut others) => match others.remove("en") {
                Some(english) => Ok(Self { english, others }),
                None => {
                    let found: Vec<String> = others.into_keys().collect();
                    Err(TextError(found.join(", ")))
                }
            },
        }
    }
}

impl From<Text> for Written {
    fn from(text: Text) -> Self {
        if text.others.is_empty() {
            return Self::Plain(text.english);
        }
        let mut all = text.others;
        all.insert("en".to_owned(), text.english);
        Self::Languages(all)
    }
}
