//! What a site says about itself: where its hosts are, and which rows apply to it.

mod file;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::FlowId;
use crate::origin::Date;
use crate::profile::PortProfile;
use crate::version::Version;

pub use file::MAX_BYTES;

/// A variable holds no more values than this.
pub const MAX_VALUES: usize = 1024;

/// What a site says: the variables' values, the product's version, the region, the deployment,
/// the features and the day. What it doesn't say narrows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub values: BTreeMap<String, Vec<String>>,
    pub version: Option<Version>,
    pub region: Option<String>,
    pub deployment: Option<String>,
    pub features_on: BTreeSet<FlowId>,
    pub features_off: BTreeSet<FlowId>,
    /// The day for which the rows are wanted.
    pub on: Option<Date>,
    pub profile: PortProfile,
    /// ISO 639-1; texts that lack it are in English.
    pub language: String,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            version: None,
            region: None,
            deployment: None,
            features_on: BTreeSet::new(),
            features_off: BTreeSet::new(),
            on: None,
            profile: PortProfile::Garrison,
            language: "en".to_owned(),
        }
    }
}

/// A value that can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    #[error("the site's file has {0} bytes, and {max} are the limit", max = file::MAX_BYTES)]
    TooLarge(usize),
    #[error("{advice}\n{error}")]
    Syntax {
        error: Box<toml::de::Error>,
        advice: String,
    },
    #[error("expected NAME=VALUE, such as manager=192.0.2.10, got {0:?}")]
    Form(String),
    #[error("{0} has an empty value; leave it out, or write NAME=VALUE[,VALUE]…")]
    Empty(String),
    #[error(
        "{0} has more than {MAX_VALUES} values; write networks (192.0.2.0/24) instead of addresses"
    )]
    TooMany(String),
}

impl Site {
    /// Adds what `--set` says: `NAME=VALUE`, several values with commas. Said again, the values
    /// are added to those that are there.
    ///
    /// # Errors
    /// When the text has another form, or there are too many values.
    pub fn set(&mut self, text: &str) -> Result<(), SiteError> {
        let (name, values) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| SiteError::Form(text.chars().take(80).collect()))?;
        self.add(name.trim(), values.split(','))
    }

    /// Adds values to a variable.
    ///
    /// # Errors
    /// When one is empty, or there are too many.
    pub fn add<'v>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Result<(), SiteError> {
        let own = self.values.entry(name.to_owned()).or_default();
        for value in values {
            let value = value.trim();
            if value.is_empty() {
                return Err(SiteError::Empty(name.to_owned()));
            }
            if own.len() >= MAX_VALUES {
                return Err(SiteError::TooMany(name.to_owned()));
            }
            if !own.iter().any(|known| known == value) {
                own.push(value.to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_added_once_each() {
        let mut site = Site::default();
        site.set("manager=192.0.2.10, 192.0.2.11").unwrap();
        site.set("manager=192.0.2.11,2001:db8::1").unwrap();
        assert_eq!(
            site.values.get("manager").unwrap(),
            &["192.0.2.10", "192.0.2.11", "2001:db8::1"]
        );
    }

    #[test]
    fn other_forms_are_refused() {
        let mut site = Site::default();
        for text in ["manager", "=192.0.2.10", "manager=", "manager=192.0.2.10,,"] {
            assert!(site.set(text).is_err(), "{text:?}");
        }
        let many: Vec<String> = (0..=MAX_VALUES).map(|n| format!("h{n}")).collect();
        assert_eq!(
            site.set(&format!("agents={}", many.join(","))),
            Err(SiteError::TooMany("agents".to_owned()))
        );
    }
}
