//! Versions of products, and which of them a fact holds for.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A product's version: numbers with dots, then perhaps a maintenance patch (`MP1`) or a release
/// update (`RU1`), which come after the bare release, in that order: 14.3 < 14.3 MP1 < 14.3 RU1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    numbers: Vec<u32>,
    update: Option<(Update, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Update {
    MaintenancePatch,
    ReleaseUpdate,
}

/// Text that was expected to be a version and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a version such as 14.2, 6.0.4 or \"14.3 RU1\", got {0:?}")]
pub struct VersionError(String);

impl Version {
    /// Reads a version.
    ///
    /// # Errors
    /// When the text is no version.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.chars().take(80).collect());
        let mut words = text.split_ascii_whitespace();
        let numbers: Vec<u32> = words
            .next()
            .ok_or_else(error)?
            .split('.')
            .map(|number| number.parse().map_err(|_| error()))
            .collect::<Result<_, _>>()?;
        let update = words.next().map(|word| read_update(word).ok_or_else(error));
        if words.next().is_some() || numbers.len() > 8 {
            return Err(error());
        }
        Ok(Self {
            numbers,
            update: update.transpose()?,
        })
    }
}

fn read_update(word: &str) -> Option<(Update, u32)> {
    let (kind, number) = word.split_at_checked(2)?;
    let kind = match kind {
        "MP" => Update::MaintenancePatch,
        "RU" => Update::ReleaseUpdate,
        _ => return None,
    };
    Some((kind, number.parse().ok()?))
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let padded =
            |version: &Self, index: usize| version.numbers.get(index).copied().unwrap_or(0);
        (0..length)
            .map(|index| padded(self, index).cmp(&padded(other, index)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| self.update.cmp(&other.update))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.numbers.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{number}")?;
        }
        match self.update {
            Some((Update::MaintenancePatch, number)) => write!(f, " MP{number}"),
            Some((Update::ReleaseUpdate, number)) => write!(f, " RU{number}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// The versions for which something holds; without bounds, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionRange {
    /// The first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// The last, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Version>,
    /// The first for which it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Version>,
}

impl VersionRange {
    /// Whether it holds for every version.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.from.is_none() && self.through.is_none() && self.before.is_none()
    }

    /// Whether it holds for this one.
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        self.from.as_ref().is_none_or(|from| version >= from)
            && self.through.as_ref().is_none_or(|last| version <= last)
            && self.before.as_ref().is_none_or(|end| version < end)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds: Vec<String> = [
            self.from.as_ref().map(|version| format!("from {version}")),
            self.through
                .as_ref()
                .map(|version| format!("through {version}")),
            self.before
                .as_ref()
                .map(|version| format!("before {version}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if bounds.is_empty() {
            f.write_str("all")
        } else {
            f.write_str(&bounds.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_are_ordered_as_their_vendor_ships_them() {
        let order = [
            "11",
            "12.1",
            "12.1.5",
            "14.0.1",
            "14.2",
            "14.3",
            "14.3 MP1",
            "14.3 MP2",
            "14.3 RU1",
            "14.3 RU10",
            "15",
        ];
        for pair in order.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("14.0").cmp(&version("14")), Ordering::Equal);
        for text in order {
            assert_eq!(version(text).to_string(), text);
        }
    }

    #[test]
    fn other_text_is_no_version() {
        for text in [
            "",
            "x",
            "14.",
            "14.3 SP1",
            "14.3 RU",
            "14 3",
            "14.3 RU1 x",
            "-1",
        ] {
            assert!(Version::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_range_holds_between_its_bounds() {
        let range = VersionRange {
            from: Some(version("14.2")),
            through: None,
            before: Some(version("14.3")),
        };
        assert!(range.contains(&version("14.2.1")));
        assert!(!range.contains(&version("14.3")) && !range.contains(&version("14.1")));
        assert!(VersionRange::default().contains(&version("1")));
        assert_eq!(range.to_string(), "from 14.2, before 14.3");
    }
}
