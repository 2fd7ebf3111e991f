//! The PowerShell rendering, as tree-sitter's grammar of the language reads it. No Windows runs it.

use std::collections::BTreeSet;

use flows::{Format, Host, Options, Site, Transport};
use serde_json::Value;

use crate::reader::{python, read};
use crate::{sample, selection, site, text};

/// Prints whether the text is of the language, and its commands with their words.
const READ: &str = r#"
import json, sys
from tree_sitter import Language, Parser
import tree_sitter_powershell
text = sys.stdin.buffer.read()
root = Parser(Language(tree_sitter_powershell.language())).parse(text).root_node
def said(node):
    return text[node.start_byte:node.end_byte].decode()
commands, stack = [], [root]
while stack:
    node = stack.pop()
    stack.extend(reversed(node.children))
    if node.type == "command":
        names = [said(one) for one in node.children if one.type == "command_name"]
        words = [said(word) for one in node.children if one.type == "command_elements"
                 for word in one.children if word.type != "command_argument_sep"]
        commands.append({"name": names[0] if names else "", "words": words})
json.dump({"wrong": root.has_error, "commands": commands}, sys.stdout)
"#;

/// The words that follow a parameter of commands of that name.
fn values(read: &Value, command: &str, parameter: &str) -> Vec<String> {
    let mut found = Vec::new();
    for one in read["commands"].as_array().unwrap() {
        if one["name"] != command {
            continue;
        }
        let words: Vec<&str> = one["words"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut pairs = words.windows(2);
        if let Some([_, value]) = pairs.find(|pair| pair.first() == Some(&parameter)) {
            found.push(value.trim_matches('\'').to_owned());
        }
    }
    found
}

/// Whether a keyword is the name, or a wildcard above it.
fn covers(keywords: &BTreeSet<String>, name: &str) -> bool {
    keywords.iter().any(|keyword| {
        keyword == name
            || keyword
                .strip_prefix('*')
                .is_some_and(|above| name.ends_with(above))
    })
}

#[test]
fn a_parser_of_powershell_finds_the_known_commands_and_every_name() {
    let Some(python) = python("tree_sitter_powershell") else {
        return skip::skip(
            "a_parser_of_powershell_finds_the_known_commands_and_every_name",
            "tree-sitter-powershell is not there; scripts/python-tools installs it",
        );
    };
    let known = BTreeSet::from([
        "Get-NetFirewallDynamicKeywordAddress",
        "Get-NetFirewallRule",
        "New-NetFirewallDynamicKeywordAddress",
        "New-NetFirewallRule",
        "Out-Null",
        "Remove-NetFirewallDynamicKeywordAddress",
        "Remove-NetFirewallRule",
    ]);
    let mut sample = sample();
    for flow in &mut sample.flows {
        flow.purpose = flows::Text::english(
            "a 'b' ’c’ \"d\" $(Remove-Item C:\\) `\n; Stop-Computer #>\n\u{2019}; Stop-Computer",
        );
    }
    for catalogue in crate::catalogues(&sample) {
        let site = if catalogue.id.as_str() == "sample" {
            site()
        } else {
            Site::default()
        };
        let selection = selection(catalogue, &site);
        let script = text(&selection, Format::Powershell, &Options::default());
        let read = read(&python, READ, &script);
        assert_eq!(read["wrong"], false, "{}\n{script}", catalogue.id);
        for one in read["commands"].as_array().unwrap() {
            let name = one["name"].as_str().unwrap();
            assert!(known.contains(name), "{}: {name:?}", catalogue.id);
        }
        let lines = |begin: &str| {
            script
                .lines()
                .filter(|line| line.starts_with(begin))
                .count()
        };
        let rules = values(&read, "New-NetFirewallRule", "-Action");
        assert_eq!(
            rules.len(),
            lines("New-NetFirewallRule "),
            "{}",
            catalogue.id
        );
        assert!(rules.iter().all(|action| action == "Allow"), "{rules:?}");
        let names: BTreeSet<String> =
            values(&read, "New-NetFirewallDynamicKeywordAddress", "-Keyword")
                .into_iter()
                .collect();
        for selected in &selection.flows {
            let Ok(perimeter) = selected.perimeter() else {
                continue;
            };
            for (_, endpoint) in perimeter.passing {
                if let (Host::Exact(name), Transport::Tcp) = (&endpoint.host, endpoint.transport) {
                    assert!(
                        covers(&names, &name.to_string()),
                        "{}: {name}",
                        catalogue.id
                    );
                }
            }
        }
    }
}
