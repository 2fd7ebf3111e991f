//! YAML as a value, without aliases, tags and merges, within limits.

use saphyr_parser::{Event, Parser};

use super::ImportError;

/// Values inside each other beyond this depth are refused.
const MAX_DEPTH: usize = 32;
/// Scalars, lists and tables of one file.
const MAX_NODES: usize = 400_000;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    /// A scalar as it is written, and its line, counted from 1.
    Text(String, usize),
    List(Vec<Yaml>, usize),
    Table(Vec<(String, Yaml)>, usize),
}

impl Yaml {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Table(entries, _) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            Self::Text(..) | Self::List(..) => None,
        }
    }

    pub(super) const fn line(&self) -> usize {
        match self {
            Self::Text(_, line) | Self::List(_, line) | Self::Table(_, line) => *line,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text, _) => Some(text),
            Self::List(..) | Self::Table(..) => None,
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items, _) => items,
            Self::Text(..) | Self::Table(..) => &[],
        }
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Table(entries, _) => entries,
            Self::Text(..) | Self::List(..) => &[],
        }
    }

    /// The words of a scalar, or of a list of scalars; `None` where another shape stands.
    pub(super) fn words(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text, _) => Some(text.split_whitespace().collect()),
            Self::List(items, _) => {
                let texts: Option<Vec<&str>> = items.iter().map(Self::text).collect();
                Some(texts?.into_iter().flat_map(str::split_whitespace).collect())
            }
            Self::Table(..) => None,
        }
    }
}

enum Open {
    List(Vec<Yaml>, usize),
    Table(Vec<(String, Yaml)>, Option<String>, usize),
}

/// Reads the first document.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Yaml, ImportError> {
    let wrong = |line: usize, problem: &str| ImportError::Yaml {
        file: file.to_owned(),
        line,
        problem: problem.to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| wrong(0, "the bytes are no UTF-8"))?;
    let mut parser = Parser::new_from_str(text);
    let mut stack: Vec<Open> = Vec::new();
    let mut nodes = 0_usize;
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| wrong(error.marker().line(), error.info()))?;
        let line = span.start.line();
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(wrong(line, "more values than are read"));
        }
        let done = match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
            Event::StreamEnd | Event::DocumentEnd => break,
            Event::Alias(_) => {
                return Err(wrong(line, "aliases are not read; write the value out"));
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new(), line));
                None
            }
            Event::MappingStart(..) => {
                stack.push(Open::Table(Vec::new(), None, line));
                None
            }
            Event::Scalar(text, ..) => Some(Yaml::Text(text.into_owned(), line)),
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(items, line)) => Some(Yaml::List(items, line)),
                Some(Open::Table(entries, _, line)) => Some(Yaml::Table(entries, line)),
                None => return Err(wrong(line, "an end without a beginning")),
            },
        };
        if stack.len() > MAX_DEPTH {
            return Err(wrong(line, "values stand too deep inside each other"));
        }
        let Some(value) = done else { continue };
        match stack.last_mut() {
            None => return Ok(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Table(entries, key, _)) => match (key.take(), value) {
                (Some(name), value) => entries.push((name, value)),
                (None, Yaml::Text(name, _)) => *key = Some(name),
                (None, Yaml::List(..) | Yaml::Table(..)) => {
                    return Err(wrong(line, "a key that is no text"));
                }
            },
        }
    }
    Err(wrong(0, "the file holds no value"))
}
