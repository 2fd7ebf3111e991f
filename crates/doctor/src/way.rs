//! The ways out of this host: directly, as the environment says, through a proxy that was named,
//! and as a PAC file says.

use net::{Endpoint, Proxy, ProxyEnvironment, ProxySetting};
use serde::{Deserialize, Serialize};

/// A kind of way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    Direct,
    Environment,
    Proxy,
    Pac,
}

impl PathKind {
    /// The name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Environment => "environment",
            Self::Proxy => "proxy",
            Self::Pac => "pac",
        }
    }
}

/// A way out.
#[derive(Debug, Clone)]
pub enum Way {
    Direct,
    Environment(ProxyEnvironment),
    Proxy(Proxy),
    Pac(PacSource),
}

/// A PAC file, and what became of it.
#[derive(Debug, Clone)]
pub struct PacSource {
    /// The URL or file, as it was given.
    pub name: String,
    /// Its text, or why there is none.
    pub script: Result<String, String>,
    /// For proxies that it names.
    pub credentials: Option<net::ProxyCredentials>,
}

/// Where a way leads to one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    Direct,
    Through(Proxy),
}

impl Way {
    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> PathKind {
        match self {
            Self::Direct => PathKind::Direct,
            Self::Environment(_) => PathKind::Environment,
            Self::Proxy(_) => PathKind::Proxy,
            Self::Pac(_) => PathKind::Pac,
        }
    }
}

/// The ways that a run checks.
#[derive(Debug, Clone, Default)]
pub struct Ways(pub Vec<Way>);

impl Ways {
    /// The direct way, the environment's where it names a proxy, and those that were named.
    #[must_use]
    pub fn new(
        environment: Option<ProxyEnvironment>,
        proxy: Option<Proxy>,
        pac: Option<PacSource>,
    ) -> Self {
        let mut ways = vec![Way::Direct];
        ways.extend(environment.map(Way::Environment));
        ways.extend(proxy.map(Way::Proxy));
        ways.extend(pac.map(Way::Pac));
        Self(ways)
    }
}

/// Where the environment leads.
#[must_use]
pub fn by_environment(environment: &ProxyEnvironment, endpoint: &Endpoint) -> Leads {
    match ProxySetting::Environment(environment.clone()).proxy_for(endpoint) {
        Some(proxy) => Leads::Through(proxy.clone()),
        None => Leads::Direct,
    }
}

/// A proxy as a URL without its password.
#[must_use]
pub fn shown(proxy: &Proxy) -> String {
    match &proxy.credentials {
        Some(credentials) => format!("http://{}@{}", escaped(&credentials.user), proxy.endpoint),
        None => format!("http://{}", proxy.endpoint),
    }
}

/// With what would end a user's name in a URL as `%XX`: users of a domain are `user@REALM` or
/// `DOMAIN\user`.
fn escaped(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for letter in user.chars() {
        match letter {
            '%' | '@' | ':' | '/' | '\\' | '?' | '#' => {
                escaped.push_str(&format!("%{:02X}", u32::from(letter)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_as_a_url_that_can_be_read_again_and_without_its_password() {
        for user in ["eve@CORP.TEST", "CORP\\eve", "a:b/c%d"] {
            let url = format!("http://{}:secret@proxy.example:3128", escaped(user));
            let proxy = Proxy::parse(&url).unwrap();
            let shown = shown(&proxy);
            assert!(!shown.contains("secret"), "{shown}");
            let again = Proxy::parse(&shown).unwrap();
            let user_again = again.credentials.map(|credentials| credentials.user);
            assert_eq!(user_again.as_deref(), Some(user));
        }
    }
}
