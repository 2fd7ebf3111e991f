//! Which rules of a long chain packets can meet at all.
//!
//! For each value of a field that packets come with, the rules of the chain that ask for another
//! one are found once; what is left of all fields together is gone through, rule by rule.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::{Action, Chain, Field, Lies, Packets, Rule, Test, Then, Value};

/// Shorter chains are gone through as they are.
const SHORT: usize = 24;
/// Values that are remembered; then it begins anew.
const MAX_KEPT: usize = 4_096;

const FIELDS: [Field; 12] = [
    Field::Family,
    Field::Protocol,
    Field::State,
    Field::DestinationPort,
    Field::DestinationV4,
    Field::DestinationV6,
    Field::SourceV4,
    Field::SourceV6,
    Field::SourcePort,
    Field::In,
    Field::Out,
    Field::IcmpType,
];

/// A bit for each rule of a chain.
type Bits = Rc<[u64]>;

/// Rules by what they ask for.
#[derive(Debug)]
pub(in crate::audit) struct Index {
    /// The fields that rules of each long chain look at.
    fields: Vec<Vec<Field>>,
    known: RefCell<HashMap<(usize, Field, Value), Bits>>,
    /// Whether some rule changes where packets go.
    pub(super) rewrites: bool,
}

impl Index {
    pub(in crate::audit) fn new(chains: &[Chain]) -> Self {
        let fields = chains
            .iter()
            .map(|chain| {
                if chain.rules.len() < SHORT {
                    return Vec::new();
                }
                let asked = |field: &Field| chain.rules.iter().any(|rule| asks(rule, *field));
                FIELDS.into_iter().filter(asked).collect()
            })
            .collect();
        let rewrites = chains
            .iter()
            .flat_map(|chain| &chain.rules)
            .any(|rule| match &rule.then {
                Then::Do(action) => *action == Action::Rewrite,
                Then::Map { elements, .. } => elements
                    .iter()
                    .any(|(_, action)| *action == Action::Rewrite),
            });
        Self {
            fields,
            known: RefCell::default(),
            rewrites,
        }
    }

    /// The rules of a chain that some of the packets may meet, in order; `None`: all of them.
    pub(super) fn candidates(
        &self,
        number: usize,
        chain: &Chain,
        packets: &[Packets],
    ) -> Option<Vec<usize>> {
        let fields = self
            .fields
            .get(number)
            .filter(|fields| !fields.is_empty())?;
        let mut any = vec![0_u64; chain.rules.len().div_ceil(64)];
        for packets in packets {
            let mut all = vec![u64::MAX; any.len()];
            for field in fields {
                let bits = self.rules(number, chain, *field, packets.get(*field));
                for (word, bits) in all.iter_mut().zip(bits.iter()) {
                    *word &= bits;
                }
            }
            for (word, bits) in any.iter_mut().zip(all) {
                *word |= bits;
            }
        }
        Some(positions(&any))
    }

    /// The rules that don't ask for another value of the field.
    fn rules(&self, number: usize, chain: &Chain, field: Field, value: Value) -> Bits {
        let key = (number, field, value);
        if let Some(known) = self.known.borrow().get(&key) {
            return Rc::clone(known);
        }
        let bits: Bits = chain
            .rules
            .chunks(64)
            .map(|rules| {
                let mut word = 0;
                for (at, rule) in rules.iter().enumerate() {
                    word |= u64::from(allows(rule, field, value)) << at;
                }
                word
            })
            .collect();
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(key, Rc::clone(&bits));
        bits
    }
}

fn asks(rule: &Rule, field: Field) -> bool {
    rule.tests
        .iter()
        .any(|test| matches!(test, Test::In(asked, _) if *asked == field))
}

fn allows(rule: &Rule, field: Field, value: Value) -> bool {
    rule.tests.iter().all(|test| match test {
        Test::In(asked, ranges) => *asked != field || value.lies(ranges) != Lies::Outside,
        Test::Tuple { .. } | Test::Flags { .. } | Test::Maybe(_) => true,
    })
}

fn positions(words: &[u64]) -> Vec<usize> {
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let mut left = *word;
        while left != 0 {
            found.push(place * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
    found
}
