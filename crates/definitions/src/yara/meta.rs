//! What a rule says of itself to Garrison in its meta section.

use model::Maturity;
use yara_x::{MetaValue, Rule};

/// Bytes of a name.
const MAX_NAME_BYTES: usize = 512;

/// The entries that are read; all others are the author's own.
pub(super) struct Meta<'r> {
    pub(super) name: Option<&'r str>,
    pub(super) maturity: Maturity,
}

impl<'r> Meta<'r> {
    /// Reads them, or says which is not as expected.
    pub(super) fn read(rule: &Rule<'_, 'r>) -> Result<Self, String> {
        let mut meta = Self {
            name: None,
            maturity: Maturity::Enforcing,
        };
        for (key, value) in rule.metadata() {
            match (key, value) {
                ("name", MetaValue::String(name)) if is_name(name) => meta.name = Some(name),
                ("name", other) => {
                    return Err(format!(
                        "rule {}: expected meta name of 1 to {MAX_NAME_BYTES} printable bytes, \
                         got {other:?}",
                        rule.identifier()
                    ));
                }
                ("maturity", MetaValue::String("silent")) => meta.maturity = Maturity::Silent,
                ("maturity", MetaValue::String("observing")) => {
                    meta.maturity = Maturity::Observing;
                }
                ("maturity", MetaValue::String("enforcing")) => {
                    meta.maturity = Maturity::Enforcing;
                }
                ("maturity", MetaValue::String("withdrawn")) => {
                    meta.maturity = Maturity::Withdrawn;
                }
                ("maturity", other) => {
                    return Err(format!(
                        "rule {}: expected meta maturity silent, observing, enforcing or \
                         withdrawn, got {other:?}",
                        rule.identifier()
                    ));
                }
                _ => {}
            }
        }
        Ok(meta)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
}
