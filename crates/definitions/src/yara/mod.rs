//! YARA rules, compiled by yara-x.
//!
//! Each source is a namespace of its own, together with what it includes, so that two may use the
//! same rule names. Rules are put into groups by the files that they can match (`condition`) and into
//! parts by what must stand in those (`needed`), so that a scan runs few rules that can't (`divide`). A rule that is wrong in any way is reported and left out, and
//! so is what depends on it; all others stay.
//!
//! Meta entries that Garrison reads: `name` (what matches report; default: the rule's
//! identifier), `maturity` (`silent`, `observing`, `enforcing`, `withdrawn`; default: enforcing).

mod common;
mod condition;
mod divide;
mod entries;
mod expression;
mod gate;
mod group;
mod includes;
mod literal;
mod meta;
mod needed;
mod pattern;
mod program;
mod runs;
mod section;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashSet;

use scan::layout::SectionKind;

use crate::error::{BuildError, SourceError};
use crate::rule_set::RuleSet;
use crate::source::Source;
use crate::write::Section;

use self::entries::{Entries, Parsed};
use self::group::Groups;
use self::text::Text;

/// Gathers sources, and compiles them when there are no more.
#[derive(Default)]
pub(crate) struct Compiler<'s> {
    sources: Vec<&'s Source>,
}

/// The finished sections.
#[derive(Debug, Default)]
pub(crate) struct YaraSections {
    /// What groups there are, and then the groups. None when there is no rule.
    pub(crate) sections: Vec<Section>,
    /// Rules that can match, each counted once.
    pub(crate) count: u64,
}

impl<'s> Compiler<'s> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, source: &'s Source) {
        self.sources.push(source);
    }

    /// Compiles what was added and gives each rule its number.
    pub(crate) fn finish(
        self,
        rules: &mut RuleSet,
        errors: &mut Vec<SourceError>,
    ) -> Result<YaraSections, BuildError> {
        let sources = self.sources.as_slice();
        let texts: Vec<Text> = sources
            .iter()
            .map(|source| Text::new(&source.bytes))
            .collect();
        let mut found = Vec::new();
        let parsed = Parsed::new(sources, &texts, &mut found);
        let namespaces = includes::arrange(sources, &texts, &parsed, &mut found);
        let entries: Vec<Entries> = namespaces
            .iter()
            .map(|namespace| parsed.entries(namespace, sources, &texts, &mut found))
            .collect();
        let groups = Groups {
            sources,
            texts: &texts,
            namespaces: &namespaces,
            entries: &entries,
        };
        let mut seen = HashSet::new();
        let mut headers = Vec::new();
        let mut sections = Vec::new();
        for group in divide::divide(&entries) {
            let section = groups.compile(&group, rules, &mut found, &mut seen)?;
            if let (Some(section), Some(kind)) =
                (section, SectionKind::YARA_GROUPS.get(headers.len()))
            {
                headers.push(group.header);
                sections.push(Section::new(*kind, section));
            }
        }
        // The same rule may stand in several groups, and is wrong in each.
        found.sort_by(|left, right| {
            (&left.source, left.line, &left.reason).cmp(&(&right.source, right.line, &right.reason))
        });
        found.dedup();
        errors.append(&mut found);
        let count = seen.len() as u64;
        if !sections.is_empty() {
            let index = section::index(&headers, count);
            sections.insert(0, Section::new(SectionKind::Yara, index));
        }
        Ok(YaraSections { sections, count })
    }
}
