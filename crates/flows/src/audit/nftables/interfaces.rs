//! Names of interfaces as numbers.

use std::collections::HashMap;

use crate::audit::AuditOptions;
use crate::audit::packet::LOOPBACK;

/// Names of interfaces as numbers.
pub(super) struct Interfaces {
    ids: HashMap<String, u128>,
    known: Vec<String>,
}

impl Interfaces {
    pub(super) fn new(options: &AuditOptions<'_>) -> Self {
        let known = [&options.interface_in, &options.interface_out]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        Self {
            ids: HashMap::new(),
            known,
        }
    }

    pub(super) fn id(&mut self, name: &str) -> u128 {
        if name == "lo" {
            return LOOPBACK;
        }
        let next = u128::try_from(self.ids.len()).unwrap_or(u128::MAX) + 1;
        *self.ids.entry(name.to_owned()).or_insert(next)
    }

    /// The numbers that a name or `eth*` stands for.
    pub(super) fn ranges(&mut self, word: &str) -> Vec<(u128, u128)> {
        let mut ids = vec![self.id(word)];
        if let Some(stem) = word.strip_suffix('*') {
            let known: Vec<String> = self
                .known
                .iter()
                .filter(|name| name.starts_with(stem))
                .cloned()
                .collect();
            ids.extend(known.iter().map(|name| self.id(name)));
            if "lo".starts_with(stem) {
                ids.push(LOOPBACK);
            }
        }
        ids.into_iter().map(|id| (id, id)).collect()
    }
}
