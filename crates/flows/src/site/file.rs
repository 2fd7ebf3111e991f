//! A site's file: what it says, in TOML, under the same keys as on the command line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::id::FlowId;
use crate::nearest::advice_on_key;
use crate::origin::Date;
use crate::profile::PortProfile;
use crate::site::{Site, SiteError};
use crate::version::Version;

/// A longer file is refused unread.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The file's shape.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    set: BTreeMap<String, Values>,
    version: Option<Version>,
    region: Option<String>,
    deployment: Option<String>,
    feature: Vec<FlowId>,
    without_feature: Vec<FlowId>,
    on: Option<Date>,
    ports: Option<PortProfile>,
    lang: Option<String>,
}

/// One value, several with commas, or a list.
#[derive(Debug)]
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesReader)
    }
}

struct ValuesReader;

impl<'de> Visitor<'de> for ValuesReader {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string such as \"192.0.2.10\", a port, or a list of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Values, E> {
        Ok(Values(text.split(',').map(str::to_owned).collect()))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Values, E> {
        Ok(Values(vec![number.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Values(values))
    }
}

impl Site {
    /// Reads a site's file.
    ///
    /// # Errors
    /// When it is too long, no TOML, has a key that is none, or a value that can't be taken.
    pub fn parse(text: &str) -> Result<Self, SiteError> {
        if text.len() > MAX_BYTES {
            return Err(SiteError::TooLarge(text.len()));
        }
        let written: Written = toml::from_str(text).map_err(syntax)?;
        let mut site = Self {
            version: written.version,
            region: written.region,
            deployment: written.deployment,
            features_on: written.feature.into_iter().collect(),
            features_off: written.without_feature.into_iter().collect(),
            on: written.on,
            ..Self::default()
        };
        if let Some(profile) = written.ports {
            site.profile = profile;
        }
        if let Some(language) = written.lang {
            site.language = language;
        }
        for (name, Values(values)) in &written.set {
            site.add(name, values.iter().map(String::as_str))?;
        }
        Ok(site)
    }
}

fn syntax(error: toml::de::Error) -> SiteError {
    let advice = advice_on_key(&error)
        .unwrap_or_else(|| "the site's file is no TOML of the expected shape".to_owned());
    SiteError::Syntax {
        error: Box::new(error),
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_says_in_a_file_what_it_could_say_on_the_command_line() {
        let site = Site::parse(
            r#"
            version = "14.3 RU1"
            region = "eu"
            deployment = "on-premises"
            feature = ["sandbox"]
            without-feature = ["telemetry"]
            on = "2026-01"
            ports = "sep"
            lang = "fr"
            [set]
            manager = "192.0.2.10, 192.0.2.11"
            clients = ["198.51.100.0/24", "2001:db8::/32"]
            console-port = 8443
            "#,
        )
        .unwrap();
        let mut typed = Site {
            version: Some(Version::parse("14.3 RU1").unwrap()),
            region: Some("eu".to_owned()),
            deployment: Some("on-premises".to_owned()),
            on: Some(Date::parse("2026-01").unwrap()),
            profile: PortProfile::Sep,
            language: "fr".to_owned(),
            ..Site::default()
        };
        typed.features_on.insert(FlowId::parse("sandbox").unwrap());
        typed
            .features_off
            .insert(FlowId::parse("telemetry").unwrap());
        for text in [
            "manager=192.0.2.10,192.0.2.11",
            "clients=198.51.100.0/24,2001:db8::/32",
            "console-port=8443",
        ] {
            typed.set(text).unwrap();
        }
        assert_eq!(site, typed);
    }

    #[test]
    fn a_wrong_key_is_named_with_the_nearest_and_the_line() {
        let error = Site::parse("lang = \"en\"\nverison = \"14\"")
            .unwrap_err()
            .to_string();
        assert!(error.contains("did you mean \"version\"?"), "{error}");
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn other_files_are_refused() {
        let long = "#".repeat(MAX_BYTES + 1);
        for text in [
            "set = 7",
            "[set]\na = {}",
            "[set]\na = \"\"",
            "=",
            "on = \"now\"",
            &long,
        ] {
            assert!(Site::parse(text).is_err());
        }
    }
}
