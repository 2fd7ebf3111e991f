//! How often each subsignature must match for an expression to hold.

use std::collections::BTreeMap;

use definitions::body::model::{Logic, Operator};

pub(crate) type Wanted = BTreeMap<u8, u32>;

/// Adds what makes the expression true.
pub(crate) fn solve(logic: &Logic, wanted: &mut Wanted) {
    match logic {
        Logic::Leaf { id, count } => {
            let least = match count {
                None => 1,
                Some((Operator::Equal, number)) => *number,
                Some((Operator::Less, _)) => 0,
                Some((Operator::More, number)) => number + 1,
            };
            let have = wanted.entry(*id).or_default();
            *have = (*have).max(least);
        }
        Logic::Both {
            all,
            left,
            right,
            count,
        } => {
            let nothing = match count {
                None => false,
                Some((Operator::Less, ..)) => true,
                Some((Operator::Equal, number, _)) => *number == 0,
                Some((Operator::More, ..)) => false,
            };
            if nothing {
                return;
            }
            let mut own = Wanted::new();
            let (sum, subsignatures) = match count {
                None | Some((Operator::Less, ..)) => (0, 0),
                Some((Operator::Equal, number, ids)) => (*number, *ids),
                Some((Operator::More, number, ids)) => (number + 1, *ids),
            };
            if *all {
                solve(left, &mut own);
                solve(right, &mut own);
            } else if subsignatures > 1 {
                leaves(logic, &mut own, subsignatures as usize);
            } else {
                solve(left, &mut own);
            }
            let have: u32 = own.values().sum();
            if let Some(first) = own.values_mut().next() {
                *first += sum.saturating_sub(have);
            }
            for (id, least) in own {
                let have = wanted.entry(id).or_default();
                *have = (*have).max(least);
            }
        }
    }
}

/// One match of each of the first leaves.
fn leaves(logic: &Logic, wanted: &mut Wanted, most: usize) {
    match logic {
        Logic::Leaf { id, .. } => {
            if wanted.len() < most {
                wanted.insert(*id, 1);
            }
        }
        Logic::Both { left, right, .. } => {
            leaves(left, wanted, most);
            leaves(right, wanted, most);
        }
    }
}
