//! The rules section: name, type and maturity of each rule.

use model::{DefinitionType, Maturity};

use super::bytes::{slice, u32_at};
use super::file::DefinitionsFile;
use super::layout::{RULE_BYTES, SectionKind};
use super::{DefinitionsError, Rule};

/// The numbers of types and maturities in rule records; a place in the list is the number.
pub(crate) const TYPES: [DefinitionType; 7] = [
    DefinitionType::Av,
    DefinitionType::Reputation,
    DefinitionType::Behaviour,
    DefinitionType::Ips,
    DefinitionType::Url,
    DefinitionType::Ioc,
    DefinitionType::Vulnerability,
];
pub(crate) const MATURITIES: [Maturity; 4] = [
    Maturity::Silent,
    Maturity::Observing,
    Maturity::Enforcing,
    Maturity::Withdrawn,
];

pub(crate) struct RuleTable<'d> {
    records: &'d [u8],
    names: &'d [u8],
}

impl<'d> RuleTable<'d> {
    pub(crate) fn read(file: &'d DefinitionsFile) -> Result<Self, DefinitionsError> {
        let records = file.section(SectionKind::Rules)?;
        if !records.len().is_multiple_of(RULE_BYTES) {
            return Err(DefinitionsError::Malformed {
                what: format!(
                    "the rules section has {} bytes, expected a multiple of {RULE_BYTES}",
                    records.len()
                ),
            });
        }
        Ok(Self {
            records,
            names: file.section(SectionKind::Names)?,
        })
    }

    pub(crate) const fn len(&self) -> usize {
        self.records.len() / RULE_BYTES
    }

    pub(crate) fn rule(&self, index: u32) -> Option<Rule<'d>> {
        let at = usize::try_from(index).ok()?.checked_mul(RULE_BYTES)?;
        let record = slice(self.records, at, RULE_BYTES)?;
        let name_at = usize::try_from(u32_at(record, 0)?).ok()?;
        let name_bytes = usize::try_from(u32_at(record, 4)?).ok()?;
        Some(Rule {
            name: std::str::from_utf8(slice(self.names, name_at, name_bytes)?).ok()?,
            definition_type: *TYPES.get(usize::from(*record.get(8)?))?,
            maturity: *MATURITIES.get(usize::from(*record.get(9)?))?,
        })
    }
}

/// The number of a type in rule records.
#[must_use]
pub const fn type_number(definition_type: DefinitionType) -> u8 {
    match definition_type {
        DefinitionType::Av => 0,
        DefinitionType::Reputation => 1,
        DefinitionType::Behaviour => 2,
        DefinitionType::Ips => 3,
        DefinitionType::Url => 4,
        DefinitionType::Ioc => 5,
        DefinitionType::Vulnerability => 6,
    }
}

/// The number of a maturity in rule records.
#[must_use]
pub const fn maturity_number(maturity: Maturity) -> u8 {
    match maturity {
        Maturity::Silent => 0,
        Maturity::Observing => 1,
        Maturity::Enforcing => 2,
        Maturity::Withdrawn => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_in_the_lists() {
        for (place, definition_type) in TYPES.into_iter().enumerate() {
            assert_eq!(usize::from(type_number(definition_type)), place);
        }
        for (place, maturity) in MATURITIES.into_iter().enumerate() {
            assert_eq!(usize::from(maturity_number(maturity)), place);
        }
    }
}
