//! Whether a request meets an access list.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::bytes::RegexBuilder;

use super::parse::{Acl, Conditions, Config, Flags};
use crate::audit::packet::number;
use crate::endpoint::PortRange;

/// Access lists inside access lists.
const MAX_DEPTH: usize = 8;
/// Memory of one regular expression.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A request as a proxy meets it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// A name or an address, lower-case.
    pub(super) host: String,
    /// The host stands for more names, so that expressions can't tell.
    pub(super) is_sample: bool,
    pub(super) port: u16,
    pub(super) connect: bool,
    /// Empty: not known.
    pub(super) sources: Vec<IpNet>,
    /// Empty: not known.
    pub(super) addresses: Vec<IpNet>,
    /// 1 to 3 while TLS rules are asked.
    pub(super) step: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Met {
    Yes,
    No,
    Maybe(String),
}

impl Met {
    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            maybe @ Self::Maybe(_) => maybe,
        }
    }

    fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// One is enough.
    fn any(all: impl Iterator<Item = Self>) -> Self {
        let mut found = Self::No;
        for met in all {
            match met {
                Self::Yes => return Self::Yes,
                Self::No => {}
                maybe @ Self::Maybe(_) => found = maybe,
            }
        }
        found
    }

    /// All are needed.
    fn all(all: impl Iterator<Item = Self>) -> Self {
        let mut found = Self::Yes;
        for met in all {
            match met {
                Self::No => return Self::No,
                Self::Yes => {}
                maybe @ Self::Maybe(_) => found = maybe,
            }
        }
        found
    }
}

impl Config {
    /// Whether a line's conditions hold.
    pub(super) fn holds(&self, conditions: &Conditions, request: &Request) -> Met {
        let met = self.terms(&conditions.terms, request, 0);
        match met {
            Met::Yes if conditions.conditional => {
                Met::Maybe(format!("line {} stands under \"if\"", conditions.line))
            }
            Met::Maybe(why) => Met::Maybe(format!(
                "line {} ({}): {why}",
                conditions.line, conditions.text
            )),
            other => other,
        }
    }

    fn terms(&self, terms: &[(String, bool)], request: &Request, depth: usize) -> Met {
        Met::all(terms.iter().map(|(name, negated)| {
            let met = self.named(name, request, depth);
            if *negated { met.not() } else { met }
        }))
    }

    fn named(&self, name: &str, request: &Request, depth: usize) -> Met {
        if depth > MAX_DEPTH {
            return Met::Maybe("access lists stand too deep inside each other".to_owned());
        }
        if let Some(acl) = self.acls.get(name) {
            let met = self.acl(name, acl, request, depth);
            return match (&acl.gap, met) {
                (Some(gap), Met::No) => Met::Maybe(gap.clone()),
                (_, met) => met,
            };
        }
        // What Squid defines itself.
        match name {
            "all" => Met::Yes,
            "manager" => Met::No,
            "CONNECT" => Met::of(request.connect),
            "localhost" => addresses(
                &request.sources,
                &["127.0.0.1/32".into(), "::1/128".into()],
                "the client's address",
            ),
            "to_localhost" => to_itself(
                &request.addresses,
                &[
                    "127.0.0.0/8".into(),
                    "0.0.0.0/32".into(),
                    "::1/128".into(),
                    "::/128".into(),
                ],
            ),
            "to_linklocal" => to_itself(
                &request.addresses,
                &["169.254.0.0/16".into(), "fe80::/10".into()],
            ),
            _ => Met::Maybe(format!("acl {name} is not in the file")),
        }
    }

    fn acl(&self, name: &str, acl: &Acl, request: &Request, depth: usize) -> Met {
        let values = || {
            acl.values
                .iter()
                .map(|(value, _)| value.clone())
                .collect::<Vec<String>>()
        };
        let words = || acl.values.iter().map(|(value, _)| value.as_str());
        match acl.kind.as_str() {
            "all-of" => {
                let terms: Vec<(String, bool)> = words().map(term).collect();
                self.terms(&terms, request, depth + 1)
            }
            "any-of" => Met::any(words().map(|word| self.terms(&[term(word)], request, depth + 1))),
            "src" => addresses(&request.sources, &values(), "the client's address"),
            "dst" => destination(&request.addresses, &values()),
            "dstdomain" => domain(acl, request),
            "dstdom_regex" => expressions(acl, request, &request.host, true),
            "ssl::server_name" | "ssl::server_name_regex" if request.step.is_none() => {
                Met::Maybe("the name in the TLS handshake is not known to http_access".to_owned())
            }
            "ssl::server_name" => domain(acl, request),
            "ssl::server_name_regex" => expressions(acl, request, &request.host, true),
            "url_regex" => {
                let url = if request.connect {
                    format!("{}:{}", request.host, request.port)
                } else if request.port == 80 {
                    format!("http://{}/", request.host)
                } else {
                    format!("http://{}:{}/", request.host, request.port)
                };
                let met = expressions(acl, request, &url, false);
                match met {
                    Met::No if !request.connect => Met::Maybe("the rest of the URL".to_owned()),
                    other => other,
                }
            }
            "urlpath_regex" if request.connect => Met::No,
            "urlpath_regex" => Met::Maybe("the rest of the URL".to_owned()),
            "port" => ports(words(), request.port),
            "method" => Met::of(words().any(|word| {
                word.eq_ignore_ascii_case(if request.connect { "CONNECT" } else { "GET" })
            })),
            "proto" if !request.connect => {
                Met::of(words().any(|word| word.eq_ignore_ascii_case("http")))
            }
            "at_step" => match request.step {
                Some(step) => Met::of(words().any(|word| word == format!("SslBump{step}"))),
                None => Met::No,
            },
            kind => Met::Maybe(format!(
                "acl {name} is of the type {kind}, which depends on more than a flow says"
            )),
        }
    }
}

fn term(word: &str) -> (String, bool) {
    match word.strip_prefix('!') {
        Some(name) => (name.to_owned(), true),
        None => (word.to_owned(), false),
    }
}

fn ports<'w>(words: impl Iterator<Item = &'w str>, port: u16) -> Met {
    Met::any(words.map(|word| match PortRange::parse(word) {
        Ok(range) => Met::of(range.contains(port)),
        Err(_) => Met::Maybe(format!("the port {word:?} is not understood")),
    }))
}

/// `.d` is the name and all below it, `d` the name alone.
fn domain(acl: &Acl, request: &Request) -> Met {
    let is_address = request.host.parse::<IpAddr>().is_ok();
    Met::any(acl.values.iter().map(|(value, flags)| {
        if covers(value, &request.host) {
            Met::Yes
        } else if is_address && !flags.no_lookup && value.parse::<IpAddr>().is_err() {
            Met::Maybe("the name that the name server gives for the address".to_owned())
        } else {
            Met::No
        }
    }))
}

pub(super) fn covers(pattern: &str, host: &str) -> bool {
    let pattern = pattern.trim_end_matches('.').to_ascii_lowercase();
    match pattern.strip_prefix('.') {
        Some(apex) => {
            host == apex
                || host
                    .strip_suffix(apex)
                    .is_some_and(|rest| rest.ends_with('.'))
        }
        None => host == pattern,
    }
}

fn expressions(acl: &Acl, request: &Request, text: &str, of_host: bool) -> Met {
    let is_address = of_host && request.host.parse::<IpAddr>().is_ok();
    Met::any(acl.values.iter().map(|(value, flags)| {
        let met = expression(value, *flags, text);
        match met {
            Met::No if request.is_sample && !is_about_ends(value) => {
                Met::Maybe(format!("the expression {value:?} may fit some names"))
            }
            Met::No if is_address && !flags.no_lookup => {
                Met::Maybe("the name that the name server gives for the address".to_owned())
            }
            other => other,
        }
    }))
}

/// Whether it looks only at how a name ends, so that a sample tells for all names.
fn is_about_ends(value: &str) -> bool {
    let body = value
        .trim_start_matches("(^|\\.)")
        .trim_start_matches("\\.");
    body.strip_suffix('$').is_some_and(|body| {
        body.replace("\\.", "")
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// An extended regular expression of POSIX, of which regex's are a superset as far as these go.
fn expression(value: &str, flags: Flags, text: &str) -> Met {
    let built = RegexBuilder::new(value)
        .unicode(false)
        .case_insensitive(flags.ignore_case)
        .size_limit(MAX_REGEX_BYTES)
        .build();
    match built {
        Ok(expression) => Met::of(expression.is_match(text.as_bytes())),
        Err(_) => Met::Maybe(format!("the expression {value:?} is not understood")),
    }
}

/// Addresses, networks with a length or a mask, ranges.
fn range(word: &str) -> Option<(bool, u128, u128)> {
    if word == "all" {
        return None;
    }
    if let Some((first, last)) = word.split_once('-')
        && let (Ok(first), Ok(last)) = (first.parse::<IpAddr>(), last.parse::<IpAddr>())
    {
        return Some((first.is_ipv4(), number(first), number(last)));
    }
    let network: IpNet = match word.split_once('/') {
        Some((address, mask)) if mask.contains('.') => {
            IpNet::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()?
        }
        Some(_) => word.parse().ok()?,
        None => IpNet::from(word.parse::<IpAddr>().ok()?),
    };
    Some((
        network.addr().is_ipv4(),
        number(network.network()),
        number(network.broadcast()),
    ))
}

/// Whether each of the networks lies in the ranges; in doubt where only some do, or none is known.
fn addresses(networks: &[IpNet], words: &[String], what: &str) -> Met {
    if words.iter().any(|word| {
        word == "all"
            || word == "0.0.0.0/0"
                && networks.iter().all(|net| net.addr().is_ipv4())
                && !networks.is_empty()
    }) {
        return Met::Yes;
    }
    let ranges: Vec<Option<(bool, u128, u128)>> = words.iter().map(|word| range(word)).collect();
    let maybe = || Met::Maybe(what.to_owned());
    if networks.is_empty() {
        return if words.is_empty() { Met::No } else { maybe() };
    }
    let mut inside = 0_usize;
    let mut outside = 0_usize;
    for network in networks {
        let (v4, first, last) = (
            network.addr().is_ipv4(),
            number(network.network()),
            number(network.broadcast()),
        );
        let known = ranges.iter().flatten().filter(|(family, ..)| *family == v4);
        let mut contained = false;
        let mut touched = false;
        for (_, start, end) in known {
            contained |= *start <= first && last <= *end;
            touched |= *start <= last && first <= *end;
        }
        if contained {
            inside += 1;
        } else if !touched {
            outside += 1;
        }
    }
    if inside == networks.len() {
        Met::Yes
    } else if outside == networks.len() && ranges.iter().all(Option::is_some) {
        Met::No
    } else {
        maybe()
    }
}

const ITSELF: [&str; 5] = [
    "127.0.0.0/8",
    "0.0.0.0/8",
    "::1/128",
    "::/128",
    "169.254.0.0/16",
];

fn destination(networks: &[IpNet], words: &[String]) -> Met {
    let own: Vec<(bool, u128, u128)> = ITSELF.iter().filter_map(|word| range(word)).collect();
    let is_own = |word: &String| {
        range(word).is_some_and(|(v4, first, last)| {
            own.iter()
                .any(|(family, start, end)| *family == v4 && *start <= first && last <= *end)
        })
    };
    if words.iter().all(is_own) {
        return to_itself(networks, words);
    }
    addresses(networks, words, "the addresses behind the name")
}

/// No name of a flow is taken to lead to the proxy itself, unless its addresses say so.
fn to_itself(networks: &[IpNet], words: &[String]) -> Met {
    if networks.is_empty() {
        return Met::No;
    }
    addresses(networks, words, "the addresses behind the name")
}
