//! Where a flow goes: names or addresses, a transport and ports.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::version::VersionRange;

/// One destination of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    #[serde(rename = "match")]
    pub kind: MatchKind,
    /// A name without wildcard signs, an address, a network, or the name of a variable. Empty
    /// where it is unknown.
    #[serde(default)]
    pub value: String,
    /// Where the host is unknown: the variable with which a site that knows it fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    pub transport: Transport,
    /// Empty where the transport has none, or where they are unknown (a caveat says so).
    #[serde(default)]
    pub ports: Vec<PortRange>,
    /// The variable that holds the port instead, where the site chose another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_variable: Option<String>,
    /// What is spoken above the transport (`https`, `http`, `tls`, `smb`, `dns`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The part of a URL behind the host, where the source names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The product's versions that use it.
    #[serde(default, skip_serializing_if = "VersionRange::is_all")]
    pub versions: VersionRange,
}

impl Endpoint {
    /// What two endpoints differ in, if they differ.
    pub(crate) fn identity(&self) -> impl Eq + std::hash::Hash + '_ {
        (
            (self.kind, self.value.as_str(), self.transport),
            (self.ports.as_slice(), self.port_variable.as_deref()),
            self.set_by.as_deref(),
            (self.protocol.as_deref(), self.path.as_deref()),
            self.versions.to_string(),
        )
    }
}

/// How an endpoint's value covers hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchKind {
    /// This name alone.
    Exact,
    /// Names with exactly one label more.
    OneLabel,
    /// Names with one or more labels more; not the name itself.
    AnyDepth,
    /// The name itself, and names with one or more labels more.
    ApexAndSubdomains,
    /// One IPv4 or IPv6 address.
    Ip,
    /// A network of addresses.
    Cidr,
    /// What the site sets for the variable of that name.
    Variable,
    /// The source doesn't say.
    Unknown,
}

impl MatchKind {
    /// The name, as in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::OneLabel => "one-label",
            Self::AnyDepth => "any-depth",
            Self::ApexAndSubdomains => "apex-and-subdomains",
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Variable => "variable",
            Self::Unknown => "unknown",
        }
    }
}

/// What carries the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Tcp,
    Udp,
    /// IPsec's encapsulating security payload (IP protocol 50, RFC 4303).
    Esp,
    Icmp,
    Unknown,
}

impl Transport {
    /// The name, as in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Esp => "esp",
            Self::Icmp => "icmp",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it has port numbers.
    #[must_use]
    pub const fn has_ports(self) -> bool {
        match self {
            Self::Tcp | Self::Udp => true,
            Self::Esp | Self::Icmp | Self::Unknown => false,
        }
    }
}

/// One port or a range of ports; in files a string such as `443` or `8000-8010`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// Text that was expected to be a port or a range and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a port (1 to 65535) or a range such as 8000-8010, got {0:?}")]
pub struct PortRangeError(String);

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self {
        first: 1,
        last: u16::MAX,
    };

    /// Plain HTTP's own port.
    pub const HTTP: Self = Self {
        first: 80,
        last: 80,
    };
    /// HTTPS's own port.
    pub const HTTPS: Self = Self {
        first: 443,
        last: 443,
    };

    /// One port.
    ///
    /// # Errors
    /// When it is 0.
    pub fn single(port: u16) -> Result<Self, PortRangeError> {
        Self::new(port, port)
    }

    /// The ports from `first` to `last`, both included.
    ///
    /// # Errors
    /// When they are in the wrong order, or `first` is 0.
    pub fn new(first: u16, last: u16) -> Result<Self, PortRangeError> {
        if first == 0 || last < first {
            return Err(PortRangeError(format!("{first}-{last}")));
        }
        Ok(Self { first, last })
    }

    /// Reads a port or a range.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Self, PortRangeError> {
        let error = || PortRangeError(text.chars().take(80).collect());
        let number = |text: &str| text.parse::<u16>().map_err(|_| error());
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(text)?, number(text)?),
        };
        Self::new(first, last).map_err(|_| error())
    }

    /// The lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// The port, where it is one alone.
    #[must_use]
    pub const fn only(self) -> Option<u16> {
        if self.first == self.last {
            Some(self.first)
        } else {
            None
        }
    }

    /// Whether the port is in it.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.only() {
            Some(port) => write!(f, "{port}"),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl TryFrom<String> for PortRange {
    type Error = PortRangeError;

    fn try_from(text: String) -> Result<Self, PortRangeError> {
        Self::parse(&text)
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> Self {
        range.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_read_back() {
        for text in ["443", "8000-8010", "1-65535"] {
            assert_eq!(PortRange::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(PortRange::parse("80-80").unwrap().to_string(), "80");
    }

    #[test]
    fn other_text_is_no_port() {
        for text in [
            "", "0", "65536", "10-9", "0-9", "a", "1-", "-1", "80,443", "ALL",
        ] {
            assert!(PortRange::parse(text).is_err(), "{text:?}");
        }
    }
}
