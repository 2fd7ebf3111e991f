//! Hosts: names, sets of names, addresses and networks, and what each of them covers.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::endpoint::MatchKind;

/// A name is no longer than this (RFC 1035, section 2.3.4, without the trailing dot).
const MAX_NAME: usize = 253;
/// A label is no longer than this (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
/// How much of a wrong text an error repeats.
const SHOWN: usize = 80;

/// A host's name: lower-case ASCII (letters beyond it as IDNA writes them), no trailing dot, no
/// wildcard sign.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// Text that was expected to be a host's name and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the name of a host, such as update.example.com, without wildcard signs, scheme, port or path; got {0:?}"
)]
pub struct NameError(String);

impl Name {
    /// Reads a name; capitals become small letters, letters beyond ASCII become `xn--…`
    /// (UTS 46), one trailing dot goes.
    ///
    /// # Errors
    /// When the text is no host's name: a label is empty, too long or has other signs than
    /// letters, digits, hyphens and underscores, or the last label is a number, which only
    /// addresses end with.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = || NameError(text.chars().take(SHOWN).collect());
        let bare = text.strip_suffix('.').unwrap_or(text);
        // An ASCII name maps to itself, and a label may be longer before than after.
        if bare.len() > MAX_NAME * 4 {
            return Err(error());
        }
        let ascii = if bare.is_ascii() {
            bare.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(bare).map_err(|_| error())?
        };
        let last_is_number = ascii
            .rsplit('.')
            .next()
            .is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
        if ascii.len() > MAX_NAME || last_is_number || !ascii.split('.').all(is_label) {
            return Err(error());
        }
        Ok(Self(ascii))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before `.suffix`, if the name ends so.
    fn below<'n>(&'n self, suffix: &Self) -> Option<&'n str> {
        self.0.strip_suffix(&suffix.0)?.strip_suffix('.')
    }
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && label.bytes().all(|byte| plain(byte) || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hosts that an endpoint stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// This name alone.
    Exact(Name),
    /// Names with exactly one label more.
    OneLabel(Name),
    /// Names with one or more labels more; not the name itself.
    AnyDepth(Name),
    /// The name itself, and names with one or more labels more.
    ApexAndSubdomains(Name),
    Ip(IpAddr),
    Cidr(IpNet),
    /// What the site would set for the variable of that name, but hasn't.
    Unset(String),
    /// The source doesn't say.
    Unknown,
}

/// A value that doesn't fit its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("expected an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1, got {0:?}")]
    Address(String),
    #[error("expected a network such as 192.0.2.0/24 or 2001:db8::/32, got {0:?}")]
    Network(String),
    #[error(
        "{got} has bits set behind its prefix; write {meant} for the network, or the address alone"
    )]
    HostBits { got: IpNet, meant: IpNet },
    #[error("expected no value, because the host is unknown, got {0:?}")]
    ValueOfUnknown(String),
    #[error("expected the name of a variable, got {0:?}")]
    Variable(String),
}

impl Host {
    /// What a catalogue's value means under its kind.
    ///
    /// # Errors
    /// When the value doesn't fit the kind.
    pub fn of(kind: MatchKind, value: &str) -> Result<Self, HostError> {
        let shown = || value.chars().take(SHOWN).collect::<String>();
        Ok(match kind {
            MatchKind::Exact => Self::Exact(Name::parse(value)?),
            MatchKind::OneLabel => Self::OneLabel(Name::parse(value)?),
            MatchKind::AnyDepth => Self::AnyDepth(Name::parse(value)?),
            MatchKind::ApexAndSubdomains => Self::ApexAndSubdomains(Name::parse(value)?),
            MatchKind::Ip => Self::Ip(value.parse().map_err(|_| HostError::Address(shown()))?),
            MatchKind::Cidr => Self::Cidr(network(value)?),
            MatchKind::Variable if value.is_empty() => return Err(HostError::Variable(shown())),
            MatchKind::Variable => Self::Unset(value.to_owned()),
            MatchKind::Unknown if value.is_empty() => Self::Unknown,
            MatchKind::Unknown => return Err(HostError::ValueOfUnknown(shown())),
        })
    }

    /// Reads what a site sets: a name, an address or a network.
    ///
    /// # Errors
    /// When the text is none of them.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let is_network = |(start, _): (&str, &str)| address(start).is_some();
        if text.split_once('/').is_some_and(is_network) {
            let network = network(text)?;
            return Ok(if network.prefix_len() == network.max_prefix_len() {
                Self::Ip(network.addr())
            } else {
                Self::Cidr(network)
            });
        }
        match address(text) {
            Some(address) => Ok(Self::Ip(address)),
            None => Ok(Self::Exact(Name::parse(text)?)),
        }
    }

    /// Whether a host of that name, or of that address, is one of these. Text that is neither
    /// is none.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        match address(host) {
            Some(address) => self.covers_address(address),
            None => Name::parse(host).is_ok_and(|name| self.covers_name(&name)),
        }
    }

    /// Whether a host of that name is one of these.
    #[must_use]
    pub fn covers_name(&self, name: &Name) -> bool {
        match self {
            Self::Exact(own) => name == own,
            Self::OneLabel(own) => name.below(own).is_some_and(|more| !more.contains('.')),
            Self::AnyDepth(own) => name.below(own).is_some(),
            Self::ApexAndSubdomains(own) => name == own || name.below(own).is_some(),
            Self::Ip(_) | Self::Cidr(_) | Self::Unset(_) | Self::Unknown => false,
        }
    }

    /// Whether a host of that address is one of these.
    #[must_use]
    pub fn covers_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Ip(own) => own.to_canonical() == address,
            Self::Cidr(own) => own.contains(&address),
            Self::Exact(_)
            | Self::OneLabel(_)
            | Self::AnyDepth(_)
            | Self::ApexAndSubdomains(_)
            | Self::Unset(_)
            | Self::Unknown => false,
        }
    }

    /// Whether every host of `other` is one of these.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(name)) => self.covers_name(name),
            (_, Self::Ip(address)) => self.covers_address(*address),
            (Self::Cidr(own), Self::Cidr(other)) => own.contains(other),
            (Self::OneLabel(own), Self::OneLabel(other)) => own == other,
            (
                Self::AnyDepth(own) | Self::ApexAndSubdomains(own),
                Self::OneLabel(other) | Self::AnyDepth(other),
            )
            | (Self::ApexAndSubdomains(own), Self::ApexAndSubdomains(other)) => {
                own == other || other.below(own).is_some()
            }
            (Self::AnyDepth(own), Self::ApexAndSubdomains(other)) => other.below(own).is_some(),
            (Self::Unset(own), Self::Unset(other)) => own == other,
            (
                Self::Exact(_)
                | Self::OneLabel(_)
                | Self::AnyDepth(_)
                | Self::ApexAndSubdomains(_)
                | Self::Ip(_)
                | Self::Cidr(_)
                | Self::Unset(_)
                | Self::Unknown,
                Self::OneLabel(_)
                | Self::AnyDepth(_)
                | Self::ApexAndSubdomains(_)
                | Self::Cidr(_)
                | Self::Unset(_)
                | Self::Unknown,
            ) => false,
        }
    }

    /// The kind, as catalogues name it.
    #[must_use]
    pub const fn kind(&self) -> MatchKind {
        match self {
            Self::Exact(_) => MatchKind::Exact,
            Self::OneLabel(_) => MatchKind::OneLabel,
            Self::AnyDepth(_) => MatchKind::AnyDepth,
            Self::ApexAndSubdomains(_) => MatchKind::ApexAndSubdomains,
            Self::Ip(_) => MatchKind::Ip,
            Self::Cidr(_) => MatchKind::Cidr,
            Self::Unset(_) => MatchKind::Variable,
            Self::Unknown => MatchKind::Unknown,
        }
    }

    /// The value, as catalogues write it: without wildcard signs; empty where it is unknown.
    #[must_use]
    pub fn value(&self) -> String {
        match self {
            Self::Exact(name)
            | Self::OneLabel(name)
            | Self::AnyDepth(name)
            | Self::ApexAndSubdomains(name) => name.to_string(),
            Self::Ip(address) => address.to_string(),
            Self::Cidr(network) => network.to_string(),
            Self::Unset(variable) => variable.clone(),
            Self::Unknown => String::new(),
        }
    }

    /// The name that a name or set of names is built on.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        match self {
            Self::Exact(name)
            | Self::OneLabel(name)
            | Self::AnyDepth(name)
            | Self::ApexAndSubdomains(name) => Some(name),
            Self::Ip(_) | Self::Cidr(_) | Self::Unset(_) | Self::Unknown => None,
        }
    }
}

/// An address, IPv6 also in the brackets that URLs give it.
fn address(text: &str) -> Option<IpAddr> {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
        .parse()
        .ok()
}

fn network(text: &str) -> Result<IpNet, HostError> {
    let network: IpNet = text
        .parse()
        .map_err(|_| HostError::Network(text.chars().take(SHOWN).collect()))?;
    if network.trunc() == network {
        Ok(network)
    } else {
        Err(HostError::HostBits {
            got: network,
            meant: network.trunc(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(kind: MatchKind, value: &str) -> Host {
        Host::of(kind, value).unwrap()
    }

    #[test]
    fn names_are_written_one_way() {
        for (text, name) in [
            ("Update.Example.COM.", "update.example.com"),
            ("manager", "manager"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("a_b.example", "a_b.example"),
        ] {
            assert_eq!(Name::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn other_text_is_no_name() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}example", "a.".repeat(130));
        for text in [
            "",
            ".",
            "a..b",
            "*.example.com",
            "-a.example",
            "a-.example",
            "https://a.example",
            "a.example:443",
            "a.example/x",
            "192.0.2.1",
            "a.1",
            "a b",
            "ALL*",
            "%",
            &long,
            &longer,
        ] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_kind_covers_what_its_name_says() {
        let hosts = [
            "example.com",
            "a.example.com",
            "b.a.example.com",
            "badexample.com",
        ];
        for (kind, covered) in [
            (MatchKind::Exact, [true, false, false, false]),
            (MatchKind::OneLabel, [false, true, false, false]),
            (MatchKind::AnyDepth, [false, true, true, false]),
            (MatchKind::ApexAndSubdomains, [true, true, true, false]),
        ] {
            let host = of(kind, "example.com");
            assert_eq!(hosts.map(|name| host.covers(name)), covered, "{kind:?}");
            assert!(!host.covers("192.0.2.1") && !host.covers("not a host"));
        }
        assert!(of(MatchKind::Ip, "192.0.2.1").covers("::ffff:192.0.2.1"));
        assert!(of(MatchKind::Cidr, "2001:db8::/32").covers("[2001:db8::7]"));
        assert!(!of(MatchKind::Cidr, "192.0.2.0/24").covers("192.0.3.1"));
        assert!(!Host::Unknown.covers("example.com"));
        assert!(!of(MatchKind::Variable, "manager").covers("manager"));
    }

    #[test]
    fn values_that_do_not_fit_their_kind_are_refused() {
        for (kind, value) in [
            (MatchKind::Exact, "*.example.com"),
            (MatchKind::Ip, "example.com"),
            (MatchKind::Ip, "192.0.2.0/24"),
            (MatchKind::Cidr, "192.0.2.1"),
            (MatchKind::Cidr, "192.0.2.1/24"),
            (MatchKind::Variable, ""),
            (MatchKind::Unknown, "example.com"),
        ] {
            assert!(Host::of(kind, value).is_err(), "{kind:?} {value:?}");
        }
    }

    #[test]
    fn a_site_sets_names_addresses_and_networks() {
        let kind = |text: &str| Host::parse(text).unwrap().kind();
        assert_eq!(kind("manager.example"), MatchKind::Exact);
        assert_eq!(kind("192.0.2.10"), MatchKind::Ip);
        assert_eq!(kind("192.0.2.10/32"), MatchKind::Ip);
        assert_eq!(kind("[2001:db8::1]"), MatchKind::Ip);
        assert_eq!(kind("198.51.100.0/24"), MatchKind::Cidr);
        let error = Host::parse("198.51.100.7/24").unwrap_err().to_string();
        assert!(error.contains("write 198.51.100.0/24"), "{error}");
    }

    fn any_host() -> impl Strategy<Value = Host> {
        let name = "[ab]{1,2}(\\.[ab]{1,2}){0,3}";
        prop_oneof![
            name.prop_map(|text| of(MatchKind::Exact, &text)),
            name.prop_map(|text| of(MatchKind::OneLabel, &text)),
            name.prop_map(|text| of(MatchKind::AnyDepth, &text)),
            name.prop_map(|text| of(MatchKind::ApexAndSubdomains, &text)),
        ]
    }

    proptest! {
        #[test]
        fn what_includes_a_host_covers_all_that_it_covers(
            broad in any_host(), narrow in any_host(), name in "[ab]{1,2}(\\.[ab]{1,2}){0,5}"
        ) {
            if broad.includes(&narrow) && narrow.covers(&name) {
                prop_assert!(broad.covers(&name));
            }
            prop_assert!(narrow.includes(&narrow));
        }

        #[test]
        fn names_read_back(text in "\\PC{0,40}") {
            if let Ok(name) = Name::parse(&text) {
                prop_assert_eq!(&Name::parse(name.as_str()).unwrap(), &name);
            }
        }
    }
}
