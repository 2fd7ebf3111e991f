use std::collections::BTreeMap;

use super::*;
use crate::render::judged::{
    Attempt, endpoints_together_keep_what_each_has, in_networks, reports_are_true,
    texts_stay_in_their_place,
};
use crate::render::trial::{selected, site, small};

/// The words of a command; what is in brackets is one operand of several.
fn words(line: &str) -> Vec<Vec<String>> {
    let mut words: Vec<Vec<String>> = Vec::new();
    let (mut word, mut quoted, mut bracket) = (None::<String>, false, None::<Vec<String>>);
    for sign in line.chars().chain([' ']) {
        match sign {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '?' => panic!("a question mark asks the command line for help: {line:?}"),
            ' ' if !quoted => match (word.take(), &mut bracket) {
                (None, _) => {}
                (Some(open), _) if open == "[" => bracket = Some(Vec::new()),
                (Some(close), _) if close == "]" => words.push(bracket.take().unwrap()),
                (Some(word), Some(members)) => members.push(word),
                (Some(word), None) => words.push(vec![word]),
            },
            sign => word.get_or_insert_default().push(sign),
        }
    }
    assert!(!quoted && bracket.is_none(), "{line:?} does not end");
    words
}

fn commands(text: &str) -> Vec<Vec<Vec<String>>> {
    text.split('\n')
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(words)
        .collect()
}

fn bare(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for comment in text.lines().filter(|line| line.starts_with('#')) {
        assert!(!comment.contains(['?', '"', '\\']), "{comment}");
    }
    for mut command in commands(text) {
        assert_eq!(command[0], ["set"]);
        if let Some(place) = command.iter().position(|word| word == &["description"]) {
            command.truncate(place);
        }
        all.push(format!("{command:?}"));
    }
    all
}

/// Whether a URL of that host is in a list, token by token; an entry without a slash at its end
/// covers whatever begins with it.
fn url_matches(entry: &str, host: &str) -> bool {
    let whole = entry.ends_with('/');
    let pattern: Vec<&str> = entry.trim_end_matches('/').split('.').collect();
    let tokens: Vec<&str> = host.split('.').collect();
    tokens_match(&pattern, &tokens, whole)
}

fn tokens_match(pattern: &[&str], tokens: &[&str], whole: bool) -> bool {
    match (pattern.split_first(), tokens.split_first()) {
        (None, None) => true,
        (None, Some(_)) => !whole,
        (Some(_), None) => false,
        (Some((&"*", pattern)), Some((_, tokens))) => {
            (0..=tokens.len()).any(|more| tokens_match(pattern, &tokens[more..], whole))
        }
        (Some((first, pattern)), Some((token, tokens))) => {
            (*first == "^" || first == token) && tokens_match(pattern, tokens, whole)
        }
    }
}

/// How PAN-OS judges an attempt by which HTTP or TLS is spoken, once it knows the host's name.
fn model(text: &str, attempt: &Attempt) -> bool {
    let commands = commands(text);
    let mut addresses = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut urls = BTreeMap::new();
    for command in &commands {
        let word = |place: usize| command[place][0].as_str();
        match (word(1), word(2)) {
            ("address", name) => drop(addresses.insert(name, (word(3), word(4)))),
            ("service", name) => drop(services.insert(name, (word(4), word(6)))),
            ("profiles", _) if word(4) == "list" => drop(urls.insert(word(3), &command[5])),
            _ => {}
        }
    }
    let covers = |members: &Vec<String>, host: &str| {
        members
            .iter()
            .any(|member| match addresses.get(member.as_str()) {
                Some(("fqdn", name)) => *name == host,
                Some((_, network)) => in_networks([*network], host),
                None => member == "any",
            })
    };
    commands
        .iter()
        .filter(|command| command[1] == ["rulebase"] && command[2] == ["security"])
        .any(|command| {
            let operand = |key: &str| {
                let place = command.iter().position(|word| word == &[key]).unwrap();
                &command[place + 1]
            };
            let transport = match services.get(operand("service")[0].as_str()) {
                Some((protocol, ports)) => {
                    *protocol == attempt.transport.as_str()
                        && ports
                            .split(',')
                            .any(|range| PortRange::parse(range).unwrap().contains(attempt.port))
                }
                None => {
                    operand("application")[0] == "ipsec-esp" && attempt.transport == Transport::Esp
                }
            };
            let category = &operand("category")[0];
            let category = category == "any"
                || urls[category.as_str()]
                    .iter()
                    .any(|entry| url_matches(entry, &attempt.host));
            transport
                && category
                && covers(operand("source"), &attempt.dialer)
                && covers(operand("destination"), &attempt.host)
        })
}

#[test]
fn what_the_report_says_is_true() {
    reports_are_true(Format::PanOs, model);
}

#[test]
fn several_endpoints_keep_what_each_has() {
    endpoints_together_keep_what_each_has(Format::PanOs, model);
}

#[test]
fn no_text_of_a_catalogue_becomes_a_command() {
    texts_stay_in_their_place(Format::PanOs, bare);
}

#[test]
fn entries_of_url_lists_cover_what_their_kind_covers() {
    let cases = [
        ("a.example/", [true, false, false, false]),
        ("^.a.example/", [false, true, false, false]),
        ("*.a.example/", [false, true, true, false]),
        // What the slash is for.
        ("a.example", [true, false, false, true]),
    ];
    let hosts = [
        "a.example",
        "b.a.example",
        "c.b.a.example",
        "a.example.evil",
    ];
    for (entry, expected) in cases {
        assert_eq!(
            hosts.map(|host| url_matches(entry, host)),
            expected,
            "{entry}"
        );
    }
}

#[test]
fn names_fit() {
    let catalogue = small();
    let rendered = PanOs
        .render(&selected(&catalogue, &site()), &Options::default())
        .unwrap();
    let text = String::from_utf8(rendered.bytes).unwrap();
    for command in commands(&text) {
        let (place, most) = match command[1][0].as_str() {
            "address" | "service" => (2, MAX_OBJECT),
            "profiles" => (3, MAX_CATEGORY),
            _ => (4, MAX_OBJECT),
        };
        assert!(command[place][0].len() <= most, "{command:?}");
    }
}
