//! The YARA section: rules compiled by yara-x, and which rule record belongs to each.

use std::collections::HashMap;
use std::fmt;

use super::DefinitionsError;
use super::bytes::{slice, u32_at};
use super::layout::YARA_ENGINE;

/// Loaded YARA rules.
pub(crate) struct YaraRules {
    rules: yara_x::Rules,
    /// Namespace and identifier to rule record.
    records: HashMap<(String, String), u32>,
}

/// The section's fixed part: engine text, and the rule records in the order of the compiled rules.
struct Parts<'d> {
    engine: &'d [u8],
    records: &'d [u8],
    compiled: &'d [u8],
}

impl<'d> Parts<'d> {
    fn read(section: &'d [u8]) -> Option<Self> {
        let engine_bytes = usize::try_from(u32_at(section, 0)?).ok()?;
        let count = usize::try_from(u32_at(section, 4)?).ok()?;
        let engine = slice(section, 8, engine_bytes)?;
        let records_at = 8usize.checked_add(engine_bytes)?;
        let records_bytes = count.checked_mul(4)?;
        let records = slice(section, records_at, records_bytes)?;
        let compiled = section.get(records_at.checked_add(records_bytes)?..)?;
        Some(Self {
            engine,
            records,
            compiled,
        })
    }
}

/// How many rules a section says that it holds.
pub(crate) fn count(section: &[u8]) -> u64 {
    Parts::read(section).map_or(0, |parts| (parts.records.len() / 4) as u64)
}

impl YaraRules {
    /// Loads the section; `None` when it is empty.
    pub(crate) fn read(section: &[u8], rules: usize) -> Result<Option<Self>, DefinitionsError> {
        if section.is_empty() {
            return Ok(None);
        }
        let malformed = |what: &str| DefinitionsError::Malformed { what: what.into() };
        let parts = Parts::read(section)
            .ok_or_else(|| malformed("the yara section's counts do not fit its bytes"))?;
        if parts.engine != YARA_ENGINE.as_bytes() {
            return Err(DefinitionsError::OtherEngine {
                expected: YARA_ENGINE,
                got: String::from_utf8_lossy(parts.engine).into_owned(),
            });
        }
        let compiled =
            yara_x::Rules::deserialize(parts.compiled).map_err(|error| DefinitionsError::Yara {
                reason: error.to_string(),
            })?;
        if compiled.iter().len() != parts.records.len() / 4 {
            return Err(malformed("the yara section has another number of rules"));
        }
        let mut records = HashMap::with_capacity(compiled.iter().len());
        for (index, rule) in compiled.iter().enumerate() {
            let record = u32_at(parts.records, index * 4)
                .filter(|record| usize::try_from(*record).is_ok_and(|record| record < rules))
                .ok_or_else(|| malformed("the yara section names a rule that is not there"))?;
            records.insert(key(&rule), record);
        }
        Ok(Some(Self {
            rules: compiled,
            records,
        }))
    }

    pub(crate) const fn rules(&self) -> &yara_x::Rules {
        &self.rules
    }

    /// The rule record of a matching rule.
    pub(crate) fn record(&self, rule: &yara_x::Rule<'_, '_>) -> Option<u32> {
        self.records.get(&key(rule)).copied()
    }
}

fn key(rule: &yara_x::Rule<'_, '_>) -> (String, String) {
    (rule.namespace().to_owned(), rule.identifier().to_owned())
}

impl fmt::Debug for YaraRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YaraRules")
            .field("rules", &self.records.len())
            .finish_non_exhaustive()
    }
}
