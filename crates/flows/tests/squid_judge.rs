//! What the audit says of a Squid configuration is what squid does with it: random configurations
//! are loaded, and requests sent through them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "audit/asked.rs"]
mod asked;
#[path = "audit/peer.rs"]
mod peer;
#[path = "audit/random.rs"]
mod random;

use std::process::{Command, Stdio};

use flows::audit::{AuditOptions, Verdict};

use asked::{Asked, verdicts_from};
use peer::Peer;
use random::Random;

const CLIENT: &str = "127.0.0.1";
const HOSTS: [&str; 8] = [
    "example.com",
    "a.example.com",
    "b.a.example.com",
    "update.example.net",
    "cdn.update.example.net",
    "badexample.com",
    "rep.example.org",
    "x1.example.org",
];
const PORTS: [&str; 4] = ["443", "80", "8443", "21"];
const WILDCARDS: [&str; 3] = ["*.example.com", "*.example.net", "*.example.org"];

const DOMAINS: &[&str] = &[
    ".example.com",
    "example.com",
    "a.example.com",
    ".a.example.com",
    ".example.net",
    "update.example.net",
    ".example.org rep.example.com",
    "x1.example.org",
    "badexample.com",
    ".com",
];
const EXPRESSIONS: &[&str] = &[
    "-i \\.EXAMPLE\\.com$",
    "^a\\.",
    "(^|\\.)example\\.net$",
    "^x[0-9]+\\.",
    "example",
    "\\.org$",
];

fn configuration(random: &mut Random) -> String {
    let mut text = String::from("# a site's proxy\n");
    let mut names = vec![
        "all".to_owned(),
        "localhost".to_owned(),
        "to_localhost".to_owned(),
        "CONNECT".to_owned(),
    ];
    for number in 0..2 + random.below(5) {
        let name = format!("list{number}");
        let body = match random.below(9) {
            0 | 1 => format!("dstdomain {}", random.one(DOMAINS)),
            2 => format!("dstdom_regex {}", random.one(EXPRESSIONS)),
            3 => format!(
                "port {}",
                random.one(&["443", "80 8443", "1-1023", "1025-65535", "21 # ftp"])
            ),
            4 => format!(
                "method {}",
                random.one(&["CONNECT", "GET POST", "CONNECT GET"])
            ),
            5 => format!(
                "src {}",
                random.one(&[
                    "127.0.0.0/8",
                    "127.0.0.1",
                    "192.0.2.0/255.255.255.0",
                    "127.0.0.1-127.0.0.9"
                ])
            ),
            6 => format!(
                "url_regex {}",
                random.one(&["-i example\\.com", ":443$", "^http://", "^http://a\\."])
            ),
            7 => format!("proto {}", random.one(&["HTTP", "FTP"])),
            _ => format!(
                "any-of {} {}",
                names[random.below(names.len())],
                names[random.below(names.len())]
            ),
        };
        text.push_str(&format!("acl {name} {body}\n"));
        names.push(name);
    }
    for _ in 0..1 + random.below(5) {
        let mut line = format!("http_access {}", random.one(&["allow", "deny"]));
        for _ in 0..1 + random.below(2) {
            let not = if random.chance(30) { "!" } else { "" };
            line.push_str(&format!(" {not}{}", names[random.below(names.len())]));
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The lines to add stand above the first rule, as they say.
fn mended(text: &str, lines: &[String]) -> String {
    let at = text.find("http_access").unwrap();
    let (before, after) = text.split_at(at);
    format!("{before}{}\n{after}", lines.join("\n"))
}

#[test]
fn what_is_said_to_be_denied_is_denied_by_squid_and_what_is_permitted_passes() {
    let name = "what_is_said_to_be_denied_is_denied_by_squid_and_what_is_permitted_passes";
    if !peer::has_programs(name, &["squid", "python3"]) {
        return;
    }
    let apart = Command::new("unshare")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut command = if apart {
        Command::new("unshare")
    } else {
        Command::new("python3")
    };
    if apart {
        command.args(["-n", "python3"]);
    }
    command.arg(peer::file("proxy.py"));
    if apart {
        command.arg("apart");
    }
    let mut squid = Peer::start(&mut command);

    let mut options = AuditOptions::default();
    for host in HOSTS {
        options
            .addresses
            .insert(host.to_owned(), vec!["127.0.0.1/32".parse().unwrap()]);
    }
    for wildcard in WILDCARDS {
        options
            .addresses
            .insert(wildcard.to_owned(), vec!["127.0.0.1/32".parse().unwrap()]);
    }
    let concrete: Vec<Asked> = HOSTS
        .iter()
        .flat_map(|host| PORTS.iter().map(|port| Asked::new("tcp", host, port)))
        .collect();
    let wild: Vec<Asked> = WILDCARDS
        .iter()
        .flat_map(|host| PORTS.iter().map(|port| Asked::new("tcp", host, port)))
        .collect();
    let all: Vec<Asked> = concrete.iter().chain(&wild).cloned().collect();
    let questions: Vec<(&str, u16, bool)> = concrete
        .iter()
        .map(|asked| {
            (
                asked.host.as_str(),
                asked.port.parse().unwrap(),
                !asked.is_plain(),
            )
        })
        .collect();
    let mut ask = |config: &str| -> Vec<bool> {
        let answer = squid.ask(&serde_json::json!({ "config": config, "ask": questions }));
        let answer: serde_json::Value =
            serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer:?}"));
        let status = answer["status"]
            .as_array()
            .unwrap_or_else(|| panic!("squid refuses:\n{config}\n{answer}"));
        status.iter().map(|status| status != 403).collect()
    };

    let mut random = Random::seeded("squid");
    let mut counts = [0_usize; 4];
    // A configuration is judged as a whole or not: over a dozen, chance reaches the bound on what is
    // not judged (one request in twelve is not), over thirty it does not.
    let rounds = if std::env::var_os("GARRISON_SOAK").is_some() {
        100
    } else {
        30
    };
    for _ in 0..rounds {
        let text = configuration(&mut random);
        let passed = ask(&text);
        let said = verdicts_from(CLIENT, text.as_bytes(), &all, &options);
        for (place, (asked, verdict)) in all.iter().zip(&said.verdicts).enumerate() {
            counts[*verdict as usize] += 1;
            // A wildcard stands for each of the names that it covers.
            let meant: Vec<bool> = match passed.get(place) {
                Some(passed) => vec![*passed],
                None => concrete
                    .iter()
                    .zip(&passed)
                    .filter(|(one, _)| {
                        one.port == asked.port && one.host.ends_with(&asked.host[1..])
                    })
                    .map(|(_, passed)| *passed)
                    .collect(),
            };
            let holds = match verdict {
                Verdict::Permitted => meant.iter().all(|passed| *passed),
                Verdict::Blocked => meant.iter().all(|passed| !passed),
                Verdict::Partly => place >= concrete.len(),
                Verdict::Unknown => true,
            };
            assert!(
                holds,
                "{asked:?} is said to be {verdict:?}, passed: {meant:?}\n{text}\n{}",
                said.text
            );
        }
        if said.lines.is_empty() {
            continue;
        }
        let mended = mended(&text, &said.unsorted);
        let passed = ask(&mended);
        let after = verdicts_from(CLIENT, mended.as_bytes(), &all, &options);
        for ((asked, (before, after)), passed) in all
            .iter()
            .zip(said.verdicts.iter().zip(&after.verdicts))
            .zip(&passed)
        {
            let holds = *before != Verdict::Blocked || (*after == Verdict::Permitted && *passed);
            assert!(
                holds,
                "{asked:?} stays {after:?}, passed: {passed}\n{mended}"
            );
        }
    }
    let [permitted, partly, blocked, unknown] = counts;
    println!("permitted {permitted}, partly {partly}, blocked {blocked}, not judged {unknown}");
    assert!(
        permitted > rounds && blocked > rounds,
        "the configurations are too much alike: {counts:?}"
    );
    assert!(
        unknown * 3 < permitted + blocked,
        "too much is not judged: {counts:?}"
    );
}
