//! Port profiles: which numbers the listeners take.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which port numbers a site uses. With `sep` and `sangfor` port rules made for those products
/// can stay; no vendor's client can connect.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PortProfile {
    /// The catalogue's ports where they can be bound, else free ones that are kept.
    #[default]
    Auto,
    /// Exactly the catalogue's ports.
    Garrison,
    /// Exactly the numbers of Symantec Endpoint Protection.
    Sep,
    /// Exactly the numbers of Sangfor Endpoint Secure.
    Sangfor,
}

/// Text that was expected to be a port profile and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a port profile (auto, garrison, sep or sangfor), got {0:?}")]
pub struct PortProfileError(String);

impl PortProfile {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Garrison, Self::Sep, Self::Sangfor];

    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Garrison => "garrison",
            Self::Sep => "sep",
            Self::Sangfor => "sangfor",
        }
    }

    /// Reads the name.
    ///
    /// # Errors
    /// When the text names no profile.
    pub fn parse(text: &str) -> Result<Self, PortProfileError> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == text)
            .ok_or_else(|| PortProfileError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for PortProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PortProfile {
    type Err = PortProfileError;

    fn from_str(text: &str) -> Result<Self, PortProfileError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_reads_back() {
        for profile in PortProfile::ALL {
            assert_eq!(PortProfile::parse(&profile.to_string()), Ok(profile));
        }
    }

    #[test]
    fn an_unknown_profile_is_named_with_those_that_exist() {
        let error = PortProfile::parse("symantec").unwrap_err().to_string();
        assert!(
            error.contains("\"symantec\"") && error.contains("sangfor"),
            "{error}"
        );
    }
}
