//! Words for people, in one or more languages.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A text in English and perhaps in other languages. In a catalogue either a plain string, which
/// is English, or a table of language codes (ISO 639-1) to strings that has `en`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
pub struct Text {
    english: String,
    others: BTreeMap<String, String>,
}

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

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Reads the forms in files.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text: a string, which is English, or a table of languages with \"en\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text::english(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text::english(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let mut others = BTreeMap::new();
        while let Some((language, text)) = map.next_entry::<String, String>()? {
            others.insert(language, text);
        }
        match others.remove("en") {
            Some(english) => Ok(Text { english, others }),
            None => Err(A::Error::custom(
                "expected a text with English (the key \"en\") beside its other languages",
            )),
        }
    }
}

/// The form in files.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Written {
    Plain(String),
    Languages(BTreeMap<String, String>),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Row {
        name: Text,
    }

    fn read(value: &str) -> Result<Text, String> {
        toml::from_str(&format!("name = {value}"))
            .map(|row: Row| row.name)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_text_is_a_string_or_a_table_of_languages() {
        assert_eq!(read("\"agent\""), Ok(Text::english("agent")));
        let both = read("{ en = \"name server\", fr = \"serveur de noms\" }").unwrap();
        assert_eq!(both.in_language("fr"), "serveur de noms");
        assert_eq!(both.in_language("de"), "name server");
        assert_eq!(both.languages().collect::<Vec<_>>(), ["fr"]);
    }

    #[test]
    fn a_text_without_english_or_of_another_kind_is_refused() {
        for value in ["{ fr = \"agent\" }", "{}", "7", "[\"agent\"]"] {
            let error = read(value).unwrap_err();
            assert!(error.contains("en"), "{error}");
        }
    }
}
