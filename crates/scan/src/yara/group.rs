//! Loading groups, each when it is first needed.

use std::fmt;
use std::sync::OnceLock;

use super::gate::Gate;
use super::index::{GroupHeader, Index, Parts, rule_key};
use super::start::Start;
use crate::definitions::DefinitionsError;
use crate::definitions::file::DefinitionsFile;
use crate::layout::SectionKind;

/// The YARA rules of a set of definitions.
pub(crate) struct YaraRules {
    groups: Vec<Group>,
}

/// A group, and the rules of its parts once they are loaded.
struct Group {
    header: GroupHeader,
    section: SectionKind,
    parts: Parts,
    rules: Vec<OnceLock<Option<Loaded>>>,
}

/// The rules of a part.
pub(crate) struct Loaded {
    pub(super) rules: yara_x::Rules,
    /// Whether a rule asks for what a Windows program says of itself.
    pub(super) reads_pe: bool,
}

impl YaraRules {
    /// Reads the index; `None` when there are no rules.
    pub(crate) fn read(file: &DefinitionsFile) -> Result<Option<Self>, DefinitionsError> {
        let section = file.section(SectionKind::Yara)?;
        if section.is_empty() {
            return Ok(None);
        }
        let index = Index::read(section)?;
        let groups = index.groups.into_iter().zip(SectionKind::YARA_GROUPS);
        let groups = groups
            .map(|(header, section)| {
                let parts = Parts::read(file.section(section)?).ok_or_else(malformed)?;
                let rules = parts.parts.iter().map(|_| OnceLock::new()).collect();
                Ok(Group {
                    header,
                    section,
                    parts,
                    rules,
                })
            })
            .collect::<Result<Vec<_>, DefinitionsError>>()?;
        Ok(Some(Self { groups }))
    }

    /// The groups whose rules can match such a file, by number.
    pub(crate) fn wanted(&self, start: Start, bytes: u64) -> impl Iterator<Item = usize> {
        self.groups
            .iter()
            .enumerate()
            .filter(move |(_, group)| {
                group.header.starts.contains(start) && bytes <= group.header.most_bytes
            })
            .map(|(number, _)| number)
    }

    /// How many parts each group has.
    pub(super) fn parts(&self) -> impl Iterator<Item = usize> {
        self.groups.iter().map(|group| group.rules.len())
    }

    /// The gate of a group, if it has one. One that can't be read is none: all parts are run.
    pub(super) fn gate<'f>(&self, number: usize, file: &'f DefinitionsFile) -> Option<Gate<'f>> {
        let group = self.groups.get(number)?;
        Gate::read(group.parts.gate(file.section(group.section).ok()?)?)
    }

    /// Whether the rules of a part can match files that begin so and have so many bytes.
    pub(super) fn fits(&self, group: usize, part: usize, start: Start, bytes: u64) -> bool {
        let part = self
            .groups
            .get(group)
            .and_then(|group| group.parts.parts.get(part));
        part.is_some_and(|part| part.fits(start, bytes))
    }

    /// A part's rules, loaded the first time; `None` when they can't be.
    pub(super) fn part(
        &self,
        group: usize,
        part: usize,
        file: &DefinitionsFile,
    ) -> Option<&Loaded> {
        let group = self.groups.get(group)?;
        group
            .rules
            .get(part)?
            .get_or_init(|| Loaded::read(file, group, part).ok())
            .as_ref()
    }

    /// Whether the rules of a part ask for what a Windows program says of itself.
    pub(super) fn reads_pe(&self, group: usize, part: usize, file: &DefinitionsFile) -> bool {
        let loaded = self.part(group, part, file);
        loaded.is_some_and(|loaded| loaded.reads_pe)
    }

    /// Loads all groups, and says what is wrong with the first that can't be. Calls `loaded` after
    /// each part.
    pub(crate) fn load_all(
        &self,
        file: &DefinitionsFile,
        loaded: &mut dyn FnMut(),
    ) -> Result<(), DefinitionsError> {
        for group in &self.groups {
            let section = file.section(group.section)?;
            for (number, (part, rules)) in group.parts.parts.iter().zip(&group.rules).enumerate() {
                if !part.is_sound(section) {
                    return Err(malformed());
                }
                if rules.get().is_none() {
                    let part = Loaded::read(file, group, number)?;
                    // Somebody else may have been quicker, with the same.
                    let _ = rules.set(Some(part));
                }
                loaded();
            }
        }
        Ok(())
    }

    /// The number of a rule that matched.
    pub(super) fn number(
        &self,
        group: usize,
        part: usize,
        rule: &yara_x::Rule<'_, '_>,
        file: &DefinitionsFile,
    ) -> Option<u32> {
        let group = self.groups.get(group)?;
        let section = file.section(group.section).ok()?;
        let part = group.parts.parts.get(part)?;
        part.number(section, rule_key(rule.namespace(), rule.identifier()))
    }
}

fn malformed() -> DefinitionsError {
    DefinitionsError::Malformed {
        what: "a group of yara rules has counts that do not fit its bytes, or records out of \
               order"
            .into(),
    }
}

impl Loaded {
    fn read(file: &DefinitionsFile, group: &Group, part: usize) -> Result<Self, DefinitionsError> {
        let section = file.section(group.section)?;
        let part = group.parts.parts.get(part);
        let compiled = part.and_then(|part| part.compiled(section));
        let compiled = compiled.ok_or_else(malformed)?;
        let rules =
            yara_x::Rules::deserialize(compiled).map_err(|error| DefinitionsError::Yara {
                reason: error.to_string(),
            })?;
        let reads_pe = rules.imports().any(|module| module == "pe");
        Ok(Self { rules, reads_pe })
    }
}

impl fmt::Debug for YaraRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&GroupHeader> = self.groups.iter().map(|group| &group.header).collect();
        f.debug_struct("YaraRules")
            .field("groups", &headers)
            .finish_non_exhaustive()
    }
}
