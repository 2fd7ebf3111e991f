//! `--target URL`: a destination that somebody names.

use flows::{Host, Name};
use net::{Endpoint, Host as NetHost};

/// What is spoken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Https,
    Http,
    /// A WebSocket over TLS.
    Wss,
    Tls,
    Tcp,
    Udp,
}

/// A destination that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub scheme: Scheme,
    pub endpoint: Endpoint,
    pub path: Option<String>,
    /// Whether it is expected not to answer.
    pub closed: bool,
}

/// Text that was expected to be a target and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a target such as https://update.example.com/, http://host:8014, wss://host/, tls://host:8443, tcp://host:22 or udp://host:514, got {0:?}"
)]
pub struct TargetError(String);

impl Scheme {
    /// The name, as in URLs and in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Wss => "wss",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    const fn port(self) -> Option<u16> {
        match self {
            Self::Https | Self::Wss | Self::Tls => Some(443),
            Self::Http => Some(80),
            Self::Tcp | Self::Udp => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Https,
            Self::Http,
            Self::Wss,
            Self::Tls,
            Self::Tcp,
            Self::Udp,
        ];
        all.into_iter()
            .find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }
}

impl Target {
    /// Reads a URL; a host with or without a port alone is one of `https`.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let error = || TargetError(text.chars().take(80).collect());
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Scheme::parse(scheme).ok_or_else(error)?, rest),
            None => (Scheme::Https, text),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (place, path) = rest.split_at(at);
        let plain = |byte: u8| byte.is_ascii_graphic();
        if !path.bytes().all(plain) || place.contains('@') {
            return Err(error());
        }
        let has_port = place
            .rsplit_once(':')
            .is_some_and(|(before, _)| !before.contains(':') || before.ends_with(']'));
        let endpoint = if has_port {
            Endpoint::parse(place).map_err(|_| error())?
        } else {
            Endpoint {
                host: NetHost::parse(place).map_err(|_| error())?,
                port: scheme.port().ok_or_else(error)?,
            }
        };
        if let NetHost::Name(name) = &endpoint.host {
            Name::parse(name).map_err(|_| error())?;
        }
        let path = match path {
            "" => None,
            path if path.starts_with('?') => Some(format!("/{path}")),
            path => Some(path.to_owned()),
        };
        Ok(Self {
            scheme,
            endpoint,
            path,
            closed: false,
        })
    }

    /// As the catalogue writes hosts.
    pub(crate) fn host(&self) -> Option<Host> {
        match &self.endpoint.host {
            NetHost::Address(address) => Some(Host::Ip(*address)),
            NetHost::Name(name) => Name::parse(name).ok().map(Host::Exact),
        }
    }

    /// The transport, as in the catalogue.
    pub(crate) const fn transport(&self) -> flows::Transport {
        match self.scheme {
            Scheme::Https | Scheme::Http | Scheme::Wss | Scheme::Tls | Scheme::Tcp => {
                flows::Transport::Tcp
            }
            Scheme::Udp => flows::Transport::Udp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_as_people_write_them() {
        for (text, scheme, endpoint, path) in [
            ("a.example", Scheme::Https, "a.example:443", None),
            ("a.example:8443", Scheme::Https, "a.example:8443", None),
            (
                "https://A.example/x?y#z",
                Scheme::Https,
                "a.example:443",
                Some("/x?y"),
            ),
            (
                "http://a.example?q",
                Scheme::Http,
                "a.example:80",
                Some("/?q"),
            ),
            (
                "wss://[2001:db8::1]:444/s",
                Scheme::Wss,
                "[2001:db8::1]:444",
                Some("/s"),
            ),
            ("[2001:db8::1]", Scheme::Https, "[2001:db8::1]:443", None),
            ("tcp://192.0.2.1:22", Scheme::Tcp, "192.0.2.1:22", None),
            ("udp://a.example:514", Scheme::Udp, "a.example:514", None),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(
                (
                    target.scheme,
                    target.endpoint.to_string().as_str(),
                    target.path.as_deref()
                ),
                (scheme, endpoint, path),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "ftp://a.example",
            "tcp://a.example",
            "https://user:word@a.example",
            "https://a.example:0",
            "https://a b.example",
            "https://a.example/ä",
        ] {
            assert!(Target::parse(text).is_err(), "{text:?}");
        }
    }
}
