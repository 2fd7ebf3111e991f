//! Where a ruleset stands, seen from a flow: told, or guessed from its chains.

use super::compile::Base;
use super::judge::Ruleset;
use super::part;
use crate::audit::question::Question;
use crate::audit::{AuditOptions, Note, Position, Standing};
use crate::catalogue::Catalogue;
use crate::flow::Direction;
use crate::party::PartyId;
use crate::render::rules::Way;

/// Empty sets that the report names.
const MAX_NAMED: usize = 12;

impl Ruleset {
    /// How many rules it has, and what is assumed of it.
    pub(in crate::audit) fn summary(&self) -> String {
        let rules = self.compiled.rules;
        if self.part_of.is_empty() {
            return format!("{rules} rules");
        }
        format!(
            "{rules} rules, but no chain has a hook: they do nothing until a chain jumps to them; judged as if one jumped to {} that accepts established and related connections before, and drops the rest behind",
            self.part_of.join(", ")
        )
    }

    pub(in crate::audit) fn standing(
        &self,
        catalogue: &Catalogue,
        options: &AuditOptions<'_>,
    ) -> Standing {
        let (position, role, guess) = match (options.position, &options.role) {
            (Position::Auto, Some(role)) => (Position::Host, Some(role.clone()), None),
            (Position::Auto, None) => self.guess(catalogue),
            (said, role) => (said, role.clone(), None),
        };
        Standing {
            position,
            role,
            guess: guess.map(str::to_owned),
            elsewhere: Vec::new(),
        }
    }

    fn guess(&self, catalogue: &Catalogue) -> (Position, Option<PartyId>, Option<&'static str>) {
        if let Some(role) = self.role(catalogue) {
            let why = "its table has the name that Garrison gives to rules for that role";
            return (Position::Host, Some(role), Some(why));
        }
        if !self.part_of.is_empty() {
            return (Position::Forward, None, None);
        }
        let ends = self.filters(&["input", "output"]).next().is_some();
        let has_rules = |base: &Base| {
            let chain = self.compiled.chains.get(base.chain);
            chain.is_some_and(|chain| !chain.rules.is_empty())
        };
        let (position, why) = match self.filters(&["forward"]).next() {
            Some(_) if self.filters(&["forward"]).any(has_rules) => {
                (Position::Forward, "it has rules at the hook forward")
            }
            Some(_) if !ends => (
                Position::Forward,
                "its only filter stands at the hook forward",
            ),
            Some(_) => (
                Position::Host,
                "its chain at the hook forward drops everything and has no rule, and other chains filter what a host sends or receives",
            ),
            None => (Position::Host, "it filters nothing that is forwarded"),
        };
        (position, None, Some(why))
    }

    /// Chains at these hooks that filter something.
    fn filters(&self, hooks: &'static [&'static str]) -> impl Iterator<Item = &Base> {
        self.compiled.bases.iter().filter(move |base| {
            let chain = self.compiled.chains.get(base.chain);
            base.hook.kind != "nat"
                && hooks.contains(&base.hook.hook.as_str())
                && (base.hook.drops || chain.is_some_and(|chain| !chain.rules.is_empty()))
        })
    }

    /// The role that the rules were rendered for: their tables are called after it.
    fn role(&self, catalogue: &Catalogue) -> Option<PartyId> {
        let prefix = format!("flows-{}-", catalogue.id);
        let mut found = None;
        for base in &self.compiled.bases {
            let role = base.name.split(' ').nth(1)?.strip_prefix(&prefix)?;
            let party = catalogue
                .parties
                .iter()
                .find(|party| party.id.as_str() == role)?;
            if found.as_ref().is_some_and(|known| *known != party.id) {
                return None;
            }
            found = Some(party.id.clone());
        }
        found
    }

    pub(in crate::audit) fn elsewhere(&self, standing: &Standing) -> Vec<Position> {
        if standing.guess.is_none() || standing.role.is_some() {
            return Vec::new();
        }
        let others: &[(Position, &'static [&'static str])] = match standing.position {
            Position::Forward => &[(Position::Host, &["input", "output"])],
            Position::Auto | Position::Host | Position::Output | Position::Input => &[
                (Position::Forward, &["forward"]),
                (Position::Input, &["input"]),
            ],
        };
        others
            .iter()
            .filter(|(_, hooks)| self.filters(hooks).next().is_some())
            .map(|(position, _)| *position)
            .collect()
    }

    pub(in crate::audit) fn notes(&self, standing: Option<&Standing>) -> Vec<Note> {
        let mut notes = Vec::new();
        let position = standing.map_or(Position::Auto, |standing| standing.position);
        let hooks: &[&str] = match position {
            Position::Forward => &["prerouting", "forward", "postrouting"],
            Position::Auto | Position::Host | Position::Output | Position::Input => {
                &["prerouting", "input", "output", "postrouting"]
            }
        };
        let crossed =
            |base: &Base| base.hook.hook == part::HOOK || hooks.contains(&base.hook.hook.as_str());
        if !self.compiled.bases.iter().any(crossed) {
            notes.push(Note {
                line: 0,
                text: format!("no chain of the file filters {position}: everything passes there"),
            });
        }
        let empty = &self.compiled.empty_sets;
        if !empty.is_empty() {
            let named: Vec<&str> = empty.iter().map(String::as_str).take(MAX_NAMED).collect();
            let more = match empty.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            notes.push(Note {
                line: 0,
                text: format!(
                    "sets that are empty in the file, so that rules with them let nothing through until they are filled: {}{more}",
                    named.join(", ")
                ),
            });
        }
        notes.extend(self.compiled.notes.iter().cloned());
        notes
    }

    /// Where the packets of a flow meet the rules.
    pub(super) fn positions(&self, question: &Question<'_>, position: Position) -> Vec<Position> {
        match (position, question.flow.direction) {
            (Position::Auto | Position::Host, _) if !question.ways.is_empty() => question
                .ways
                .iter()
                .map(|way| match way {
                    Way::In => Position::Input,
                    Way::Out => Position::Output,
                    Way::Between => Position::Forward,
                })
                .collect(),
            (Position::Auto | Position::Host, Direction::Inbound) => vec![Position::Input],
            (Position::Auto | Position::Host, _) => vec![Position::Output],
            (other, _) => vec![other],
        }
    }
}
