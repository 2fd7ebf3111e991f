//! The rules of a set, numbered: first those that are named one by one, then those of the hash
//! tables, in the order of their records.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::quality::RandomState;
use model::{DefinitionType, Maturity};
use scan::layout::rules::{BLOCK_FAMILIES, BLOCK_RULES};

use crate::error::BuildError;
use crate::names::{Families, NameId};

/// How hard zstd tries: names are packed once and read by many.
const LEVEL: i32 = 6;

/// The sections that tell rules their names.
#[derive(Debug)]
pub(crate) struct RuleSections {
    pub(crate) rules: Vec<u8>,
    pub(crate) names: Vec<u8>,
    pub(crate) families: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Record {
    name: NameId,
    /// Type and maturity.
    kind: u8,
}

/// Rules in the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    families: Families,
    numbers: HashMap<Record, u32, RandomState>,
    records: Vec<Record>,
}

impl RuleSet {
    /// The identity of a name that [`Self::push`] will be given later.
    pub(crate) fn name(&mut self, name: &str) -> Result<NameId, BuildError> {
        self.families.id(name)
    }

    /// The number of a rule; the same rule has the same number each time.
    pub(crate) fn number(
        &mut self,
        name: &str,
        definition_type: DefinitionType,
        maturity: Maturity,
    ) -> Result<u32, BuildError> {
        let record = Record {
            name: self.families.id(name)?,
            kind: kind(definition_type, maturity),
        };
        if let Some(number) = self.numbers.get(&record) {
            return Ok(*number);
        }
        let number = self.next()?;
        self.records.push(record);
        self.numbers.insert(record, number);
        Ok(number)
    }

    /// The number of the next rule.
    pub(crate) fn next(&self) -> Result<u32, BuildError> {
        u32::try_from(self.records.len()).map_err(|_| BuildError::TooLarge {
            what: "more than 4,294,967,295 rules",
        })
    }

    /// Adds an enforcing rule of type av under the next number.
    pub(crate) fn push(&mut self, name: NameId) {
        self.records.push(Record {
            name,
            kind: kind(DefinitionType::Av, Maturity::Enforcing),
        });
    }

    pub(crate) fn reserve(&mut self, rules: usize) {
        self.records.reserve(rules);
    }

    pub(crate) fn into_sections(self) -> Result<RuleSections, BuildError> {
        let order = Order::by_use(self.families.len(), &self.records);
        let mut directory = Vec::new();
        directory.extend_from_slice(&(self.records.len() as u64).to_le_bytes());
        directory.extend_from_slice(&(self.families.len() as u64).to_le_bytes());
        directory.resize(scan::layout::rules::HEADER_BYTES, 0);
        let mut packer = Packer::new()?;
        let mut unpacked = Vec::new();
        for block in self.records.chunks(BLOCK_RULES) {
            unpacked.clear();
            let family = |record: &Record| order.rank(record.name.family).to_le_bytes();
            let number = |record: &Record| record.name.number.to_le_bytes();
            unpacked.extend(block.iter().map(|record| record.kind));
            for plane in 0..3 {
                unpacked.extend(
                    block
                        .iter()
                        .filter_map(|record| family(record).get(plane).copied()),
                );
            }
            for plane in 0..4 {
                unpacked.extend(
                    block
                        .iter()
                        .filter_map(|record| number(record).get(plane).copied()),
                );
            }
            packer.add(&mut directory, &unpacked)?;
        }
        let names = packer.finish(&mut directory)?;
        drop(self.records);
        let texts = self.families.into_texts();
        let mut packer = Packer::new()?;
        for block in order.families.chunks(BLOCK_FAMILIES) {
            unpacked.clear();
            for family in block {
                let text = usize::try_from(*family).ok().and_then(|at| texts.get(at));
                let text = text.map_or(&[][..], |text| text);
                let length = u16::try_from(text.len()).map_err(|_| BuildError::TooLarge {
                    what: "a name of more than 65,535 bytes",
                })?;
                unpacked.extend_from_slice(&length.to_le_bytes());
                unpacked.extend_from_slice(text);
            }
            packer.add(&mut directory, &unpacked)?;
        }
        let families = packer.finish(&mut directory)?;
        Ok(RuleSections {
            rules: directory,
            names,
            families,
        })
    }
}

fn kind(definition_type: DefinitionType, maturity: Maturity) -> u8 {
    scan::type_number(definition_type) | scan::maturity_number(maturity) << 4
}

/// Families by how many rules they name, most first, so that the usual ones have small numbers.
struct Order {
    families: Vec<u32>,
    ranks: Vec<u32>,
}

impl Order {
    fn by_use(families: usize, records: &[Record]) -> Self {
        let mut uses = vec![0u64; families];
        for record in records {
            let at = usize::try_from(record.name.family).unwrap_or(usize::MAX);
            if let Some(count) = uses.get_mut(at) {
                *count += 1;
            }
        }
        let mut counted: Vec<(Reverse<u64>, u32)> =
            uses.into_iter().map(Reverse).zip(0u32..).collect();
        counted.sort_unstable();
        let mut ranks = vec![0; families];
        for ((_, family), rank) in counted.iter().zip(0u32..) {
            let at = usize::try_from(*family).unwrap_or(usize::MAX);
            if let Some(place) = ranks.get_mut(at) {
                *place = rank;
            }
        }
        Self {
            families: counted.into_iter().map(|(_, family)| family).collect(),
            ranks,
        }
    }

    fn rank(&self, family: u32) -> u32 {
        let at = usize::try_from(family).unwrap_or(usize::MAX);
        self.ranks.get(at).copied().unwrap_or_default()
    }
}

/// Packs blocks one behind the other, and writes down where each begins.
struct Packer {
    zstd: zstd::bulk::Compressor<'static>,
    packed: Vec<u8>,
}

impl Packer {
    fn new() -> Result<Self, BuildError> {
        Ok(Self {
            zstd: zstd::bulk::Compressor::new(LEVEL).map_err(|_| BuildError::Names)?,
            packed: Vec::new(),
        })
    }

    fn row(&self, directory: &mut Vec<u8>) -> Result<(), BuildError> {
        let at = u32::try_from(self.packed.len()).map_err(|_| BuildError::TooLarge {
            what: "more than 4 GiB of names",
        })?;
        directory.extend_from_slice(&at.to_le_bytes());
        Ok(())
    }

    fn add(&mut self, directory: &mut Vec<u8>, block: &[u8]) -> Result<(), BuildError> {
        self.row(directory)?;
        let packed = self.zstd.compress(block).map_err(|_| BuildError::Names)?;
        self.packed.extend_from_slice(&packed);
        Ok(())
    }

    /// The packed blocks; the directory gets a row more, for where the last one ends.
    fn finish(self, directory: &mut Vec<u8>) -> Result<Vec<u8>, BuildError> {
        self.row(directory)?;
        Ok(self.packed)
    }
}
