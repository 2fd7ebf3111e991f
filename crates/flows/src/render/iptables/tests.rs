use super::*;
use crate::party::PartyId;
use crate::render::judged::{
    Attempt, endpoints_together_keep_what_each_has, in_networks, reports_are_true,
    texts_stay_in_their_place,
};
use crate::render::trial::{selected, site, small};

/// The lines that iptables-restore obeys.
fn bare(text: &str) -> Vec<String> {
    text.split('\n')
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How the kernel judges an attempt by the chain's rules: both families' files are loaded.
fn model(text: &str, attempt: &Attempt) -> bool {
    bare(text)
        .iter()
        .filter(|line| line.ends_with("-j ACCEPT"))
        .any(|line| accepts(line, attempt))
}

fn accepts(line: &str, attempt: &Attempt) -> bool {
    let mut words = line.split_whitespace();
    let v6 = match words.next().unwrap() {
        "-4" => false,
        "-6" => true,
        other => panic!("{other} in {line}"),
    };
    if attempt.dialer.contains(':') != v6 {
        return false;
    }
    let range = |text: &str| PortRange::parse(&text.replace(':', "-")).unwrap();
    while let Some(word) = words.next() {
        let operand = words.next().unwrap();
        let holds = match word {
            "-A" | "-m" => true,
            "--comment" | "-j" => return true,
            "-s" => in_networks([operand], &attempt.dialer),
            "-d" => in_networks([operand], &attempt.host),
            "-p" => operand == attempt.transport.as_str(),
            "--dport" => range(operand).contains(attempt.port),
            "--dports" => operand
                .split(',')
                .any(|one| range(one).contains(attempt.port)),
            _ => panic!("{word} in {line}"),
        };
        if !holds {
            return false;
        }
    }
    true
}

#[test]
fn what_the_report_says_is_true() {
    reports_are_true(Format::Iptables, model);
}

#[test]
fn several_endpoints_keep_what_each_has() {
    endpoints_together_keep_what_each_has(Format::Iptables, model);
}

#[test]
fn no_text_of_a_catalogue_becomes_a_rule() {
    texts_stay_in_their_place(Format::Iptables, bare);
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
        let rendered = Iptables.render(&selection, &options).unwrap();
        let text = String::from_utf8(rendered.bytes).unwrap();
        for line in bare(&text) {
            assert!(!line.contains("example"), "{line}");
        }
    }
}

#[test]
fn many_ports_become_rules_of_fifteen() {
    let ranges: Vec<PortRange> = (0..20)
        .map(|number| PortRange::new(number * 10 + 1, number * 10 + 3).unwrap())
        .collect();
    let lines = port_matches("dport", "tcp", &ranges);
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert!(line.matches(':').count() * 2 <= MAX_PORTS, "{line}");
    }
}

#[test]
fn names_of_chains_fit() {
    assert_eq!(chain_name("garrison"), "flows-garrison");
    for id in [
        "symantec-endpoint-protection",
        "symantec-web-security-service",
        "sangfor-endpoint-secure",
        "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s-t-u-v-w-x-y-z",
    ] {
        let name = chain_name(id);
        assert!(name.len() <= MAX_CHAIN && name.len() > 8, "{name}");
    }
}
