//! Compiling a group of rules.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use model::DefinitionType;
use scan::yara::{EXTERNALS, NO_RULE};
use yara_x::errors::CompileError;
use yara_x::{Rules, SourceCode};

use super::divide::{Group, Members};
use super::entries::{Entries, Entry};
use super::gate;
use super::includes::Namespace;
use super::meta::Meta;
use super::section;
use super::text::Text;
use crate::error::{BuildError, SourceError};
use crate::rule_set::RuleSet;
use crate::source::Source;

/// What groups are compiled from.
pub(super) struct Groups<'c> {
    pub(super) sources: &'c [&'c Source],
    pub(super) texts: &'c [Text],
    pub(super) namespaces: &'c [Namespace],
    pub(super) entries: &'c [Entries],
}

impl Groups<'_> {
    /// The section of a group; `None` when no rule of it compiles. `seen` gathers the rules that
    /// can match, by their keys.
    pub(super) fn compile(
        &self,
        group: &Group,
        rules: &mut RuleSet,
        errors: &mut Vec<SourceError>,
        seen: &mut HashSet<u64>,
    ) -> Result<Option<Vec<u8>>, BuildError> {
        let mut parts = Vec::with_capacity(group.parts.len());
        let mut gated = Vec::new();
        for part in &group.parts {
            let Some((numbers, compiled)) = self.part(&part.members, rules, errors, seen)? else {
                continue;
            };
            let number = u16::try_from(parts.len()).unwrap_or(u16::MAX);
            gated.extend(part.gated.iter().map(|(needed, most_bytes)| gate::Rule {
                part: number,
                needed,
                most_bytes: *most_bytes,
            }));
            parts.push(section::Part {
                starts: part.starts,
                sizes: part.sizes.clone(),
                numbers,
                compiled,
            });
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let gate = if group.gated {
            gate::write(&gated)
        } else {
            Some(Vec::new())
        };
        let too_large = || BuildError::TooLarge {
            what: "more than 4,294,967,295 YARA rules",
        };
        gate.and_then(|gate| section::group(&parts, &gate))
            .ok_or_else(too_large)
            .map(Some)
    }

    /// The numbers of a part's rules by their keys, and the rules; `None` when none compiles.
    #[expect(clippy::type_complexity, reason = "the two halves of a part")]
    fn part(
        &self,
        members: &Members,
        rules: &mut RuleSet,
        errors: &mut Vec<SourceError>,
        seen: &mut HashSet<u64>,
    ) -> Result<Option<(BTreeMap<u64, u32>, Vec<u8>)>, BuildError> {
        let compiled = self.compiled(members, errors)?;
        let mut records: BTreeMap<u64, u32> = BTreeMap::new();
        for rule in compiled.iter() {
            let number = match Meta::read(&rule) {
                Ok(meta) => {
                    let name = meta.name.unwrap_or_else(|| rule.identifier());
                    rules.number(name, DefinitionType::Av, meta.maturity)?
                }
                Err(reason) => {
                    errors.push(self.at_rule(rule.namespace(), rule.identifier(), reason));
                    NO_RULE
                }
            };
            let key = scan::yara::rule_key(rule.namespace(), rule.identifier());
            if records.insert(key, number).is_some() {
                return Err(BuildError::Yara {
                    reason: format!("two rules have the key of {}", rule.identifier()),
                });
            }
            if number != NO_RULE && !rule.is_private() {
                seen.insert(key);
            }
        }
        if records.is_empty() {
            return Ok(None);
        }
        let serialized = compiled.serialize().map_err(|error| BuildError::Yara {
            reason: error.to_string(),
        })?;
        // Whoever loads it does so in the middle of a file.
        Rules::deserialize(&serialized).map_err(|error| BuildError::Yara {
            reason: format!("what was compiled can't be loaded: {error}"),
        })?;
        Ok(Some((records, serialized)))
    }

    fn compiled(
        &self,
        members: &Members,
        errors: &mut Vec<SourceError>,
    ) -> Result<Rules, BuildError> {
        let mut compiler = yara_x::Compiler::new();
        compiler.relaxed_re_syntax(true);
        compiler.enable_includes(false);
        compiler.max_warnings(0);
        for name in EXTERNALS {
            compiler
                .define_global(name, "")
                .map_err(|error| BuildError::Yara {
                    reason: error.to_string(),
                })?;
        }
        let mut rest: &[(usize, usize)] = &members.iter().copied().collect::<Vec<_>>();
        while let Some((namespace, _)) = rest.first() {
            let here = rest.partition_point(|(have, _)| have <= namespace);
            let (members, after) = rest.split_at(here);
            rest = after;
            let (Some(namespace), Some(entries)) = (
                self.namespaces.get(*namespace),
                self.entries.get(*namespace),
            ) else {
                continue;
            };
            compiler.new_namespace(&namespace.name);
            self.add(&mut compiler, namespace, entries, members);
        }
        errors.extend(compiler.errors().iter().map(|error| self.report(error)));
        Ok(compiler.build())
    }

    /// Adds the parts of a namespace, in each nothing but the group's rules and what they import.
    fn add(
        &self,
        compiler: &mut yara_x::Compiler<'_>,
        namespace: &Namespace,
        entries: &Entries,
        members: &[(usize, usize)],
    ) {
        let members: Vec<&Entry> = members
            .iter()
            .filter_map(|(_, place)| entries.rules.get(*place))
            .collect();
        let modules: BTreeSet<usize> = members
            .iter()
            .flat_map(|rule| rule.modules.iter().copied())
            .collect();
        for (place, part) in namespace.parts.iter().enumerate() {
            let (Some(source), Some(text)) =
                (self.sources.get(part.source), self.texts.get(part.source))
            else {
                continue;
            };
            let imports = modules
                .iter()
                .filter_map(|import| entries.imports.get(*import))
                .filter(|import| import.part == place)
                .map(|import| import.span.clone());
            let rules = members
                .iter()
                .filter(|rule| rule.part == place)
                .map(|rule| rule.span.clone());
            let mut ranges: Vec<Range<usize>> = imports.chain(rules).collect();
            if ranges.is_empty() {
                continue;
            }
            ranges.sort_by_key(|range| range.start);
            let kept = text.only(&ranges);
            let code = SourceCode::from(kept.as_str()).with_origin(source.name.as_str());
            // What is wrong is among the compiler's errors.
            let _ = compiler.add_source(code);
        }
    }

    fn report(&self, error: &CompileError) -> SourceError {
        let title = error.title().to_owned();
        let mut labels = error.labels();
        let Some(label) = labels.next() else {
            return SourceError {
                source: String::new(),
                line: None,
                reason: title,
            };
        };
        let origin = label.origin().unwrap_or_default().to_owned();
        let place = self.sources.iter().position(|have| have.name == origin);
        let line = place
            .and_then(|place| self.texts.get(place))
            .map(|text| text.line(label.span().start()));
        SourceError {
            source: origin,
            line,
            reason: format!("{title}: {}", label.text()),
        }
    }

    /// An error of a rule that compiled.
    fn at_rule(&self, namespace: &str, identifier: &str, reason: String) -> SourceError {
        let spaces = self.namespaces.iter().zip(self.entries);
        let found = spaces
            .filter(|(space, _)| space.name == namespace)
            .find_map(|(space, entries)| {
                let entry = entries.rules.iter().find(|rule| rule.name == identifier)?;
                let source = space.parts.get(entry.part)?.source;
                let line = self.texts.get(source)?.line(entry.span.start);
                Some((self.sources.get(source)?.name.clone(), line))
            });
        let (source, line) = found.unzip();
        SourceError {
            source: source.unwrap_or_default(),
            line,
            reason,
        }
    }
}
