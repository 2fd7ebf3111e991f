//! Files of which no chain has a hook: parts of a ruleset, which act once a chain jumps to them.
//!
//! Such a part is judged as if a chain jumped to it that accepts established and related
//! connections first and drops what the part doesn't accept.

use std::rc::Rc;

use super::Hook;
use super::compile::{Base, Compiled};
use crate::audit::packet::{
    Action, Chain, FAMILY_V4, FAMILY_V6, Field, Ranges, Rule, Test, Then, state,
};

/// The hook of the chain that is lent to a part: packets cross it wherever it stands.
pub(super) const HOOK: &str = "part";

/// Adds the chain that jumps to every chain to which no other jumps; says which these are.
pub(super) fn lend(compiled: &mut Compiled) -> Vec<String> {
    let mut reached = vec![false; compiled.chains.len()];
    let actions = compiled
        .chains
        .iter()
        .flat_map(|chain| &chain.rules)
        .flat_map(|rule| match &rule.then {
            Then::Do(action) => vec![action],
            Then::Map { elements, .. } => elements.iter().map(|(_, action)| action).collect(),
        });
    for action in actions {
        if let Action::Jump(chain) | Action::Goto(chain) = action
            && let Some(reached) = reached.get_mut(*chain)
        {
            *reached = true;
        }
    }
    let is_root = |chain: usize| reached.get(chain).is_some_and(|reached| !reached);
    let roots: Vec<_> = compiled
        .unhooked
        .iter()
        .filter(|one| is_root(one.chain))
        .cloned()
        .collect();
    let Some(first) = roots.first() else {
        return Vec::new();
    };
    let one =
        |field: Field, value: u128| Test::In(field, Rc::new(Ranges::new(vec![(value, value)])));
    let rule = |text: &str, tests: Vec<Test>, action: Action| Rule {
        line: 0,
        text: text.into(),
        tests,
        then: Then::Do(action),
    };
    let known = Ranges::new(vec![
        (state::ESTABLISHED, state::ESTABLISHED),
        (state::RELATED, state::RELATED),
    ]);
    let mut rules = vec![rule(
        "ct state established,related accept",
        vec![Test::In(Field::State, Rc::new(known))],
        Action::Accept,
    )];
    for root in &roots {
        let family = match (root.v4, root.v6) {
            (true, false) => vec![one(Field::Family, FAMILY_V4)],
            (false, true) => vec![one(Field::Family, FAMILY_V6)],
            _ => Vec::new(),
        };
        let text = format!("jump {}", root.name);
        rules.push(rule(&text, family, Action::Jump(root.chain)));
    }
    let name = first.name.clone();
    compiled.chains.push(Chain { rules });
    compiled.bases.push(Base {
        name,
        hook: Hook {
            kind: "filter".to_owned(),
            hook: HOOK.to_owned(),
            priority: 0,
            drops: true,
        },
        chain: compiled.chains.len() - 1,
        v4: true,
        v6: true,
    });
    roots.into_iter().map(|root| root.name).collect()
}
