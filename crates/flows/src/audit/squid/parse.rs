//! Squid's configuration: access lists, access rules, TLS rules.

use std::collections::BTreeMap;

use crate::audit::{AuditError, AuditOptions, Note};

/// Files inside files, as deep as Squid goes.
const MAX_INCLUDES: usize = 16;
/// Lines, those of included files as often as they are included.
const MAX_LINES: usize = 400_000;

/// A configuration.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) acls: BTreeMap<String, Acl>,
    pub(super) access: Vec<Access>,
    pub(super) bump: Vec<Bump>,
    /// The line of a port whose TLS is handed to the rules of `ssl_bump`.
    /// Whether a port is opened at all.
    pub(super) listens: bool,
    pub(super) bumping_port: Option<usize>,
    pub(super) notes: Vec<Note>,
    pub(super) lines: usize,
}

/// A named access list.
#[derive(Debug, Clone, Default)]
pub(super) struct Acl {
    pub(super) kind: String,
    /// Values with what flags hold for them.
    pub(super) values: Vec<(String, Flags)>,
    /// Why its values are not all known.
    pub(super) gap: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    /// `-n`: no look-ups.
    pub(super) no_lookup: bool,
}

/// A line with conditions.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    pub(super) line: usize,
    pub(super) text: String,
    /// Names of access lists, and whether they are negated.
    pub(super) terms: Vec<(String, bool)>,
    /// Between `if` and `endif`.
    pub(super) conditional: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Access {
    Rule {
        allow: bool,
        conditions: Conditions,
    },
    /// A file that is not read stands here.
    Gap {
        line: usize,
        file: String,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Bump {
    pub(super) action: Action,
    pub(super) conditions: Conditions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Peek,
    Stare,
    Splice,
    Bump,
    Terminate,
}

/// Directives that change what `http_access` lets through, and are not judged.
const BESIDE: &[&str] = &[
    "http_reply_access",
    "adapted_http_access",
    "http_access2",
    "url_rewrite_program",
    "url_rewrite_access",
    "icap_enable",
    "adaptation_access",
    "ecap_enable",
    "never_direct",
    "always_direct",
    "miss_access",
    "follow_x_forwarded_for",
    "store_id_program",
    "on_unsupported_protocol",
];

pub(super) fn read(text: &str, options: &AuditOptions<'_>) -> Result<Config, AuditError> {
    let mut reader = Reader {
        config: Config::default(),
        options,
        conditional: 0,
    };
    reader.file(text, 0, 0)?;
    if reader.config.access.is_empty() && reader.config.acls.is_empty() {
        return Err(AuditError::Syntax {
            line: 1,
            expected: "a configuration of Squid with acl or http_access lines",
            got: "a file without them".to_owned(),
        });
    }
    Ok(reader.config)
}

struct Reader<'o> {
    config: Config,
    options: &'o AuditOptions<'o>,
    conditional: usize,
}

impl Reader<'_> {
    fn note(&mut self, line: usize, text: impl Into<String>) {
        self.config.notes.push(Note {
            line,
            text: text.into(),
        });
    }

    /// Lines of included files are reported as the line that includes them.
    fn file(&mut self, text: &str, depth: usize, included_at: usize) -> Result<(), AuditError> {
        let mut lines = text.lines().enumerate();
        while let Some((index, first)) = lines.next() {
            let mut line = first.trim_end().to_owned();
            while line.ends_with('\\') {
                line.pop();
                let Some((_, more)) = lines.next() else { break };
                line.push_str(more.trim_end());
            }
            self.config.lines += 1;
            if self.config.lines > MAX_LINES {
                return Err(AuditError::TooMuch {
                    what: "lines",
                    most: MAX_LINES,
                });
            }
            let number = if depth == 0 { index + 1 } else { included_at };
            self.line(&line, number, depth)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, number: usize, depth: usize) -> Result<(), AuditError> {
        let words: Vec<&str> = line
            .split_whitespace()
            .take_while(|word| !word.starts_with('#'))
            .collect();
        let [directive, rest @ ..] = words.as_slice() else {
            return Ok(());
        };
        match *directive {
            "acl" => self.acl(rest, number),
            "http_access" => self.access(rest, number, line),
            "ssl_bump" => self.bump(rest, number, line),
            "http_port" | "https_port" => {
                self.config.listens = true;
                if rest.contains(&"ssl-bump") {
                    self.config.bumping_port.get_or_insert(number);
                }
            }
            "if" => {
                self.conditional += 1;
                self.note(number, "what stands under \"if\" may hold or not");
            }
            "else" => {}
            "endif" => self.conditional = self.conditional.saturating_sub(1),
            "include" => {
                for file in rest {
                    self.include(file, number, depth)?;
                }
            }
            "cache_peer" => self.note(
                number,
                "another proxy may stand behind this one; audit it as well",
            ),
            word if BESIDE.contains(&word) => self.note(number, format!("{word} is not judged")),
            _ => {}
        }
        Ok(())
    }

    fn include(&mut self, file: &str, number: usize, depth: usize) -> Result<(), AuditError> {
        let name = file.trim_matches('"');
        let found: Vec<&Vec<u8>> = match name.split_once('*') {
            None => self.options.files.get(name).into_iter().collect(),
            Some((before, after)) => self
                .options
                .files
                .iter()
                .filter(|(path, _)| {
                    path.len() >= name.len() - 1
                        && path.starts_with(before)
                        && path.ends_with(after)
                })
                .map(|(_, bytes)| bytes)
                .collect(),
        };
        if found.is_empty() {
            self.note(
                number,
                format!("the included file {name} is not read; give it beside this one"),
            );
            self.config.access.push(Access::Gap {
                line: number,
                file: name.to_owned(),
            });
            return Ok(());
        }
        if depth >= MAX_INCLUDES {
            return Err(AuditError::TooMuch {
                what: "files inside files",
                most: MAX_INCLUDES,
            });
        }
        for bytes in found {
            self.file(&String::from_utf8_lossy(bytes), depth + 1, number)?;
        }
        Ok(())
    }

    fn acl(&mut self, words: &[&str], number: usize) {
        let [name, kind, values @ ..] = words else {
            self.note(number, "expected acl NAME TYPE VALUES");
            return;
        };
        let mut flags = Flags::default();
        let mut found = Vec::new();
        let mut gap = None;
        for value in values {
            match *value {
                "-i" => flags.ignore_case = true,
                "+i" => flags.ignore_case = false,
                "-n" => flags.no_lookup = true,
                "--" => {}
                word if word.starts_with("--") => {}
                word if word.starts_with('"') => {
                    let file = word.trim_matches('"');
                    match self.options.files.get(file) {
                        Some(bytes) => {
                            let text = String::from_utf8_lossy(bytes);
                            for line in text.lines() {
                                let value = line.split('#').next().unwrap_or_default();
                                found.extend(
                                    value
                                        .split_whitespace()
                                        .map(|value| (value.to_owned(), flags)),
                                );
                            }
                        }
                        None => {
                            gap = Some(format!(
                                "the values of acl {name} stand in {file}, which is not read"
                            ));
                        }
                    }
                }
                word => found.push((word.to_owned(), flags)),
            }
        }
        if let Some(gap) = &gap {
            self.note(number, format!("{gap}; give it beside this file"));
        }
        let acl = self.config.acls.entry((*name).to_owned()).or_default();
        if !acl.kind.is_empty() && acl.kind != *kind {
            acl.gap = Some(format!("acl {name} is given with two types"));
        }
        acl.kind = (*kind).to_owned();
        acl.values.extend(found);
        acl.gap = acl.gap.take().or(gap);
    }

    fn conditions(&self, words: &[&str], line: usize, text: &str) -> Conditions {
        Conditions {
            line,
            text: text
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .chars()
                .take(160)
                .collect(),
            terms: words
                .iter()
                .map(|word| match word.strip_prefix('!') {
                    Some(name) => (name.to_owned(), true),
                    None => ((*word).to_owned(), false),
                })
                .collect(),
            conditional: self.conditional > 0,
        }
    }

    fn access(&mut self, words: &[&str], number: usize, text: &str) {
        let [action @ ("allow" | "deny"), terms @ ..] = words else {
            self.note(number, "expected http_access allow|deny ACL…");
            return;
        };
        let conditions = self.conditions(terms, number, text);
        self.config.access.push(Access::Rule {
            allow: *action == "allow",
            conditions,
        });
    }

    fn bump(&mut self, words: &[&str], number: usize, text: &str) {
        let Some((action, terms)) = words.split_first() else {
            return;
        };
        let action = match *action {
            "peek" => Action::Peek,
            "stare" => Action::Stare,
            "splice" | "none" => Action::Splice,
            "bump" | "client-first" | "server-first" | "allow" => Action::Bump,
            "terminate" | "err" => Action::Terminate,
            other => {
                self.note(number, format!("ssl_bump {other} is not understood"));
                return;
            }
        };
        let conditions = self.conditions(terms, number, text);
        self.config.bump.push(Bump { action, conditions });
    }
}
