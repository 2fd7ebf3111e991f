//! Which flows want a host and port: the answer to "may I close this?".

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::endpoint::{PortRange, Transport};
use crate::flow::Flow;
use crate::host::{Host, HostError, Name};
use crate::select::{Reason, ResolvedEndpoint, Selected, Selection};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub host: Target,
    /// `None`: any.
    pub port: Option<u16>,
    /// `None`: any.
    pub transport: Option<Transport>,
}

/// The host of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Name(Name),
    Address(IpAddr),
    Network(IpNet),
}

impl Target {
    /// Reads a name, an address or a network.
    ///
    /// # Errors
    /// When the text is none of them.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        Ok(match Host::parse(text)? {
            Host::Ip(address) => Self::Address(address),
            Host::Cidr(network) => Self::Network(network),
            Host::Exact(name)
            | Host::OneLabel(name)
            | Host::AnyDepth(name)
            | Host::ApexAndSubdomains(name) => Self::Name(name),
            Host::Unset(_) | Host::Unknown => {
                return Err(HostError::Address(text.chars().take(80).collect()));
            }
        })
    }

    /// How the host of an endpoint has to do with it.
    fn met_by(&self, host: &Host) -> Option<Met> {
        match (self, host) {
            (Self::Name(name), _) if host.covers_name(name) => Some(match host {
                Host::Exact(_) => Met::Named,
                Host::OneLabel(_)
                | Host::AnyDepth(_)
                | Host::ApexAndSubdomains(_)
                | Host::Ip(_)
                | Host::Cidr(_)
                | Host::Unset(_)
                | Host::Unknown => Met::Within,
            }),
            (Self::Address(address), Host::Ip(_)) if host.covers_address(*address) => {
                Some(Met::Named)
            }
            (Self::Address(address), Host::Cidr(_)) if host.covers_address(*address) => {
                Some(Met::Within)
            }
            (Self::Network(asked), Host::Cidr(own)) if own == asked => Some(Met::Named),
            (Self::Network(asked), Host::Cidr(own)) if own.contains(asked) => Some(Met::Within),
            (Self::Network(asked), Host::Cidr(own)) if asked.contains(own) => Some(Met::Part),
            (Self::Network(asked), Host::Ip(own)) if asked.contains(own) => Some(Met::Part),
            (Self::Name(_) | Self::Address(_) | Self::Network(_), _) => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// How an endpoint meets a query's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// It is this host.
    Named,
    /// This host is one of many that it covers.
    Within,
    /// It is a part of the network that was asked for.
    Part,
}

/// An endpoint of a flow that has to do with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'s, 'c> {
    pub flow: &'c Flow,
    pub endpoint: &'s ResolvedEndpoint,
    pub met: Met,
    pub fits: Fits,
    /// Why no rule at a perimeter is made of it.
    pub no_rule: Option<Reason>,
}

/// Whether an endpoint that meets the host wants the port and transport too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fits {
    Yes,
    /// The source doesn't say which port or transport it wants.
    Perhaps,
    /// It wants the host on another port or transport.
    No,
}

/// The endpoints of a selection that cover the query's host: those that want the port first,
/// then those that might, then those that want the host otherwise.
#[must_use]
pub fn matches<'s, 'c>(selection: &'s Selection<'c>, query: &Query) -> Vec<Match<'s, 'c>> {
    let mut found: Vec<Match<'s, 'c>> = selection
        .flows
        .iter()
        .flat_map(|selected| of_flow(selected, query))
        .collect();
    found.sort_by_key(|one| (one.fits, one.met));
    found
}

fn of_flow<'s, 'c>(selected: &'s Selected<'c>, query: &Query) -> Vec<Match<'s, 'c>> {
    let refused = selected.perimeter().err();
    let mut found = Vec::new();
    for endpoint in &selected.endpoints {
        let Some(met) = query.host.met_by(&endpoint.host) else {
            continue;
        };
        found.push(Match {
            flow: selected.flow,
            endpoint,
            met,
            fits: fits(endpoint, query),
            no_rule: refused.clone().or_else(|| endpoint.gap()),
        });
    }
    found
}

fn fits(endpoint: &ResolvedEndpoint, query: &Query) -> Fits {
    let transport = match (endpoint.transport, query.transport) {
        (_, None) => Fits::Yes,
        (Transport::Unknown, Some(_)) => Fits::Perhaps,
        (own, Some(asked)) if own == asked => Fits::Yes,
        (_, Some(_)) => Fits::No,
    };
    let port = match query.port {
        None => Fits::Yes,
        Some(_) if endpoint.ports.is_empty() => match endpoint.transport {
            Transport::Tcp | Transport::Udp | Transport::Unknown => Fits::Perhaps,
            Transport::Esp | Transport::Icmp => Fits::No,
        },
        Some(port) if in_ports(&endpoint.ports, port) => Fits::Yes,
        Some(_) => Fits::No,
    };
    transport.max(port)
}

fn in_ports(ports: &[PortRange], port: u16) -> bool {
    ports.iter().any(|range| range.contains(port))
}

impl Match<'_, '_> {
    /// Why the flow was found, in words.
    #[must_use]
    pub fn reason(&self, target: &Target) -> String {
        let host = &self.endpoint.host;
        let value = host.value();
        let place = match self.met {
            Met::Named => format!("{target} is the host"),
            Met::Part => format!("{value} is in {target}"),
            Met::Within => match host {
                Host::OneLabel(_) => format!("{target} is one label below {value}"),
                Host::AnyDepth(_) => format!("{target} is below {value}"),
                Host::ApexAndSubdomains(_) => format!("{target} is {value} or below it"),
                Host::Exact(_) | Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => {
                    format!("{target} is in {value}")
                }
            },
        };
        match self.fits {
            Fits::Yes => place,
            Fits::Perhaps => format!("{place}; the source does not say on which port"),
            Fits::No => format!("{place}, wanted otherwise"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::select::select;
    use crate::site::Site;

    const CATALOGUE: &str = r#"
id = "acme"
version = "1"
vendor = "Acme"
product = "Shield"
[[party]]
id = "client"
name = "client"
place = "site"
[[flow]]
id = "update"
purpose = "Updates."
from = ["client"]
to = "client"
direction = "outbound"
need = "required"
caveats = ["The page lost the ports of one host."]
endpoints = [
    { match = "any-depth", value = "example.com", transport = "tcp", ports = ["80", "8000-8010"] },
    { match = "exact", value = "a.example.com", transport = "tcp", ports = ["443"] },
    { match = "one-label", value = "example.com", transport = "tcp" },
]
[[flow]]
id = "tunnel"
purpose = "Tunnel."
from = ["client"]
to = "client"
direction = "unknown"
need = "required"
caveats = ["The page does not say who dials."]
endpoints = [
    { match = "cidr", value = "192.0.2.0/24", transport = "udp", ports = ["500"] },
    { match = "ip", value = "2001:db8::1", transport = "esp" },
]
"#;

    fn ask(host: &str, port: Option<u16>, transport: Option<Transport>) -> Vec<String> {
        let catalogue = Catalogue::parse(CATALOGUE).unwrap();
        let selection = select(&catalogue, &Site::default()).unwrap();
        let host = Target::parse(host).unwrap();
        let query = Query {
            host: host.clone(),
            port,
            transport,
        };
        matches(&selection, &query)
            .iter()
            .map(|one| format!("{} {:?}: {}", one.flow.id, one.fits, one.reason(&host)))
            .collect()
    }

    #[test]
    fn what_wants_the_port_comes_before_what_might_and_what_wants_another() {
        assert_eq!(
            ask("A.example.com", Some(443), Some(Transport::Tcp)),
            [
                "update Yes: a.example.com is the host",
                "update Perhaps: a.example.com is one label below example.com; the source does not say on which port",
                "update No: a.example.com is below example.com, wanted otherwise",
            ]
        );
        assert_eq!(
            ask("x.y.example.com", Some(8005), None),
            ["update Yes: x.y.example.com is below example.com"]
        );
        assert!(ask("example.com", Some(80), None).is_empty());
    }

    #[test]
    fn addresses_and_networks_are_found_either_way_round() {
        assert_eq!(
            ask("192.0.2.7", Some(500), Some(Transport::Udp)),
            ["tunnel Yes: 192.0.2.7 is in 192.0.2.0/24"]
        );
        assert_eq!(
            ask("192.0.0.0/16", None, None),
            ["tunnel Yes: 192.0.2.0/24 is in 192.0.0.0/16"]
        );
        assert_eq!(
            ask("2001:db8::1", Some(443), None),
            ["tunnel No: 2001:db8::1 is the host, wanted otherwise"]
        );
    }

    #[test]
    fn what_never_becomes_a_rule_says_so() {
        let catalogue = Catalogue::parse(CATALOGUE).unwrap();
        let selection = select(&catalogue, &Site::default()).unwrap();
        let query = Query {
            host: Target::parse("192.0.2.7").unwrap(),
            port: None,
            transport: None,
        };
        let found = matches(&selection, &query);
        assert_eq!(found[0].no_rule, Some(Reason::DirectionUnknown));
    }
}
