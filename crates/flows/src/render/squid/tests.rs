//! A model of Squid's matching, compared with the catalogue's. The real Squid is asked in
//! `tests/squid.rs`.

use proptest::prelude::*;
use regex::Regex;

use super::super::sample::{hosts, ports, selection, text};
use super::*;
use crate::host::Name;

struct Acl {
    name: String,
    kind: String,
    values: Vec<String>,
}

/// As Squid's documentation has it: lists of one name are one list; all lists of a rule must hit;
/// the first rule that hits decides.
struct Model {
    lists: Vec<Acl>,
    rules: Vec<Vec<String>>,
}

impl Model {
    fn read(text: &str, verb: &str) -> Self {
        let mut model = Self {
            lists: Vec::new(),
            rules: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            match words.first().map(String::as_str) {
                Some("acl") => model.lists.push(Acl {
                    name: words[1].clone(),
                    kind: words[2].clone(),
                    values: words[3..]
                        .iter()
                        .filter(|word| !word.starts_with('-'))
                        .cloned()
                        .collect(),
                }),
                Some(_) if words[..2].join(" ") == verb => model.rules.push(words[2..].to_vec()),
                Some(other) => panic!("{other} is not modelled: {line}"),
                None => {}
            }
        }
        model
    }

    fn permits(&self, host: &str, port: u16, connect: bool) -> bool {
        self.rules.iter().any(|rule| {
            rule.iter().all(|word| match word.as_str() {
                "CONNECT" => connect,
                "!CONNECT" => !connect,
                list => self
                    .lists
                    .iter()
                    .any(|acl| acl.name == list && acl.hits(host, port)),
            })
        })
    }
}

impl Acl {
    fn hits(&self, host: &str, port: u16) -> bool {
        let is_address = host.parse::<std::net::IpAddr>();
        self.values.iter().any(|value| match self.kind.as_str() {
            "dstdomain" | "ssl::server_name" => match value.strip_prefix('.') {
                Some(apex) => host == apex || host.ends_with(value.as_str()),
                None => host == value,
            },
            "dstdom_regex" | "ssl::server_name_regex" => Regex::new(value).unwrap().is_match(host),
            "port" => crate::endpoint::PortRange::parse(value)
                .unwrap()
                .contains(port),
            "dst" => is_address.as_ref().is_ok_and(|address| {
                value.parse::<ipnet::IpNet>().map_or_else(
                    |_| value.parse() == Ok(*address),
                    |network| network.contains(address),
                )
            }),
            other => panic!("the list type {other} is not modelled"),
        })
    }
}

/// Whether some flow wants it through a proxy.
fn wanted(host: &str, port: u16, connect: bool, splice: bool) -> bool {
    let selection = selection();
    selection.flows.iter().any(|selected| {
        let Ok(perimeter) = selected.perimeter() else {
            return false;
        };
        if beside_the_proxy(selected).is_some() {
            return false;
        }
        perimeter.passing.iter().any(|(_, endpoint)| {
            let crossing = Crossing { selected, endpoint };
            let method = match Gathered::method(crossing) {
                Method::Connect => connect,
                Method::Request => !connect,
                Method::Any => true,
            };
            method
                && not_for_a_proxy(crossing).is_none()
                && (!splice || not_to_splice(crossing).is_none())
                && endpoint.host.covers(host)
                && endpoint.ports.iter().any(|ports| ports.contains(port))
        })
    })
}

proptest! {
    #[test]
    fn squid_lets_through_what_the_flows_want_and_nothing_else(
        host in hosts(), port in ports(), connect: bool
    ) {
        let model = Model::read(&text(Format::SquidAllow), "http_access allow");
        prop_assert!(!model.rules.is_empty());
        prop_assert_eq!(
            model.permits(&host, port, connect),
            wanted(&host, port, connect, false),
            "{} {} {}", host, port, connect
        );
    }

    #[test]
    fn squid_leaves_closed_what_must_not_be_opened_and_nothing_else(
        host in hosts(), port in ports()
    ) {
        let text = text(Format::SquidBypass);
        let text: String = text
            .lines()
            .filter(|line| !line.contains("step1"))
            .map(|line| format!("{line}\n"))
            .collect();
        let model = Model::read(&text, "ssl_bump splice");
        prop_assert!(!model.rules.is_empty());
        prop_assert_eq!(
            model.permits(&host, port, true),
            wanted(&host, port, true, true),
            "{} {}", host, port
        );
    }
}

#[test]
fn names_of_lists_fit_into_squid() {
    let id = crate::id::FlowId::parse(&"a".repeat(60));
    let name: String = id.unwrap().as_str().chars().take(MAX_PREFIX).collect();
    assert!(format!("{name}_tls_999_addresses").len() < 64);
    assert!(Name::parse("example.com").is_ok());
}
