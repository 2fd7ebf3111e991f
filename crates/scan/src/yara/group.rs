//! Loading groups, each part when it is first needed.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

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

/// A part of the YARA rules: the numbers of its group and of its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RulePart {
    group: u8,
    place: u8,
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

impl RulePart {
    pub(super) fn new(group: usize, place: usize) -> Option<Self> {
        let (group, place) = (u8::try_from(group).ok()?, u8::try_from(place).ok()?);
        Some(Self { group, place })
    }

    pub(super) fn group(self) -> usize {
        self.group.into()
    }

    pub(super) fn place(self) -> usize {
        self.place.into()
    }
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
                let pages = file.pages(section);
                let parts = Parts::read(pages)?;
                parts.parts.iter().try_for_each(|part| part.check(pages))?;
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

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The parts of a group.
    pub(super) fn parts_of(&self, group: usize) -> impl Iterator<Item = RulePart> {
        let parts = self.groups.get(group).map_or(0, |group| group.rules.len());
        (0..parts).filter_map(move |place| RulePart::new(group, place))
    }

    /// All parts.
    pub(crate) fn parts(&self) -> impl Iterator<Item = RulePart> {
        (0..self.groups.len()).flat_map(|group| self.parts_of(group))
    }

    /// The parts that are run on small files without a beginning of their own, which most files
    /// are; the smallest part where there are none, because a worker needs one to begin with.
    pub(crate) fn first_parts(&self) -> Vec<RulePart> {
        let before_gates = |part: &RulePart| {
            let group = self.groups.get(part.group());
            group.is_some_and(|group| !group.parts.are_gated())
        };
        let first: Vec<RulePart> = self
            .parts()
            .filter(|part| before_gates(part) && self.fits(*part, Start::Other, 0))
            .collect();
        if !first.is_empty() {
            return first;
        }
        let bytes = |part: &RulePart| {
            let parts = self
                .groups
                .get(part.group())
                .map(|group| &group.parts.parts);
            parts.and_then(|parts| Some(parts.get(part.place())?.compiled_bytes()))
        };
        self.parts().min_by_key(bytes).into_iter().collect()
    }

    /// The gate of a group, if it has one. One that can't be read is none: all parts are run.
    pub(super) fn gate<'f>(&self, number: usize, file: &'f DefinitionsFile) -> Option<Gate<'f>> {
        let group = self.groups.get(number)?;
        Gate::read(group.parts.gate(file.pages(group.section))?)
    }

    /// Whether the rules of a part can match files that begin so and have so many bytes.
    pub(super) fn fits(&self, part: RulePart, start: Start, bytes: u64) -> bool {
        let group = self.groups.get(part.group());
        let part = group.and_then(|group| group.parts.parts.get(part.place()));
        part.is_some_and(|part| part.fits(start, bytes))
    }

    /// Whether a part need not be loaded any more, for it was, or it can't be.
    pub(crate) fn is_settled(&self, part: RulePart) -> bool {
        let place = self.place(part);
        place.is_none_or(|(_, rules)| rules.get().is_some())
    }

    /// Whether the rules of a part are loaded.
    pub(crate) fn is_loaded(&self, part: RulePart) -> bool {
        self.loaded(part).is_some()
    }

    /// A part's rules, if they are loaded.
    pub(super) fn loaded(&self, part: RulePart) -> Option<&Loaded> {
        self.place(part)?.1.get()?.as_ref()
    }

    /// Loads a part, unless it is. One that there is not is passed over.
    pub(crate) fn load(
        &self,
        part: RulePart,
        file: &DefinitionsFile,
    ) -> Result<(), DefinitionsError> {
        let Some((group, rules)) = self.place(part) else {
            return Ok(());
        };
        let mut error = None;
        let loaded = rules.get_or_init(|| {
            let loaded = Loaded::read(file, group, part.place());
            loaded.map_err(|reason| error = Some(reason)).ok()
        });
        match (error, loaded) {
            (Some(error), _) => Err(error),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(DefinitionsError::Yara {
                reason: "a part of the rules could not be loaded before".into(),
            }),
        }
    }

    fn place(&self, part: RulePart) -> Option<(&Group, &OnceLock<Option<Loaded>>)> {
        let group = self.groups.get(part.group())?;
        Some((group, group.rules.get(part.place())?))
    }

    /// The number of a rule that matched.
    pub(super) fn number(
        &self,
        part: RulePart,
        rule: &yara_x::Rule<'_, '_>,
        file: &DefinitionsFile,
    ) -> Option<u32> {
        let group = self.groups.get(part.group())?;
        let part = group.parts.parts.get(part.place())?;
        let key = rule_key(rule.namespace(), rule.identifier());
        part.number(file.pages(group.section), key)
    }
}

impl Loaded {
    fn read(file: &DefinitionsFile, group: &Group, place: usize) -> Result<Self, DefinitionsError> {
        let malformed = || DefinitionsError::Malformed {
            what: "a group of yara rules has fewer parts than it had".into(),
        };
        let part = group.parts.parts.get(place).ok_or_else(malformed)?;
        let compiled = part.compiled(file.pages(group.section))?;
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
