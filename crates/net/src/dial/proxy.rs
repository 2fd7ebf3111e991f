//! Which proxy a destination is dialed through.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::endpoint::{Endpoint, Host};

/// Whether and through which proxy to dial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxySetting {
    #[default]
    Direct,
    /// As the environment says. Loopback destinations are always dialed directly.
    Environment(ProxyEnvironment),
    /// Always through this one.
    Explicit(Proxy),
}

/// An HTTP proxy that is asked for tunnels (CONNECT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub endpoint: Endpoint,
    pub credentials: Option<ProxyCredentials>,
}

/// For the sign-in at the proxy. Never printed. The user of a Windows domain may be given as
/// `DOMAIN\user` or `user@domain`.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyCredentials {
    pub user: String,
    pub password: String,
}

/// What HTTPS_PROXY, ALL_PROXY and NO_PROXY said, in either case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProxyEnvironment {
    proxy: Option<Proxy>,
    exempt: Vec<Exemption>,
}

/// Text that was expected to be a proxy's URL and is none. Never repeats the text: it may hold a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyParseError {
    #[error("expected a proxy as http://[user:password@]host[:port], got something else")]
    Shape,
    #[error("only proxies that are reached by http:// are supported; give the proxy's http port")]
    Scheme,
}

/// An entry of NO_PROXY.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exemption {
    Everything,
    Network(IpNet),
    /// The name itself and everything below it, optionally on one port only.
    Domain {
        name: String,
        port: Option<u16>,
    },
    Address {
        address: IpAddr,
        port: Option<u16>,
    },
}

/// How to reach a destination.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// And why.
    Direct(&'static str),
    Through(&'a Proxy),
}

impl ProxySetting {
    /// The proxy through which a destination is dialed; `None` where it is dialed directly.
    #[must_use]
    pub fn proxy_for(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        match self.route(endpoint) {
            Route::Direct(_) => None,
            Route::Through(proxy) => Some(proxy),
        }
    }

    pub(super) fn route(&self, endpoint: &Endpoint) -> Route<'_> {
        match self {
            Self::Direct => Route::Direct("no proxy is configured"),
            Self::Explicit(proxy) => Route::Through(proxy),
            Self::Environment(environment) => environment.route(endpoint),
        }
    }
}

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`; without a scheme it is http, without a port 80.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, ProxyParseError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => return Err(ProxyParseError::Scheme),
            None => text,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => (Some(ProxyCredentials::parse(credentials)?), address),
            None => (None, rest),
        };
        let has_port = address
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.ends_with(']'));
        let parsed = if has_port {
            Endpoint::parse(address)
        } else {
            Host::parse(address).map(|host| Endpoint { host, port: 80 })
        };
        let endpoint = parsed.map_err(|_| ProxyParseError::Shape)?;
        Ok(Self {
            endpoint,
            credentials,
        })
    }
}

impl ProxyCredentials {
    fn parse(text: &str) -> Result<Self, ProxyParseError> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            user: percent_decoded(user)?,
            password: percent_decoded(password)?,
        })
    }
}

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyCredentials(…)")
    }
}

impl ProxyEnvironment {
    /// Reads this process's environment.
    ///
    /// # Errors
    /// When the proxy's variable is set to something that is no proxy.
    pub fn read() -> Result<Self, ProxyParseError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads an environment that `lookup` knows.
    ///
    /// # Errors
    /// When the proxy's variable is set to something that is no proxy.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyParseError> {
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| lookup(name).filter(|text| !text.trim().is_empty()))
        };
        let proxy = first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
            .map(|text| Proxy::parse(text.trim()))
            .transpose()?;
        let exempt = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        let exempt = exempt
            .split([',', ' '])
            .filter_map(Exemption::parse)
            .collect();
        Ok(Self { proxy, exempt })
    }

    /// Whether it names a proxy at all.
    #[must_use]
    pub const fn names_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    fn route(&self, endpoint: &Endpoint) -> Route<'_> {
        let Some(proxy) = &self.proxy else {
            return Route::Direct("the environment names no proxy");
        };
        if endpoint.host.is_loopback() {
            return Route::Direct("loopback is never dialed through the environment's proxy");
        }
        if self
            .exempt
            .iter()
            .any(|exemption| exemption.covers(endpoint))
        {
            return Route::Direct("NO_PROXY exempts the destination");
        }
        Route::Through(proxy)
    }
}

impl Exemption {
    /// Entries of no known form exempt nothing.
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Ok(network) = entry.parse::<IpNet>() {
            return Some(Self::Network(network));
        }
        let bare = entry
            .strip_prefix("*.")
            .or_else(|| entry.strip_prefix('.'))
            .unwrap_or(entry);
        let (host, port) = match Host::parse(bare) {
            Ok(host) => (host, None),
            Err(_) => {
                let endpoint = Endpoint::parse(bare).ok()?;
                (endpoint.host, Some(endpoint.port))
            }
        };
        Some(match host {
            Host::Name(name) => Self::Domain { name, port },
            Host::Address(address) => Self::Address { address, port },
        })
    }

    fn covers(&self, endpoint: &Endpoint) -> bool {
        let same_port = |port: &Option<u16>| port.is_none_or(|port| port == endpoint.port);
        match (self, &endpoint.host) {
            (Self::Everything, _) => true,
            (Self::Network(network), Host::Address(address)) => network.contains(address),
            (Self::Address { address, port }, Host::Address(wanted)) => {
                address == wanted && same_port(port)
            }
            (Self::Domain { name, port }, Host::Name(wanted)) => {
                let below = wanted.strip_suffix(name.as_str());
                below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) && same_port(port)
            }
            (Self::Network(_) | Self::Address { .. }, Host::Name(_))
            | (Self::Domain { .. }, Host::Address(_)) => false,
        }
    }
}

fn percent_decoded(text: &str) -> Result<String, ProxyParseError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().and_then(|byte| char::from(byte).to_digit(16));
            digit
                .and_then(|digit| u8::try_from(digit).ok())
                .ok_or(ProxyParseError::Shape)
        };
        bytes.push(digit()? * 16 + digit()?);
    }
    String::from_utf8(bytes).map_err(|_| ProxyParseError::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> ProxyEnvironment {
        ProxyEnvironment::from_lookup(|name| {
            pairs
                .iter()
                .find(|pair| pair.0 == name)
                .map(|pair| pair.1.to_owned())
        })
        .unwrap()
    }

    fn is_direct(environment: &ProxyEnvironment, endpoint: &str) -> bool {
        matches!(
            environment.route(&Endpoint::parse(endpoint).unwrap()),
            Route::Direct(_)
        )
    }

    #[test]
    fn a_proxy_is_read_with_its_credentials() {
        let proxy = Proxy::parse("http://ann%40x:p%3Aw@proxy.example:3128/").unwrap();
        assert_eq!(proxy.endpoint.to_string(), "proxy.example:3128");
        let credentials = proxy.credentials.unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.as_str()),
            ("ann@x", "p:w")
        );
        assert!(!format!("{credentials:?}").contains("ann"));
        assert_eq!(
            Proxy::parse("http://[::1]").unwrap().endpoint.to_string(),
            "[::1]:80"
        );
        assert_eq!(
            Proxy::parse("proxy").unwrap().endpoint.to_string(),
            "proxy:80"
        );
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_without_repeating_it() {
        assert_eq!(
            Proxy::parse("socks5://proxy:1080"),
            Err(ProxyParseError::Scheme)
        );
        for text in [
            "http://",
            "http://a:b@",
            "http://u:%zz@h:1",
            "http://h:99999",
        ] {
            assert_eq!(Proxy::parse(text), Err(ProxyParseError::Shape), "{text}");
        }
    }

    #[test]
    fn loopback_never_goes_through_the_environments_proxy() {
        let environment = environment(&[("HTTPS_PROXY", "http://proxy:3128")]);
        for endpoint in [
            "127.0.0.1:443",
            "127.0.0.2:443",
            "[::1]:443",
            "localhost:443",
        ] {
            assert!(is_direct(&environment, endpoint), "{endpoint}");
        }
        assert!(!is_direct(&environment, "manager.example:443"));
    }

    #[test]
    fn no_proxy_exempts_names_below_networks_and_ports() {
        let environment = environment(&[
            ("https_proxy", "http://proxy:3128"),
            (
                "no_proxy",
                ".lan, example.org:8443,10.0.0.0/8 192.0.2.1,[2001:db8::1]:5",
            ),
        ]);
        for endpoint in [
            "lan:1",
            "a.lan:1",
            "x.example.org:8443",
            "10.9.9.9:1",
            "192.0.2.1:7",
            "[2001:db8::1]:5",
        ] {
            assert!(is_direct(&environment, endpoint), "{endpoint}");
        }
        for endpoint in ["vlan:1", "example.org:443", "11.0.0.1:1", "[2001:db8::1]:6"] {
            assert!(!is_direct(&environment, endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_star_exempts_everything_and_no_proxy_variable_means_direct() {
        let starred = environment(&[("ALL_PROXY", "http://proxy:3128"), ("NO_PROXY", "*")]);
        assert!(is_direct(&starred, "manager.example:443"));
        assert!(is_direct(&environment(&[]), "manager.example:443"));
    }
}
