//! The agent's configuration: `agent.toml` in its folder. An absent file is an empty one.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::file;

/// The keys of `agent.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Workers that scan at the same time, 1 to 64. Default: the machine's cores, at most 2.
    pub scan_workers: usize,
    /// How the manager is reached: `direct`, `environment` (the variables `https_proxy` and
    /// `no_proxy`), or a proxy such as `http://proxy.example:3128`. Default: direct.
    pub proxy: String,
}

/// Every key, for the message about one that is none.
const KEYS: [&str; 2] = ["scan_workers", "proxy"];

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    File(#[from] file::FileError),
    #[error("{path}: {reason}; mend it, or remove the file to use the defaults", path = .path.display())]
    Syntax { path: PathBuf, reason: String },
    #[error("{path}: there is no key {key:?}; did you mean {nearest:?}?", path = .path.display())]
    UnknownKey {
        path: PathBuf,
        key: String,
        nearest: &'static str,
    },
    #[error("{path}: {key}: expected {expected}, got {got}", path = .path.display())]
    Value {
        path: PathBuf,
        key: &'static str,
        expected: &'static str,
        got: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            scan_workers: cores.min(2),
            proxy: "direct".to_owned(),
        }
    }
}

impl Config {
    /// Reads `agent.toml` in `folder`.
    ///
    /// # Errors
    /// When it is no TOML, has a key that there is none of, or a value out of its range.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join("agent.toml");
        match file::read_text(&path)? {
            Some(text) => Self::parse(&text, &path),
            None => Ok(Self::default()),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        };
        let table: toml::Table = toml::from_str(text).map_err(syntax)?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let nearest = KEYS.into_iter().max_by(|left, right| {
                strsim::jaro_winkler(key, left).total_cmp(&strsim::jaro_winkler(key, right))
            });
            return Err(ConfigError::UnknownKey {
                path: path.to_owned(),
                key: key.clone(),
                nearest: nearest.unwrap_or_default(),
            });
        }
        let config: Self = toml::from_str(text).map_err(syntax)?;
        if !(1..=64).contains(&config.scan_workers) {
            return Err(ConfigError::Value {
                path: path.to_owned(),
                key: "scan_workers",
                expected: "1 to 64",
                got: config.scan_workers.to_string(),
            });
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("agent.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_absent_or_empty_file_gives_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Config::read(folder.path()).unwrap(), Config::default());
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn every_key_of_the_list_is_a_key_and_can_be_set() {
        let config = parse("scan_workers = 7\nproxy = \"environment\"").unwrap();
        assert_eq!(
            (config.scan_workers, config.proxy.as_str()),
            (7, "environment")
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_nearest_neighbour() {
        let error = parse("scan_worker = 1").unwrap_err();
        assert_eq!(
            error,
            "agent.toml: there is no key \"scan_worker\"; did you mean \"scan_workers\"?"
        );
    }

    #[test]
    fn bad_syntax_and_bad_values_say_what_to_do() {
        assert!(
            parse("scan_workers = ")
                .unwrap_err()
                .contains("remove the file")
        );
        assert!(
            parse("scan_workers = 0")
                .unwrap_err()
                .contains("expected 1 to 64, got 0")
        );
        assert!(
            parse("scan_workers = \"two\"")
                .unwrap_err()
                .contains("scan_workers")
        );
    }
}
