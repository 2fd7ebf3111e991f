//! The manager's configuration: one TOML file, every key with a default.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flows::PortProfile;
use serde::{Deserialize, Serialize};

/// The file's name in the manager's folder.
pub const FILE: &str = "manager.toml";
/// A larger file is none of ours.
const MAX_BYTES: u64 = 64 << 10;

/// What the manager is told. `{}` is a valid configuration; the file may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The manager's own folder, such as `DIR/manager`. Not a key of the file: it is where the
    /// file lies.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The program whose subcommand `network-check` checks the manager's own connections, without
    /// rights. Not a key of the file: whoever starts the manager knows it. Absent: they are not
    /// checked.
    #[serde(skip)]
    pub doctor: Option<PathBuf>,
    /// What people call the site. Default: `Garrison`.
    pub name: String,
    /// The address that all three listeners bind. Default: 127.0.0.1.
    pub bind: IpAddr,
    /// The port numbers: `auto`, `garrison`, `sep` or `sangfor`. Default: auto.
    pub ports: PortProfile,
    /// More names and addresses under which the manager is reached; they stand in its server
    /// certificate and in enrolment tokens. Default: none.
    pub names: Vec<String>,
    /// Days that a device's certificate is good for; agents renew it at half of that. 1 to 365.
    /// Default: 30.
    pub certificate_days: u32,
    /// Hours after which a command that no device fetched is given up. 1 to 720. Default: 24.
    pub command_hours: u32,
    /// Days that delivered events are kept. Detections and the audit log are kept for ever. 1 to
    /// 3650. Default: 30.
    pub event_days: u32,
    /// Events kept at most; beyond it the oldest go first. Default: 1,000,000.
    pub event_count: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("manager"),
            doctor: None,
            name: "Garrison".to_owned(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: PortProfile::Auto,
            names: Vec::new(),
            certificate_days: 30,
            command_hours: 24,
            event_days: 30,
            event_count: 1_000_000,
        }
    }
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: can't be read: {source}", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: larger than {MAX_BYTES} bytes; a configuration is a few lines", path = path.display())]
    TooLarge { path: PathBuf },
    #[error("{path}: {message}", path = path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("{path}: {key}: expected {expected}, got {got}", path = path.display())]
    Value {
        path: PathBuf,
        key: &'static str,
        expected: &'static str,
        got: String,
    },
}

impl Config {
    /// Every key of the file.
    pub const KEYS: [&str; 8] = [
        "name",
        "bind",
        "ports",
        "names",
        "certificate_days",
        "command_hours",
        "event_days",
        "event_count",
    ];

    /// Reads `manager.toml` in the folder; a missing one is an empty one.
    ///
    /// # Errors
    /// When it is unreadable, no TOML, or has an unknown key or a value outside its range.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE);
        let text = match std::fs::metadata(&path) {
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(ConfigError::TooLarge { path });
            }
            Ok(_) => std::fs::read_to_string(&path),
            Err(error) => Err(error),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let mut config = Self::parse(&text, &path)?;
        config.folder = folder.to_owned();
        Ok(config)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            message: with_neighbour(error.to_string().trim_end()),
        })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let value = |good: bool, key, expected, got: String| {
            if good {
                Ok(())
            } else {
                Err(ConfigError::Value {
                    path: path.to_owned(),
                    key,
                    expected,
                    got,
                })
            }
        };
        let length = self.name.trim().chars().count();
        value(
            (1..=100).contains(&length),
            "name",
            "1 to 100 characters",
            format!("{length}"),
        )?;
        value(
            self.names.len() <= 32,
            "names",
            "at most 32 names",
            self.names.len().to_string(),
        )?;
        value(
            (1..=365).contains(&self.certificate_days),
            "certificate_days",
            "1 to 365 days",
            self.certificate_days.to_string(),
        )?;
        value(
            (1..=720).contains(&self.command_hours),
            "command_hours",
            "1 to 720 hours",
            self.command_hours.to_string(),
        )?;
        value(
            (1..=3650).contains(&self.event_days),
            "event_days",
            "1 to 3650 days",
            self.event_days.to_string(),
        )?;
        value(
            (1000..=1_000_000_000).contains(&self.event_count),
            "event_count",
            "1000 to 1000000000 events",
            self.event_count.to_string(),
        )
    }

    /// How long a device's certificate is good for.
    #[must_use]
    pub fn certificate_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.certificate_days) * 86_400)
    }

    /// How long a command waits for its device.
    #[must_use]
    pub fn command_lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.command_hours) * 3600)
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
#[must_use]
pub fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
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

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("manager.toml"))
    }

    #[test]
    fn an_empty_file_and_a_missing_one_are_the_defaults() {
        assert_eq!(parse("").unwrap(), Config::default());
        let folder = tempfile::tempdir().unwrap();
        let loaded = Config::load(folder.path()).unwrap();
        assert_eq!(loaded.bind, Config::default().bind);
        assert_eq!(loaded.folder, folder.path());
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(
            "name = \"Lyon\"\nbind = \"10.1.2.3\"\nports = \"sep\"\nnames = [\"m.example\"]\ncertificate_days = 7\ncommand_hours = 2\nevent_days = 3\nevent_count = 5000\n",
        )
        .unwrap();
        let default = Config::default();
        assert_ne!(config.name, default.name);
        assert_ne!(config.bind, default.bind);
        assert_ne!(config.ports, default.ports);
        assert_ne!(config.names, default.names);
        assert_ne!(config.certificate_days, default.certificate_days);
        assert_ne!(config.command_hours, default.command_hours);
        assert_ne!(config.event_days, default.event_days);
        assert_ne!(config.event_count, default.event_count);
        let table: toml::Table = toml::Table::try_from(&config).unwrap();
        assert!(table.keys().all(|key| Config::KEYS.contains(&key.as_str())));
        assert_eq!(table.len(), Config::KEYS.len());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_nearest_neighbour() {
        let error = parse("certificate_day = 7").unwrap_err().to_string();
        assert!(
            error.contains("certificate_day`") && error.contains("did you mean `certificate_days`"),
            "{error}"
        );
    }

    #[test]
    fn a_value_outside_its_range_is_named_with_the_range() {
        let error = parse("certificate_days = 0").unwrap_err().to_string();
        assert_eq!(
            error,
            "manager.toml: certificate_days: expected 1 to 365 days, got 0"
        );
    }
}
