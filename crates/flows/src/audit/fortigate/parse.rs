//! A FortiGate backup: `config`, `edit`, `set`, `next`, `end`.

use std::collections::BTreeMap;

use crate::audit::AuditError;

/// `config` inside `config`.
const MAX_DEPTH: usize = 16;
/// Values of the whole file.
const MAX_VALUES: usize = 4_000_000;

/// An `edit` with what is set in it, or the settings of a `config` without one.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// `firewall policy`, `firewall ssl-ssh-profile/https`.
    pub(super) path: String,
    /// The names of the edits around and at it, the virtual domain left out.
    pub(super) names: Vec<String>,
    pub(super) vdom: String,
    pub(super) line: usize,
    pub(super) fields: BTreeMap<String, Vec<String>>,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    pub(super) fn words(&self, key: &str) -> &[String] {
        self.fields.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn word(&self, key: &str) -> &str {
        self.words(key).first().map_or("", String::as_str)
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        self.word(key) == "enable"
    }
}

/// Reads the sections whose names begin with one of `wanted`; the others are passed over.
pub(super) fn read(text: &str, wanted: &[&str]) -> Result<Vec<Entry>, AuditError> {
    let mut reader = Reader {
        wanted,
        stack: Vec::new(),
        entries: Vec::new(),
        values: 0,
    };
    let mut lines = Lines {
        rest: text,
        line: 0,
    };
    while let Some((line, words)) = lines.next() {
        reader.line(line, &words)?;
    }
    Ok(reader.entries)
}

struct Lines<'t> {
    rest: &'t str,
    line: usize,
}

impl Lines<'_> {
    /// The words of the next line; a text in quotes may go over several.
    fn next(&mut self) -> Option<(usize, Vec<String>)> {
        if self.rest.is_empty() {
            return None;
        }
        self.line += 1;
        let first = self.line;
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quoted = false;
        let mut used = self.rest.len();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' if !quoted => {
                    used = at + 1;
                    break;
                }
                '\\' => {
                    if let Some((_, next)) = chars.next() {
                        self.line += usize::from(next == '\n');
                        word.get_or_insert_default().push(next);
                    }
                }
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                '#' if !quoted && word.is_none() && words.is_empty() => {
                    used = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
                    break;
                }
                c if c.is_whitespace() && !quoted => words.extend(word.take()),
                c => {
                    self.line += usize::from(c == '\n');
                    word.get_or_insert_default().push(c);
                }
            }
        }
        words.extend(word);
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some((first, words))
    }
}

enum Open {
    /// Its words, and where its own settings are, if it has any.
    Config(String, Option<usize>),
    /// Its name, and where it is.
    Edit(String, Option<usize>),
}

struct Reader<'w> {
    wanted: &'w [&'w str],
    stack: Vec<Open>,
    entries: Vec<Entry>,
    values: usize,
}

impl Reader<'_> {
    /// The path, the names and the virtual domain of what is open.
    fn place(&self) -> (String, Vec<String>, String) {
        let mut path: Vec<&str> = Vec::new();
        let mut names = Vec::new();
        let mut vdom = String::new();
        let mut in_vdom = false;
        for open in &self.stack {
            match open {
                Open::Config(words, _) if words == "vdom" && path.is_empty() => in_vdom = true,
                Open::Config(words, _) if words == "global" && path.is_empty() => {}
                Open::Config(words, _) => path.push(words),
                Open::Edit(name, _) if in_vdom && path.is_empty() => vdom.clone_from(name),
                Open::Edit(name, _) => names.push(name.clone()),
            }
        }
        (path.join("/"), names, vdom)
    }

    fn entry(&mut self, line: usize) -> Option<usize> {
        let (path, names, vdom) = self.place();
        if !self.wanted.iter().any(|wanted| path.starts_with(wanted)) {
            return None;
        }
        self.entries.push(Entry {
            path,
            names,
            vdom,
            line,
            fields: BTreeMap::new(),
        });
        Some(self.entries.len() - 1)
    }

    fn line(&mut self, line: usize, words: &[String]) -> Result<(), AuditError> {
        let [verb, rest @ ..] = words else {
            return Ok(());
        };
        match verb.as_str() {
            "config" => {
                if self.stack.len() >= MAX_DEPTH {
                    return Err(AuditError::TooMuch {
                        what: "sections inside each other",
                        most: MAX_DEPTH,
                    });
                }
                self.stack.push(Open::Config(rest.join(" "), None));
            }
            "edit" => {
                self.stack.push(Open::Edit(rest.join(" "), None));
                let at = self.entry(line);
                if let Some(Open::Edit(_, own)) = self.stack.last_mut() {
                    *own = at;
                }
            }
            "next" => {
                while let Some(open) = self.stack.pop() {
                    if matches!(open, Open::Edit(..)) {
                        break;
                    }
                }
            }
            "end" => {
                while let Some(open) = self.stack.pop() {
                    if matches!(open, Open::Config(..)) {
                        break;
                    }
                }
            }
            "set" | "append" => self.set(line, verb == "append", rest)?,
            "unset" => {
                if let ([key], Some(Open::Edit(_, Some(at)))) = (rest, self.stack.last())
                    && let Some(entry) = self.entries.get_mut(*at)
                {
                    entry.fields.remove(key);
                }
            }
            "move" => self.moved(rest),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, line: usize, append: bool, rest: &[String]) -> Result<(), AuditError> {
        let [key, values @ ..] = rest else {
            return Ok(());
        };
        let at = match self.stack.last() {
            Some(Open::Edit(_, at)) => *at,
            Some(Open::Config(_, Some(at))) => Some(*at),
            Some(Open::Config(_, None)) => {
                let at = self.entry(line);
                if let Some(Open::Config(_, own)) = self.stack.last_mut() {
                    *own = at;
                }
                at
            }
            None => None,
        };
        let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) else {
            return Ok(());
        };
        self.values += values.len();
        if self.values > MAX_VALUES {
            return Err(AuditError::TooMuch {
                what: "values",
                most: MAX_VALUES,
            });
        }
        let own = entry.fields.entry(key.clone()).or_default();
        if !append {
            own.clear();
        }
        own.extend(values.iter().cloned());
        Ok(())
    }

    /// `move 7 before 3`
    fn moved(&mut self, words: &[String]) {
        let [name, way, other] = words else { return };
        let (path, _, vdom) = self.place();
        let find = |entries: &[Entry], name: &str| {
            entries
                .iter()
                .position(|entry| entry.path == path && entry.vdom == vdom && entry.name() == name)
        };
        let Some(from) = find(&self.entries, name) else {
            return;
        };
        if find(&self.entries, other).is_none() {
            return;
        }
        let entry = self.entries.remove(from);
        let to = find(&self.entries, other)
            .map_or(self.entries.len(), |to| to + usize::from(way == "after"));
        self.entries.insert(to.min(self.entries.len()), entry);
    }
}
