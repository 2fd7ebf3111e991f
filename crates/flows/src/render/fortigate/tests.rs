use std::collections::BTreeMap;

use super::*;
use crate::render::judged::{
    Attempt, below, endpoints_together_keep_what_each_has, in_networks, reports_are_true,
    texts_stay_in_their_place,
};
use crate::render::trial::{selected, site, small};

/// The words of a line as FortiOS reads it: `"` opens and closes, a backslash takes the next
/// sign as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut any) = (false, false);
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => (quoted, any) = (!quoted, true),
            '\\' => word.push(signs.next().expect("a sign behind the backslash")),
            '?' => panic!("a question mark asks the command line for help: {line:?}"),
            sign if sign.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            sign => word.push(sign),
        }
    }
    assert!(!quoted, "a string does not end on its line: {line:?}");
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

type Settings = BTreeMap<String, Vec<String>>;

/// The settings of every entry of every table; tables nest, and all that is opened is closed.
fn entries(text: &str) -> Vec<(String, String, Settings)> {
    let mut entries = Vec::new();
    let mut open: Vec<(String, Option<(String, Settings)>)> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let mut words = words(line).into_iter();
        match words.next().unwrap().as_str() {
            "config" => open.push((words.collect::<Vec<_>>().join(" "), None)),
            "edit" => open.last_mut().unwrap().1 = Some((words.next().unwrap(), BTreeMap::new())),
            "set" => {
                let key = words.next().unwrap();
                let (_, entry) = open.last_mut().unwrap();
                entry.as_mut().unwrap().1.insert(key, words.collect());
            }
            "next" => {
                let (table, entry) = open.last_mut().unwrap();
                let (name, settings) = entry.take().unwrap();
                entries.push((table.clone(), name, settings));
            }
            "end" => assert!(open.pop().unwrap().1.is_none()),
            other => panic!("{other:?} in {line:?}"),
        }
    }
    assert!(open.is_empty());
    entries
}

fn bare(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for comment in text.lines().filter(|line| line.starts_with('#')) {
        assert!(!comment.contains(['?', '"', '\\']), "{comment}");
    }
    for (table, name, mut settings) in entries(text) {
        settings.remove("comments");
        all.push(format!("{table} {name} {settings:?}"));
    }
    all
}

/// How FortiGate judges an attempt, once DNS answers for the name have passed through it.
fn model(text: &str, attempt: &Attempt) -> bool {
    let entries = entries(text);
    let find = |table: &str, name: &str| {
        entries
            .iter()
            .find(|entry| entry.0 == table && entry.1 == name)
            .map(|entry| &entry.2)
            .unwrap()
    };
    let covers = |table: &str, name: &str, host: &str| {
        if name == "all" {
            return host.parse::<std::net::IpAddr>().is_err()
                || (table == "firewall address") != host.contains(':');
        }
        let address = find(table, name);
        if let Some(subnet) = address.get("subnet") {
            let mask: std::net::Ipv4Addr = subnet[1].parse().unwrap();
            let length = u32::from(mask).count_ones();
            return in_networks([format!("{}/{length}", subnet[0]).as_str()], host);
        }
        if let Some(network) = address.get("ip6") {
            return in_networks([network[0].as_str()], host);
        }
        match address["fqdn"][0].strip_prefix("*.") {
            Some(suffix) => below(host, suffix),
            None => address["fqdn"][0] == host,
        }
    };
    entries
        .iter()
        .filter(|entry| entry.0 == "firewall policy")
        .any(|(_, _, policy)| {
            let (table, suffix) = if policy.contains_key("dstaddr6") {
                ("firewall address6", "6")
            } else {
                ("firewall address", "")
            };
            let any = |key: &str, host: &str| {
                policy[&format!("{key}{suffix}")]
                    .iter()
                    .any(|name| covers(table, name, host))
            };
            let service = find("firewall service custom", &policy["service"][0]);
            let port = |range: &String| PortRange::parse(range).unwrap().contains(attempt.port);
            let transport = match attempt.transport {
                Transport::Tcp => service
                    .get("tcp-portrange")
                    .is_some_and(|all| all.iter().any(port)),
                Transport::Udp => service
                    .get("udp-portrange")
                    .is_some_and(|all| all.iter().any(port)),
                _ => service
                    .get("protocol-number")
                    .is_some_and(|number| number[0] == "50"),
            };
            transport && any("srcaddr", &attempt.dialer) && any("dstaddr", &attempt.host)
        })
}

#[test]
fn what_the_report_says_is_true() {
    reports_are_true(Format::Fortigate, model);
}

#[test]
fn several_endpoints_keep_what_each_has() {
    endpoints_together_keep_what_each_has(Format::Fortigate, model);
}

#[test]
fn no_text_of_a_catalogue_becomes_a_setting() {
    texts_stay_in_their_place(Format::Fortigate, bare);
}

#[test]
fn names_fit_and_are_apart_and_what_must_stay_closed_is_exempted() {
    let catalogue = small();
    let rendered = Fortigate
        .render(&selected(&catalogue, &site()), &Options::default())
        .unwrap();
    let text = String::from_utf8(rendered.bytes).unwrap();
    let mut names = BTreeSet::new();
    let mut exempted = Vec::new();
    for (table, name, settings) in entries(&text) {
        assert!(name.len() <= MAX_OBJECT, "{name}");
        if table == "firewall policy" {
            let name = &settings["name"][0];
            assert!(
                name.len() <= MAX_POLICY && names.insert(name.clone()),
                "{name}"
            );
        }
        if table == "firewall wildcard-fqdn custom" {
            exempted.push(settings["wildcard-fqdn"][0].clone());
        }
    }
    // Not the wildcard that permits the second one, too: it may be inspected.
    assert_eq!(exempted, ["*.rep.example.com", "a.cdn.example.net"]);
}
