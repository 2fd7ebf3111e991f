use super::*;
use crate::party::PartyId;
use crate::render::judged::{
    Attempt, endpoints_together_keep_what_each_has, in_networks, reports_are_true,
    texts_stay_in_their_place,
};
use crate::render::trial::{selected, site, small};

/// The lines that nft obeys.
fn bare(text: &str) -> Vec<String> {
    text.split('\n')
        .map(|line| line.trim_start().to_owned())
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect()
}

/// How the kernel judges an attempt by the chain's rules; sets that are declared empty hold
/// nothing, and a name is nothing that it knows.
fn model(text: &str, attempt: &Attempt) -> bool {
    bare(text)
        .iter()
        .filter_map(|line| line.split_once("counter accept"))
        .any(|(matches, _)| accepts(matches, attempt))
}

fn accepts(matches: &str, attempt: &Attempt) -> bool {
    let mut words = matches.split_whitespace();
    while let Some(word) = words.next() {
        let key = words.next().unwrap();
        let mut operand = vec![words.next().unwrap().trim_end_matches(',')];
        if operand == ["{"] {
            operand = words
                .by_ref()
                .take_while(|word| *word != "}")
                .map(|word| word.trim_end_matches(','))
                .collect();
        }
        let protocol = attempt.transport.as_str();
        let holds = match (word, key) {
            ("ip", "saddr") | ("ip6", "saddr") => in_networks(operand, &attempt.dialer),
            ("ip", "daddr") | ("ip6", "daddr") => in_networks(operand, &attempt.host),
            ("tcp" | "udp", "dport") => {
                word == protocol
                    && operand
                        .iter()
                        .any(|range| PortRange::parse(range).unwrap().contains(attempt.port))
            }
            ("meta", "l4proto") => operand.contains(&protocol),
            _ => panic!("{word} {key} in {matches:?}"),
        };
        if !holds {
            return false;
        }
    }
    true
}

#[test]
fn what_the_report_says_is_true() {
    reports_are_true(Format::Nftables, model);
}

#[test]
fn several_endpoints_keep_what_each_has() {
    endpoints_together_keep_what_each_has(Format::Nftables, model);
}

#[test]
fn no_text_of_a_catalogue_becomes_a_rule() {
    texts_stay_in_their_place(Format::Nftables, bare);
}

#[test]
fn no_name_is_left_to_be_looked_up() {
    let catalogue = small();
    let selection = selected(&catalogue, &site());
    for role in [None, Some("manager"), Some("client")] {
        let options = Options {
            role: role.map(|role| PartyId::parse(role).unwrap()),
            ..Options::default()
        };
        let rendered = Nftables.render(&selection, &options).unwrap();
        let text = String::from_utf8(rendered.bytes).unwrap();
        for line in bare(&text) {
            assert!(!line.contains("example"), "{line}");
        }
    }
}

#[test]
fn given_addresses_stand_for_a_name() {
    let catalogue = small();
    let mut options = Options::default();
    options.addresses.insert(
        "update.example.com".to_owned(),
        vec!["192.0.2.80/32".parse().unwrap()],
    );
    let rendered = Nftables
        .render(&selected(&catalogue, &site()), &options)
        .unwrap();
    let text = String::from_utf8(rendered.bytes).unwrap();
    assert!(text.contains("elements = { 192.0.2.80 }"), "{text}");
    let entry = rendered
        .report
        .iter()
        .find(|entry| entry.flow.as_str() == "updates" && entry.endpoint == 0)
        .unwrap();
    assert_eq!(entry.how.as_str(), "widened");
}
