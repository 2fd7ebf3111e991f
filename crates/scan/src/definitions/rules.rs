//! The rules of a set: name, type and maturity of each, unpacked for a match only.

use model::{DefinitionType, Maturity};

use super::bytes::{slice, u16_at, u32_at, u64_at};
use super::file::DefinitionsFile;
use super::layout::SectionKind;
use super::layout::rules::{
    BLOCK_FAMILIES, BLOCK_RULES, FAMILY_BLOCK_BYTES, HEADER_BYTES, MARK, MAX_NAME_BYTES, RULE_BYTES,
};
use super::pages::Section;
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
    directory: Section<'d>,
    names: Section<'d>,
    families: Section<'d>,
    count: usize,
    name_blocks: usize,
    family_blocks: usize,
}

impl<'d> RuleTable<'d> {
    pub(crate) fn read(file: &'d DefinitionsFile) -> Result<Self, DefinitionsError> {
        let directory = file.pages(SectionKind::Rules);
        let names = file.pages(SectionKind::Names);
        let families = file.pages(SectionKind::Families);
        let count = if directory.is_empty() {
            0
        } else {
            let header = directory.get(0, HEADER_BYTES.min(directory.len()))?;
            u64_at(header, 0)
                .and_then(|count| usize::try_from(count).ok())
                .zip(u64_at(header, 8).and_then(|count| usize::try_from(count).ok()))
                .filter(|(rules, families)| {
                    Some(directory.len()) == directory_bytes(*rules, *families)
                })
                .ok_or_else(|| DefinitionsError::Malformed {
                    what: format!(
                        "the rules section's counts do not fit its {} bytes",
                        directory.len()
                    ),
                })?
                .0
        };
        let name_blocks = count.div_ceil(BLOCK_RULES);
        let rows = directory.len().saturating_sub(HEADER_BYTES) / 4;
        Ok(Self {
            directory,
            names,
            families,
            count,
            name_blocks,
            // Each list of blocks has a row more: where the last block ends.
            family_blocks: rows.saturating_sub(name_blocks).saturating_sub(2),
        })
    }

    /// The rule with this number, if there is one.
    pub(crate) fn rule(&self, number: u32) -> Result<Option<Rule>, DefinitionsError> {
        let Some(number) = usize::try_from(number)
            .ok()
            .filter(|number| *number < self.count)
        else {
            return Ok(None);
        };
        let block = number / BLOCK_RULES;
        let rules = BLOCK_RULES.min(self.count - block * BLOCK_RULES);
        let packed = self.block(self.names, block, 0, self.name_blocks)?;
        let bytes = unpack(packed, rules * RULE_BYTES)?;
        let place = number % BLOCK_RULES;
        // Byte planes, one after the other.
        let plane = |index: usize| bytes.get(index * rules + place).copied().map(u32::from);
        let (Some(kind), Some(family), Some(digits)) = (
            plane(0),
            number_of([plane(1), plane(2), plane(3), Some(0)]),
            number_of([plane(4), plane(5), plane(6), plane(7)]),
        ) else {
            return Err(broken());
        };
        let definition_type = usize::try_from(kind & 15).ok();
        let maturity = usize::try_from(kind >> 4).ok();
        let (Some(definition_type), Some(maturity)) = (
            definition_type.and_then(|at| TYPES.get(at)),
            maturity.and_then(|at| MATURITIES.get(at)),
        ) else {
            return Err(broken());
        };
        Ok(Some(Rule {
            name: self.name(family, digits)?,
            definition_type: *definition_type,
            maturity: *maturity,
        }))
    }

    fn name(&self, family: u32, number: u32) -> Result<String, DefinitionsError> {
        let family = usize::try_from(family).map_err(|_| broken())?;
        let block = family / BLOCK_FAMILIES;
        if block >= self.family_blocks {
            return Err(broken());
        }
        let packed = self.block(
            self.families,
            block,
            self.name_blocks + 1,
            self.family_blocks,
        )?;
        let bytes = unpack(packed, FAMILY_BLOCK_BYTES)?;
        let mut at = 0usize;
        for _ in 0..family % BLOCK_FAMILIES {
            let length = u16_at(&bytes, at).ok_or_else(broken)?;
            at += 2 + usize::from(length);
        }
        let length = u16_at(&bytes, at).map(usize::from).ok_or_else(broken)?;
        let text = slice(&bytes, at + 2, length)
            .filter(|_| length <= MAX_NAME_BYTES)
            .and_then(|text| std::str::from_utf8(text).ok())
            .ok_or_else(broken)?;
        Ok(match text.split_once(char::from(MARK)) {
            Some((before, after)) => format!("{before}{number}{after}"),
            None => text.to_owned(),
        })
    }

    /// A packed block: the directory says where it begins and ends.
    fn block(
        &self,
        section: Section<'d>,
        block: usize,
        first_row: usize,
        blocks: usize,
    ) -> Result<&'d [u8], DefinitionsError> {
        if block >= blocks {
            return Err(broken());
        }
        let rows = self
            .directory
            .get(HEADER_BYTES + (first_row + block) * 4, 8)?;
        let row = |at| u32_at(rows, at).and_then(|row| usize::try_from(row).ok());
        let (Some(from), Some(to)) = (row(0), row(4)) else {
            return Err(broken());
        };
        section.get(from, to.checked_sub(from).ok_or_else(broken)?)
    }
}

/// The length of a directory for so many rules and families.
fn directory_bytes(rules: usize, families: usize) -> Option<usize> {
    rules
        .div_ceil(BLOCK_RULES)
        .checked_add(families.div_ceil(BLOCK_FAMILIES))?
        .checked_add(2)?
        .checked_mul(4)?
        .checked_add(HEADER_BYTES)
}

fn number_of(bytes: [Option<u32>; 4]) -> Option<u32> {
    let [a, b, c, d] = bytes;
    Some(a? | b? << 8 | c? << 16 | d? << 24)
}

/// Unpacks a block of at most `most` bytes.
fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, DefinitionsError> {
    zstd::bulk::decompress(packed, most).map_err(|_| broken())
}

fn broken() -> DefinitionsError {
    DefinitionsError::Malformed {
        what: "a block of names can't be unpacked, or leads out of itself".into(),
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
