//! The cloud's configuration: one TOML file, every key with a default.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use flows::PortProfile;
use serde::{Deserialize, Serialize};

/// The file's name in the cloud's folder.
pub const FILE: &str = "cloud.toml";
/// A larger file is none of ours.
const MAX_BYTES: u64 = 64 << 10;
const MAX_NAMES: usize = 32;

/// What the cloud is told. `{}` is a valid configuration; the file may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The cloud's own folder, such as `DIR/cloud`. Not a key of the file: it is where the file
    /// lies.
    #[serde(skip)]
    pub folder: PathBuf,
    /// What people call it; stands in its CA's certificate. Default: `Garrison cloud`.
    pub name: String,
    /// The address that the listener binds. Default: 127.0.0.2.
    pub bind: IpAddr,
    /// The port numbers: `auto`, `garrison`, `sep` or `sangfor`. Default: auto.
    pub ports: PortProfile,
    /// More names and addresses under which the cloud is reached; they stand in its server
    /// certificate and in site tokens. Needed when `bind` is 0.0.0.0 or ::. Default: none.
    pub names: Vec<String>,
    /// Days that a site's certificate is good for; managers renew it at half of that. 1 to 365.
    /// Default: 90.
    pub certificate_days: u32,
    /// Days that pings are kept. 1 to 3650. Default: 90.
    pub ping_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("cloud"),
            name: "Garrison cloud".to_owned(),
            bind: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
            ports: PortProfile::Auto,
            names: Vec::new(),
            certificate_days: 90,
            ping_days: 90,
        }
    }
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: can't be read", path = .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path}: larger than {MAX_BYTES} bytes; a configuration is a few lines", path = .path.display())]
    TooLarge { path: PathBuf },
    #[error("{path}: {message}", path = .path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("{key}: expected {expected}, got {got}")]
    Value {
        key: &'static str,
        expected: String,
        got: String,
    },
}

impl Config {
    /// Every key of the file.
    pub const KEYS: [&str; 6] = [
        "name",
        "bind",
        "ports",
        "names",
        "certificate_days",
        "ping_days",
    ];

    /// Reads `cloud.toml` in the folder; a missing one is an empty one.
    ///
    /// # Errors
    /// When it is unreadable, no TOML, or has an unknown key. Values are checked at the start.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE);
        let read = match std::fs::metadata(&path) {
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(ConfigError::TooLarge { path });
            }
            Ok(_) => std::fs::read_to_string(&path),
            Err(error) => Err(error),
        };
        let text = match read {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path,
            message: with_neighbour(error.to_string().trim_end()),
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            ..config
        })
    }

    /// Checks the values.
    ///
    /// # Errors
    /// The first value that is outside of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, expected: &str, got: String| {
            Err(ConfigError::Value {
                key,
                expected: expected.to_owned(),
                got,
            })
        };
        let length = self.name.trim().chars().count();
        if !(1..=100).contains(&length) {
            return refuse("name", "1 to 100 characters", length.to_string());
        }
        if self.names.len() > MAX_NAMES {
            let got = self.names.len().to_string();
            return refuse("names", &format!("at most {MAX_NAMES} names"), got);
        }
        if self.bind.is_unspecified() && self.names.is_empty() {
            return refuse(
                "names",
                "at least one name or address under which managers reach this cloud, because it binds every address",
                "none".to_owned(),
            );
        }
        if !(1..=365).contains(&self.certificate_days) {
            let got = self.certificate_days.to_string();
            return refuse("certificate_days", "1 to 365 days", got);
        }
        if !(1..=3650).contains(&self.ping_days) {
            return refuse("ping_days", "1 to 3650 days", self.ping_days.to_string());
        }
        Ok(())
    }

    /// The names and addresses that the server certificate carries, best first.
    #[must_use]
    pub fn reached_as(&self) -> Vec<String> {
        let mut names = self.names.clone();
        if !self.bind.is_unspecified() {
            names.push(self.bind.to_string());
        }
        names
    }
}

/// Adds the nearest known key to an error about an unknown one.
fn with_neighbour(message: &str) -> String {
    let unknown = message
        .split_once("unknown field `")
        .and_then(|(_, rest)| rest.split_once('`'))
        .map(|(name, _)| name);
    match unknown.and_then(|name| nearest(name, &Config::KEYS)) {
        Some(key) => format!("{message}\ndid you mean `{key}`?"),
        None => message.to_owned(),
    }
}

/// The known name that is most like the unknown one, when one is like it at all.
pub(crate) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(unknown, name), *name))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        Config::load(folder.path())
    }

    #[test]
    fn an_empty_file_and_a_missing_one_are_the_defaults() {
        let default = Config::default();
        for config in [
            load("").unwrap(),
            Config::load(tempfile::tempdir().unwrap().path()).unwrap(),
        ] {
            let folder = default.folder.clone();
            assert_eq!(Config { folder, ..config }, default);
        }
        default.check().unwrap();
    }

    #[test]
    fn every_key_is_read() {
        let config = load(
            "name = \"C\"\nbind = \"10.1.2.3\"\nports = \"sep\"\nnames = [\"c.example\"]\ncertificate_days = 7\nping_days = 3\n",
        )
        .unwrap();
        config.check().unwrap();
        let default = toml::Table::try_from(Config::default()).unwrap();
        let table = toml::Table::try_from(&config).unwrap();
        assert_eq!(table.len(), Config::KEYS.len());
        for key in Config::KEYS {
            assert_ne!(table[key], default[key], "{key}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_nearest_neighbour() {
        let error = load("ping_day = 7").unwrap_err().to_string();
        assert!(
            error.contains("cloud.toml") && error.contains("`ping_day`"),
            "{error}"
        );
        assert!(error.contains("did you mean `ping_days`?"), "{error}");
    }

    #[test]
    fn a_value_outside_its_range_is_named_with_the_range() {
        for (text, expected) in [
            ("ping_days = 0", "ping_days: expected 1 to 3650 days, got 0"),
            (
                "certificate_days = 366",
                "certificate_days: expected 1 to 365 days, got 366",
            ),
            ("name = \" \"", "name: expected 1 to 100 characters, got 0"),
        ] {
            let error = load(text).unwrap().check().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn binding_every_address_needs_a_name() {
        let config = load("bind = \"0.0.0.0\"").unwrap();
        let error = config.check().unwrap_err().to_string();
        assert!(error.starts_with("names: expected at least one"), "{error}");
        let named = load("bind = \"::\"\nnames = [\"c.example\"]").unwrap();
        named.check().unwrap();
        assert_eq!(named.reached_as(), ["c.example"]);
    }

    #[test]
    fn a_huge_file_is_refused_unread() {
        let error = load(&"#".repeat(70_000)).unwrap_err();
        assert!(matches!(error, ConfigError::TooLarge { .. }), "{error}");
    }
}
