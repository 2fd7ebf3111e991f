//! What must hold in a catalogue beyond its syntax: every reference leads somewhere, values fit
//! their kinds, and what is unknown says why.

mod catalogue;
mod endpoint;
mod flow;
mod own;
mod problem;

use crate::catalogue::Catalogue;

#[cfg(test)]
pub(crate) use flow::KEYS as FLOW_KEYS;
pub use problem::{Problem, What};

/// Every problem of the catalogue, in its order.
pub(crate) fn problems(catalogue: &Catalogue) -> Vec<Problem> {
    let mut found = Found::default();
    catalogue::check(catalogue, &mut found);
    for row in &catalogue.flows {
        flow::check(catalogue, row, &mut found);
    }
    if catalogue.is_own() {
        own::check(catalogue, &mut found);
    }
    found.problems
}

/// Problems found so far.
#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
}

impl Found {
    fn add(&mut self, place: impl Into<String>, what: What) {
        self.problems.push(Problem {
            place: place.into(),
            what,
        });
    }
}

#[cfg(test)]
mod tests;
