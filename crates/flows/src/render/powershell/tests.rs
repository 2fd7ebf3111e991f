use std::collections::BTreeMap;

use super::*;
use crate::render::judged::{
    Attempt, below, endpoints_together_keep_what_each_has, in_networks, reports_are_true,
    texts_stay_in_their_place,
};

/// A script as PowerShell's tokenizer reads it: commands of words, comments left out. A string
/// is one word that begins with `'`; any typographic quote ends it as well as its own.
fn commands(text: &str) -> Vec<Vec<String>> {
    let single = |sign: char| matches!(sign, '\'' | '‘' | '’' | '‚' | '‛');
    let mut commands = vec![Vec::new()];
    let mut signs = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\r' | '\n' => commands.push(Vec::new()),
            ' ' | ',' => {}
            '#' => while signs.next_if(|sign| !matches!(sign, '\r' | '\n')).is_some() {},
            _ if single(sign) => {
                let mut word = "'".to_owned();
                loop {
                    match signs.next().expect("a string ends") {
                        quote if single(quote) => {
                            if signs.next_if(|next| single(*next)).is_none() {
                                break;
                            }
                            word.push(quote);
                        }
                        other => word.push(other),
                    }
                }
                commands.last_mut().unwrap().push(word);
            }
            _ => {
                let mut word = sign.to_string();
                while let Some(more) =
                    signs.next_if(|sign| !matches!(sign, ' ' | ',' | '\r' | '\n') && !single(*sign))
                {
                    word.push(more);
                }
                commands.last_mut().unwrap().push(word);
            }
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// Commands without what is there for people.
fn bare(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for mut command in commands(text) {
        let mut hidden = false;
        for word in &mut command {
            if hidden {
                *word = "text".to_owned();
            }
            hidden = word == "-Description";
        }
        all.push(command.join(" "));
    }
    all
}

/// The operands of a command by parameter.
fn parameters(command: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut parameters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut last = "";
    for word in command.iter().take_while(|word| *word != "|") {
        match word.strip_prefix('\'') {
            Some(text) => parameters.entry(last).or_default().push(text),
            None if word.starts_with('-') => last = word,
            None => parameters.entry(last).or_default().push(word),
        }
    }
    parameters
}

/// How Windows judges an attempt from a host that has looked the name up.
fn model(text: &str, attempt: &Attempt) -> bool {
    let commands = commands(text);
    let mut keywords = BTreeMap::new();
    for command in &commands {
        let parameters = parameters(command);
        if command[0] == "New-NetFirewallDynamicKeywordAddress" {
            keywords.insert(parameters["-Id"][0], parameters["-Keyword"][0]);
        }
    }
    let named = |pattern: &str| match pattern.strip_prefix('*') {
        Some(suffix) => below(&attempt.host, suffix.trim_start_matches('.')),
        None => pattern == attempt.host,
    };
    commands
        .iter()
        .filter(|command| command[0] == "New-NetFirewallRule")
        .any(|command| {
            let parameters = parameters(command);
            let get = |name: &str| parameters.get(name);
            let protocol = match attempt.transport {
                Transport::Tcp => "TCP",
                Transport::Udp => "UDP",
                _ => "50",
            };
            let port = |range: &&str| PortRange::parse(range).unwrap().contains(attempt.port);
            parameters["-Direction"] == ["Outbound"]
                && parameters["-Protocol"] == [protocol]
                && get("-RemotePort").is_none_or(|ranges| ranges.iter().any(port))
                && get("-LocalAddress")
                    .is_none_or(|words| in_networks(words.iter().copied(), &attempt.dialer))
                && get("-RemoteAddress")
                    .is_none_or(|words| in_networks(words.iter().copied(), &attempt.host))
                && get("-RemoteDynamicKeywordAddresses")
                    .is_none_or(|ids| ids.iter().any(|id| named(keywords[id])))
        })
}

#[test]
fn what_the_report_says_is_true() {
    reports_are_true(Format::Powershell, model);
}

#[test]
fn several_endpoints_keep_what_each_has() {
    endpoints_together_keep_what_each_has(Format::Powershell, model);
}

#[test]
fn no_text_of_a_catalogue_becomes_a_command() {
    texts_stay_in_their_place(Format::Powershell, bare);
}

#[test]
fn a_string_holds_no_quote_of_any_kind_and_no_other_letters() {
    assert_eq!(quoted("it's ‘so’\nbé"), "'it''s _so_ b_'");
}
