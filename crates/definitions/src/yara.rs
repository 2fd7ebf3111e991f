//! YARA rules, compiled by yara-x. Each source is a namespace of its own, so that two may use the
//! same rule names; `include` is refused, because sources are bytes.
//!
//! Meta entries that Garrison reads: `name` (what matches report; default: the rule's
//! identifier), `maturity` (`silent`, `observing`, `enforcing`, `withdrawn`; default: enforcing).

use std::collections::HashMap;

use model::{DefinitionType, Maturity};
use scan::layout::YARA_ENGINE;
use yara_x::{MetaValue, Rule, SourceCode};

use crate::error::{BuildError, SourceError};
use crate::rule_set::RuleSet;
use crate::source::Source;

pub(crate) struct Compiler<'s> {
    inner: yara_x::Compiler<'static>,
    /// Namespace to source.
    sources: HashMap<String, &'s Source>,
}

/// The finished section.
#[derive(Debug)]
pub(crate) struct YaraSection {
    pub(crate) section: Vec<u8>,
    pub(crate) count: u64,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new() -> Self {
        let mut inner = yara_x::Compiler::new();
        inner.relaxed_re_syntax(true);
        inner.enable_includes(false);
        inner.max_warnings(0);
        Self {
            inner,
            sources: HashMap::new(),
        }
    }

    pub(crate) fn add(&mut self, source: &'s Source, errors: &mut Vec<SourceError>) {
        let mut namespace = source.name.clone();
        while self.sources.contains_key(&namespace) {
            namespace.push('+');
        }
        self.inner.new_namespace(&namespace);
        self.sources.insert(namespace, source);
        let known = self.inner.errors().len();
        let code = SourceCode::from(source.bytes.as_slice()).with_origin(source.name.as_str());
        let _ = self.inner.add_source(code);
        for error in self.inner.errors().iter().skip(known) {
            let text = error.to_string();
            errors.push(SourceError {
                source: source.name.clone(),
                line: line_in(&text),
                reason: reason_in(&text),
            });
        }
    }

    /// Compiles what was added and gives each rule its number.
    pub(crate) fn finish(
        self,
        rules: &mut RuleSet,
        errors: &mut Vec<SourceError>,
    ) -> Result<YaraSection, BuildError> {
        let compiled = self.inner.build();
        let mut records = Vec::new();
        for rule in compiled.iter() {
            let meta = Meta::read(&rule).unwrap_or_else(|reason| {
                let source = self.sources.get(rule.namespace());
                errors.push(SourceError {
                    source: rule.namespace().to_owned(),
                    line: source.and_then(|source| line_of(source, rule.identifier())),
                    reason,
                });
                Meta::default()
            });
            let name = meta.name.unwrap_or_else(|| rule.identifier());
            let number = rules.number(name, DefinitionType::Av, meta.maturity)?;
            records.push(number);
        }
        if records.is_empty() {
            return Ok(YaraSection {
                section: Vec::new(),
                count: 0,
            });
        }
        let too_large = |_| BuildError::TooLarge {
            what: "more than 4,294,967,295 YARA rules",
        };
        let count = u32::try_from(records.len()).map_err(too_large)?;
        let mut section = Vec::new();
        section.extend_from_slice(&(YARA_ENGINE.len() as u32).to_le_bytes());
        section.extend_from_slice(&count.to_le_bytes());
        section.extend_from_slice(YARA_ENGINE.as_bytes());
        for record in records {
            section.extend_from_slice(&record.to_le_bytes());
        }
        compiled
            .serialize_into(&mut section)
            .map_err(|error| BuildError::Yara {
                reason: error.to_string(),
            })?;
        Ok(YaraSection {
            section,
            count: count.into(),
        })
    }
}

struct Meta<'r> {
    name: Option<&'r str>,
    maturity: Maturity,
}

impl Default for Meta<'_> {
    fn default() -> Self {
        Self {
            name: None,
            maturity: Maturity::Enforcing,
        }
    }
}

impl<'r> Meta<'r> {
    fn read(rule: &Rule<'_, 'r>) -> Result<Self, String> {
        let mut meta = Self::default();
        for (key, value) in rule.metadata() {
            match (key, value) {
                ("name", MetaValue::String(name)) if is_name(name) => meta.name = Some(name),
                ("name", other) => {
                    return Err(format!(
                        "rule {}: expected meta name of 1 to 512 printable bytes, got {other:?}",
                        rule.identifier()
                    ));
                }
                ("maturity", MetaValue::String("silent")) => meta.maturity = Maturity::Silent,
                ("maturity", MetaValue::String("observing")) => {
                    meta.maturity = Maturity::Observing;
                }
                ("maturity", MetaValue::String("enforcing")) => {
                    meta.maturity = Maturity::Enforcing;
                }
                ("maturity", MetaValue::String("withdrawn")) => {
                    meta.maturity = Maturity::Withdrawn;
                }
                ("maturity", other) => {
                    return Err(format!(
                        "rule {}: expected meta maturity silent, observing, enforcing or \
                         withdrawn, got {other:?}",
                        rule.identifier()
                    ));
                }
                _ => {}
            }
        }
        Ok(meta)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 512 && !name.chars().any(char::is_control)
}

/// The line in yara-x's report, which has ` --> origin:line:column`.
fn line_in(report: &str) -> Option<usize> {
    let (_, rest) = report.split_once("--> ")?;
    let mut parts = rest.lines().next()?.rsplit(':');
    parts.next()?;
    parts.next()?.parse().ok()
}

/// The report without its drawing: the title, and what stands under the marks.
fn reason_in(report: &str) -> String {
    let title = report.lines().next().unwrap_or_default();
    let mark = report
        .lines()
        .filter_map(|line| line.split_once('^'))
        .map(|(_, rest)| rest.trim_start_matches('^').trim())
        .find(|text| !text.is_empty());
    match mark {
        Some(mark) => format!("{title}: {mark}"),
        None => title.to_owned(),
    }
}

/// The line that a rule begins on.
fn line_of(source: &Source, identifier: &str) -> Option<usize> {
    let text = String::from_utf8_lossy(&source.bytes);
    let begins = |line: &str| {
        let mut words = line.split_whitespace();
        words.any(|word| word == "rule")
            && words
                .next()
                .is_some_and(|word| word.trim_end_matches([':', '{']) == identifier)
    };
    text.lines().position(begins).map(|index| index + 1)
}
