//! The rules of a set: each name once, numbered.

use std::collections::HashMap;

use model::{DefinitionType, Maturity};
use scan::layout::RULE_BYTES;

use crate::error::BuildError;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    definition_type: u8,
    maturity: u8,
}

/// Rules in the order in which they were first named.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    numbers: HashMap<Key, u32>,
    records: Vec<u8>,
    names: Vec<u8>,
}

impl RuleSet {
    /// The number of a rule; the same rule has the same number each time.
    pub(crate) fn number(
        &mut self,
        name: &str,
        definition_type: DefinitionType,
        maturity: Maturity,
    ) -> Result<u32, BuildError> {
        let key = Key {
            name: name.to_owned(),
            definition_type: scan::type_number(definition_type),
            maturity: scan::maturity_number(maturity),
        };
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let too_large = |_| BuildError::TooLarge {
            what: "more than 4 GiB of rules or names",
        };
        let number = u32::try_from(self.records.len() / RULE_BYTES).map_err(too_large)?;
        let name_at = u32::try_from(self.names.len()).map_err(too_large)?;
        let name_bytes = u32::try_from(name.len()).map_err(too_large)?;
        self.names.extend_from_slice(name.as_bytes());
        self.records.extend_from_slice(&name_at.to_le_bytes());
        self.records.extend_from_slice(&name_bytes.to_le_bytes());
        self.records
            .extend_from_slice(&[key.definition_type, key.maturity, 0, 0, 0, 0, 0, 0]);
        self.numbers.insert(key, number);
        Ok(number)
    }

    /// The rules section and the names section.
    pub(crate) fn into_sections(self) -> (Vec<u8>, Vec<u8>) {
        (self.records, self.names)
    }
}
