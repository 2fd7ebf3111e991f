//! Every host, port and line of the documents is accounted for, both ways.

use std::collections::BTreeSet;

use flows::import::page;
use flows::{Endpoint, Fact, Flow, MatchKind, PortRange, Source};

use crate::texts::{Document, documents};

/// Hosts and ports that a document mentions and that are nobody's flow: source, line, what, why.
const NO_FLOW: &[(&str, usize, &str, &str)] = &[
    (
        "sangfor-addresses",
        27,
        "www.sangfor.com",
        "where people ask for support",
    ),
    (
        "sangfor-addresses",
        27,
        "www.sangfor.com 443",
        "where people ask for support",
    ),
];

/// Lines of a document that no row cites, from and to: what they are.
const NO_ROW: &[(&str, usize, usize, &str)] = &[
    ("sep-urls-en", 1, 1, "leads in"),
    ("sep-urls-fr", 1, 4, "title, what the list is for"),
    (
        "sep-urls-fr",
        6,
        6,
        "proxy and firewall have to be opened both",
    ),
    ("sep-urls-fr", 11, 14, "headings of the first table"),
    ("sep-urls-fr", 154, 154, "leads in what breaks"),
    (
        "sep-urls-fr",
        162,
        162,
        "points to a test of the connection",
    ),
    ("sep-ports-fr", 1, 1, "title"),
    (
        "sep-ports-fr",
        8,
        15,
        "the client's own firewall: a note of the source",
    ),
    ("sep-ports-fr", 16, 21, "headings of the table"),
    (
        "sep-ports-fr",
        213,
        213,
        "points to the documents of Windows",
    ),
    ("wss-locations", 1, 1, "title"),
    ("wss-locations", 7, 7, "heading"),
    ("sangfor-addresses", 3, 11, "title, version and date"),
    ("sangfor-addresses", 15, 23, "rights and disclaimer"),
    ("sangfor-addresses", 25, 29, "where people ask for support"),
    (
        "sangfor-addresses",
        31,
        48,
        "about the document and its signs",
    ),
    (
        "sangfor-addresses",
        50,
        53,
        "what changed: the first release",
    ),
    ("sangfor-addresses", 55, 61, "contents"),
    ("sangfor-addresses", 63, 63, "heading"),
    ("sangfor-addresses", 90, 90, "heading"),
    ("sangfor-addresses", 94, 94, "headings of the table"),
    ("sangfor-addresses", 110, 110, "heading"),
];

fn cites(fact: &Fact, source: &Source, line: usize) -> bool {
    let line = u32::try_from(line).unwrap();
    let ranges = fact.line_ranges().unwrap();
    fact.source == source.id
        && ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&line))
}

/// The flows that cite the line.
fn citing(document: &Document, line: usize) -> impl Iterator<Item = &Flow> {
    let cited = move |flow: &&Flow| {
        let mut facts = flow.facts.iter();
        facts.any(|fact| cites(fact, document.source, line))
    };
    document.catalogue.flows.iter().filter(cited)
}

fn has_host(endpoint: &Endpoint, host: &str) -> bool {
    let by_value = match endpoint.kind {
        MatchKind::Variable | MatchKind::Unknown => false,
        MatchKind::Exact
        | MatchKind::OneLabel
        | MatchKind::AnyDepth
        | MatchKind::ApexAndSubdomains
        | MatchKind::Ip
        | MatchKind::Cidr => true,
    };
    by_value && endpoint.value == host
}

fn excused(document: &Document, line: usize, what: &str) -> bool {
    let source = document.source.id.as_str();
    NO_FLOW
        .iter()
        .any(|(id, at, word, _)| (*id, *at, *word) == (source, line, what))
}

#[test]
fn every_host_and_port_of_the_documents_is_in_a_row_that_cites_its_line() {
    let Some(documents) =
        documents("every_host_and_port_of_the_documents_is_in_a_row_that_cites_its_line")
    else {
        return;
    };
    let mut missing = Vec::new();
    let mut used = BTreeSet::new();
    let (mut hosts, mut pairs) = (BTreeSet::new(), 0);
    for document in &documents {
        let page = page::read(&document.text).unwrap();
        let mut check = |line: usize, what: String, has: &dyn Fn(&Endpoint) -> bool| {
            if excused(document, line, &what) {
                used.insert((document.source.id.to_string(), line, what));
            } else if !citing(document, line).any(|flow| flow.endpoints.iter().any(has)) {
                missing.push(format!("{} line {line}: {what}", document.source.id));
            }
        };
        for mention in &page.hosts {
            let host = mention.host.value();
            check(mention.line, host.clone(), &|own| {
                has_host(own, &host)
                    && mention
                        .path
                        .as_ref()
                        .is_none_or(|path| path == "/" || own.path.as_ref() == Some(path))
            });
            hosts.insert(host);
        }
        for port in &page.ports {
            check(port.line, port.ports.to_string(), &|own| {
                own.ports.contains(&port.ports)
            });
        }
        for pair in &page.pairs {
            let host = pair.host.value();
            check(pair.line, format!("{host} {}", pair.ports), &|own| {
                has_host(own, &host) && own.ports.contains(&pair.ports)
            });
        }
        pairs += page.pairs.len();
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(
        used.len(),
        NO_FLOW.len(),
        "an excuse without a mention: {used:?}"
    );
    println!("{} hosts, {pairs} pairs of host and port", hosts.len());
}

/// Lines of the source that speak for where the flow goes.
fn cited_text(document: &Document, flow: &Flow) -> String {
    let speaks = |line: usize| {
        flow.facts.iter().any(|fact| {
            let about = fact.about.is_empty() || fact.about.iter().any(|key| key == "endpoints");
            about && cites(fact, document.source, line)
        })
    };
    let lines = document.lines().filter(|(line, _)| speaks(*line));
    lines.map(|(_, line)| format!("{line}\n")).collect()
}

fn names_port(text: &str, port: PortRange) -> bool {
    let digits = |letter: char| letter.is_ascii_digit() || letter == '-';
    text.split(|letter| !digits(letter))
        .any(|word| word == port.to_string())
}

#[test]
fn every_host_and_port_of_the_rows_stands_in_the_lines_that_they_cite() {
    let Some(documents) =
        documents("every_host_and_port_of_the_rows_stands_in_the_lines_that_they_cite")
    else {
        return;
    };
    let mut made_up = Vec::new();
    let mut checked = 0;
    let mut catalogues: Vec<&str> = documents
        .iter()
        .map(|one| one.catalogue.id.as_str())
        .collect();
    catalogues.dedup();
    for id in catalogues {
        let own = || {
            documents
                .iter()
                .filter(|one| one.catalogue.id.as_str() == id)
        };
        for flow in own().next().unwrap().catalogue.flows.iter() {
            let cited: Vec<String> = own().map(|document| cited_text(document, flow)).collect();
            for endpoint in &flow.endpoints {
                let by_name = has_host(endpoint, &endpoint.value);
                if by_name && !cited.iter().any(|text| text.contains(&endpoint.value)) {
                    made_up.push(format!("{id}: {}: {}", flow.id, endpoint.value));
                }
                if let Some(path) = &endpoint.path
                    && !cited.iter().any(|text| text.contains(path.as_str()))
                {
                    made_up.push(format!("{id}: {}: {path}", flow.id));
                }
                for port in &endpoint.ports {
                    checked += 1;
                    if !cited.iter().any(|text| names_port(text, *port)) {
                        made_up.push(format!("{id}: {}: {port}", flow.id));
                    }
                }
            }
        }
    }
    assert!(made_up.is_empty(), "{made_up:#?}");
    assert!(checked > 150, "{checked} ports were looked up");
}

#[test]
fn every_line_of_the_documents_is_cited_or_no_row() {
    let Some(documents) = documents("every_line_of_the_documents_is_cited_or_no_row") else {
        return;
    };
    let mut left = Vec::new();
    for document in &documents {
        let source = document.source.id.as_str();
        for (number, line) in document.lines() {
            let no_row = NO_ROW
                .iter()
                .any(|(id, first, last, _)| *id == source && (*first..=*last).contains(&number));
            let cited = citing(document, number).next().is_some();
            let empty = !line.chars().any(char::is_alphanumeric);
            if !no_row && !cited && !empty {
                left.push(format!("{source} {number}: {line}"));
            }
            assert!(
                !(no_row && cited),
                "{source} {number} is cited and said to be no row"
            );
        }
        for flow in &document.catalogue.flows {
            for fact in flow
                .facts
                .iter()
                .filter(|fact| fact.source == document.source.id)
            {
                let last = fact.line_ranges().unwrap().last().unwrap().1 as usize;
                assert!(last <= document.lines().count(), "{}: line {last}", flow.id);
            }
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn the_processes_of_the_documents_are_those_of_the_rows() {
    let Some(documents) = documents("the_processes_of_the_documents_are_those_of_the_rows") else {
        return;
    };
    let apart = |letter: char| !letter.is_ascii_alphanumeric() && letter != '.';
    let mentioned: BTreeSet<&str> = documents
        .iter()
        .flat_map(|document| document.text.split(apart))
        .filter(|word| word.ends_with(".exe") || *word == "launchd")
        .collect();
    let flows = documents
        .iter()
        .flat_map(|document| &document.catalogue.flows);
    let own: BTreeSet<&str> = flows
        .flat_map(|flow| flow.initiators.iter().chain(&flow.listeners))
        .map(|process| process.name.as_str())
        .filter(|name| *name != "AjaxSwing")
        .collect();
    assert_eq!(mentioned, own);
}
