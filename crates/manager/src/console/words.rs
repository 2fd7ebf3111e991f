//! The message catalogue: every word that people read in the console. One TOML file a language;
//! `en.toml` is complete, and another language has the same keys.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

const ENGLISH: &str = include_str!("words/en.toml");

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    language: &'static str,
    messages: HashMap<String, String>,
}

impl Words {
    /// English.
    #[must_use]
    pub fn english() -> &'static Self {
        static PARSED: LazyLock<Words> = LazyLock::new(|| Words::read("en", ENGLISH));
        &PARSED
    }

    /// The language's tag, for the page's `lang` attribute.
    #[must_use]
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// The message of a key; the key itself where the catalogue has none, which a test rules out.
    #[must_use]
    pub fn t<'a>(&'a self, key: &'a str) -> &'a str {
        self.messages.get(key).map_or(key, String::as_str)
    }

    /// Whether the catalogue has the key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.messages.contains_key(key)
    }

    /// The message of a key with `{name}` replaced.
    #[must_use]
    pub fn with(&self, key: &str, values: &[(&str, &dyn Display)]) -> String {
        let mut text = String::new();
        let mut rest = self.t(key);
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                text.push('{');
                rest = after;
                continue;
            };
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
                text.push_str(&value.to_string());
            }
            rest = tail;
        }
        text.push_str(rest);
        text
    }

    /// The message `KEY.one` or `KEY.other`, with `{n}` replaced by the grouped number.
    #[must_use]
    pub fn count(&self, key: &str, n: u64) -> String {
        let form = if n == 1 { "one" } else { "other" };
        self.with(&format!("{key}.{form}"), &[("n", &grouped(n))])
    }

    fn read(language: &'static str, text: &str) -> Self {
        let mut messages = HashMap::new();
        if let Ok(table) = text.parse::<toml::Table>() {
            flatten("", &table, &mut messages);
        }
        Self { language, messages }
    }
}

fn flatten(prefix: &str, table: &toml::Table, messages: &mut HashMap<String, String>) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        if let Some(text) = value.as_str() {
            messages.insert(name, text.to_owned());
        } else if let Some(inner) = value.as_table() {
            flatten(&name, inner, messages);
        }
    }
}

/// A number with thin spaces between groups of three digits.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn values_and_numbers_stand_in_their_places() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(999), "999");
        let words = Words::read(
            "en",
            "a = \"{x} of {y} {\"\n[n]\none = \"{n} file\"\nother = \"{n} files\"",
        );
        assert_eq!(words.with("a", &[("x", &1), ("y", &"<b>")]), "1 of <b> {");
        assert_eq!(words.count("n", 1), "1 file");
        assert_eq!(words.count("n", 0), "0 files");
    }

    /// Keys that stand in a text as `CALL("key"`.
    fn keys_in(text: &str, call: &str) -> Vec<String> {
        text.split(call)
            .skip(1)
            .filter_map(|rest| rest.trim_start().strip_prefix('"'))
            .filter_map(|rest| rest.split_once('"'))
            .map(|(key, _)| key.to_owned())
            .filter(|key| key.contains('.'))
            .collect()
    }

    fn sources() -> Vec<(String, String)> {
        let root = std::env::var_os("GARRISON_SOURCE_DIR").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(),
            |sources| Path::new(&sources).join("crates/manager"),
        );
        let mut folders = vec![root.join("templates"), root.join("src/console")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(text) = std::fs::read_to_string(&path) {
                    found.push((path.display().to_string(), text));
                }
            }
        }
        found
    }

    #[test]
    fn every_key_that_is_used_has_a_message() {
        let words = Words::english();
        let mut used = BTreeSet::new();
        for (path, text) in sources() {
            if path.ends_with("words.rs") {
                continue;
            }
            for call in [".t(", ".with("] {
                for key in keys_in(&text, call) {
                    assert!(words.has(&key), "{path}: no message {key}");
                    used.insert(key);
                }
            }
            for key in keys_in(&text, ".count(") {
                for form in ["one", "other"] {
                    assert!(
                        words.has(&format!("{key}.{form}")),
                        "{path}: no message {key}.{form}"
                    );
                }
                used.insert(key);
            }
        }
        assert!(
            used.len() > 100,
            "the search found only {} keys",
            used.len()
        );
    }

    #[test]
    fn no_template_holds_words_of_its_own() {
        for (path, text) in sources() {
            if !path.ends_with(".html") {
                continue;
            }
            // Commands and requests are the same in every language.
            let text: String = text
                .split("<pre")
                .map(|part| part.split_once("</pre>").map_or(part, |(_, rest)| rest))
                .collect();
            let mut visible = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find(['<', '{']) {
                let (before, after) = rest.split_at(at);
                visible.push_str(before);
                visible.push(' ');
                let end = if after.starts_with("{{") {
                    after.find("}}").map(|at| at + 2)
                } else if after.starts_with("{%") {
                    after.find("%}").map(|at| at + 2)
                } else if after.starts_with("{#") {
                    after.find("#}").map(|at| at + 2)
                } else {
                    tag_end(after)
                };
                rest = end.and_then(|end| after.get(end..)).unwrap_or_default();
            }
            visible.push_str(rest);
            let words: Vec<&str> = visible
                .split(|c: char| !c.is_alphabetic())
                .filter(|word| word.len() > 1)
                .filter(|word| !["Garrison", "SHA", "MD"].contains(word))
                .collect();
            assert!(
                words.is_empty(),
                "{path}: {words:?} belong in the catalogue"
            );
        }
    }

    /// The end of an HTML tag whose attributes may hold template expressions.
    fn tag_end(text: &str) -> Option<usize> {
        let mut depth = 0u32;
        let mut previous = ' ';
        for (at, c) in text.char_indices() {
            match (previous, c) {
                ('{', '{' | '%') => depth += 1,
                ('}' | '%', '}') => depth = depth.saturating_sub(1),
                (_, '>') if depth == 0 => return Some(at + 1),
                _ => {}
            }
            previous = c;
        }
        None
    }
}
