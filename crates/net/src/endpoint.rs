//! Where to dial: a host and a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Longer names are no host names (RFC 1035).
const MAX_NAME: usize = 253;

/// A name or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    Address(IpAddr),
    /// In lower case.
    Name(String),
}

/// A host and a port; `host:port` as text, with brackets around an IPv6 address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    pub host: Host,
    pub port: u16,
}

/// Text that was expected to be an endpoint and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected host:port (such as manager.example:443, 192.0.2.7:443 or [2001:db8::7]:443), got {0:?}"
)]
pub struct EndpointError(String);

impl Host {
    /// Reads a name or an address, the latter with or without brackets.
    ///
    /// # Errors
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(text.chars().take(80).collect());
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or_else(error)?;
            let address = inner.parse::<Ipv6Addr>().map_err(|_| error())?;
            return Ok(Self::Address(IpAddr::V6(address)));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let labels_are_plain = name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
        if labels_are_plain && name.len() <= MAX_NAME {
            Ok(Self::Name(name.to_ascii_lowercase()))
        } else {
            Err(error())
        }
    }

    /// Whether this is this machine by its very spelling (no lookup is made).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.to_canonical().is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Endpoint {
    /// Reads `host:port`.
    ///
    /// # Errors
    /// When the text is anything else, or the port is 0.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let error = || EndpointError(text.chars().take(80).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let unbracketed_v6 = host.contains(':') && !host.starts_with('[');
        let port = port.parse::<u16>().map_err(|_| error())?;
        if port == 0 || unbracketed_v6 {
            return Err(error());
        }
        Ok(Self {
            host: Host::parse(host).map_err(|_| error())?,
            port,
        })
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: Host::Address(address.ip()),
            port: address.port(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_read_back() {
        for text in [
            "manager.example:443",
            "192.0.2.7:8443",
            "[2001:db8::7]:443",
            "a_b:1",
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Endpoint::parse("LAN.Example.:5").unwrap().to_string(),
            "lan.example:5"
        );
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            ":443",
            "::1:443",
            "[::1:443",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
        for text in ["a b:1", "a..b:1", "http://a:1", "[a]:1", "a/b:1", "é:1"] {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn loopback_is_known_by_its_spelling() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
            "localhost",
        ] {
            assert!(Host::parse(text).unwrap().is_loopback(), "{text}");
        }
        for text in ["128.0.0.1", "localhost.example", "::2"] {
            assert!(!Host::parse(text).unwrap().is_loopback(), "{text}");
        }
    }
}
