//! Loading groups, each when it is first needed.

use std::fmt;
use std::sync::OnceLock;

use super::index::{GroupHeader, Index, Parts, rule_key};
use super::start::Start;
use crate::definitions::DefinitionsError;
use crate::definitions::file::DefinitionsFile;
use crate::layout::SectionKind;

/// The YARA rules of a set of definitions.
pub(crate) struct YaraRules {
    groups: Vec<Group>,
}

/// A group, and its rules once they are loaded.
struct Group {
    header: GroupHeader,
    section: SectionKind,
    rules: OnceLock<Option<Loaded>>,
}

/// The rules of a group.
pub(crate) struct Loaded {
    pub(super) rules: yara_x::Rules,
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
            .map(|(header, section)| Group {
                header,
                section,
                rules: OnceLock::new(),
            })
            .collect();
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

    pub(super) const fn len(&self) -> usize {
        self.groups.len()
    }

    /// A group's rules, loaded the first time; `None` when they can't be.
    pub(super) fn group(&self, number: usize, file: &DefinitionsFile) -> Option<&Loaded> {
        let group = self.groups.get(number)?;
        group
            .rules
            .get_or_init(|| Loaded::read(file, group.section).ok())
            .as_ref()
    }

    /// Loads all groups, and says what is wrong with the first that can't be.
    pub(crate) fn load_all(&self, file: &DefinitionsFile) -> Result<(), DefinitionsError> {
        for group in &self.groups {
            let section = file.section(group.section)?;
            if !Parts::read(section).is_some_and(|parts| parts.is_sound()) {
                return Err(malformed());
            }
            if group.rules.get().is_none() {
                let loaded = Loaded::read(file, group.section)?;
                // Somebody else may have been quicker, with the same.
                let _ = group.rules.set(Some(loaded));
            }
        }
        Ok(())
    }

    /// The number of a rule that matched.
    pub(super) fn number(
        &self,
        group: usize,
        rule: &yara_x::Rule<'_, '_>,
        file: &DefinitionsFile,
    ) -> Option<u32> {
        let section = file.section(self.groups.get(group)?.section).ok()?;
        Parts::read(section)?.number(rule_key(rule.namespace(), rule.identifier()))
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
    fn read(file: &DefinitionsFile, section: SectionKind) -> Result<Self, DefinitionsError> {
        let section = file.section(section)?;
        let parts = Parts::read(section).ok_or_else(malformed)?;
        let rules =
            yara_x::Rules::deserialize(parts.compiled).map_err(|error| DefinitionsError::Yara {
                reason: error.to_string(),
            })?;
        Ok(Self { rules })
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
