//! PAC files that are made up are answered as node's V8 and Chromium answer them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use flows::audit::{PacQuestion, PacRunner, PacWorld};
use pac::Quick;

/// Numbers from a seed that is printed.
struct Random(u64);

impl Random {
    fn seeded(what: &str) -> Self {
        let seed = std::env::var("GARRISON_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| {
                let now = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap();
                u64::from(now.subsec_nanos()) ^ now.as_secs()
            });
        println!("{what}: GARRISON_SEED={seed}");
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const HOSTS: &[&str] = &[
    "example.com",
    "a.example.com",
    "b.a.example.com",
    "badexample.com",
    "update.example.net",
    "x1.example.org",
    "plain",
    "192.0.2.7",
    "198.51.100.70",
    "www.example.com",
];
const ANSWERS: &[&str] = &[
    "PROXY @A@",
    "PROXY @B@; DIRECT",
    "DIRECT",
    "PROXY @A@; PROXY @B@",
];

fn condition(random: &mut Random, clock: bool) -> String {
    let host = random.one(&[
        ".example.com",
        "example.com",
        ".com",
        "a.example.com",
        ".example.net",
    ]);
    match random.below(if clock { 16 } else { 13 }) {
        0 => "isPlainHostName(host)".to_owned(),
        1 | 2 => format!("dnsDomainIs(host, \"{host}\")"),
        3 => format!(
            "localHostOrDomainIs(host, \"{}\")",
            random.one(&["www.example.com", "a.example.com", "plain.example.com"])
        ),
        4 => format!(
            "shExpMatch(host, \"{}\")",
            random.one(&[
                "*.example.com",
                "*example*",
                "?.example.com",
                "x[0-9].*",
                "(a|b).*",
                "*.example.???"
            ])
        ),
        5 => format!(
            "shExpMatch(url, \"{}\")",
            random.one(&["http://a*", "*:8080/*", "http://*.example.com/*", "*/7*"])
        ),
        6 => format!(
            "isInNet(host, \"192.0.2.0\", \"{}\")",
            random.one(&["255.255.255.0", "255.255.0.0", "255.255.255.255"])
        ),
        7 => "isInNet(host, \"198.51.100.64\", \"255.255.255.192\")".to_owned(),
        8 => format!(
            "dnsDomainLevels(host) {} {}",
            random.one(&["==", ">", "<="]),
            random.below(4)
        ),
        9 => format!(
            "host.indexOf(\"{}\") >= 0",
            random.one(&["example", "bad", "x1"])
        ),
        10 => format!(
            "/{}/.test(host)",
            random
                .one(&["^a\\\\.", "\\\\.org$", "^[a-b]\\\\.", "^(www|x1)\\\\."])
                .replace("\\\\", "\\")
        ),
        11 => "host.split('.').length % 2 == 0".to_owned(),
        12 => format!(
            "host.toUpperCase() === \"{}\"",
            random.one(&["PLAIN", "EXAMPLE.COM"])
        ),
        13 => format!(
            "weekdayRange(\"{}\", \"{}\")",
            random.one(&["MON", "SAT"]),
            random.one(&["FRI", "SUN"])
        ),
        14 => format!(
            "timeRange({}, {}, \"GMT\")",
            random.below(24),
            random.below(24)
        ),
        _ => format!(
            "dateRange(\"{}\", \"{}\")",
            random.one(&["JAN", "NOV"]),
            random.one(&["MAR", "DEC"])
        ),
    }
}

fn script(random: &mut Random, clock: bool) -> String {
    let mut text =
        String::from("var seen = 0;\nfunction FindProxyForURL(url, host) {\n  seen++;\n");
    for _ in 0..3 + random.below(5) {
        let not = random.one(&["", "", "!"]);
        let and = random.one(&["&&", "||"]);
        let (one, other) = (condition(random, clock), condition(random, clock));
        let answer = random.one(ANSWERS);
        text.push_str(&format!(
            "  if ({not}({one}) {and} {other}) return \"{answer}\";\n"
        ));
    }
    text.push_str(&format!("  return \"{}\";\n}}\n", random.one(ANSWERS)));
    text
}

fn questions(random: &mut Random, count: usize) -> Vec<PacQuestion> {
    (0..count)
        .map(|number| {
            let host = random.one(HOSTS);
            let port = random.one(&["", "", ":8080"]);
            PacQuestion {
                url: format!("http://{host}{port}/{number}"),
                host: host.to_owned(),
            }
        })
        .collect()
}

/// What the hosts lead to while only the script asks.
fn world() -> PacWorld {
    let addresses = HOSTS
        .iter()
        .filter(|host| host.parse::<std::net::IpAddr>().is_err())
        .map(|host| ((*host).to_owned(), vec!["127.0.0.1".parse().unwrap()]))
        .collect();
    PacWorld {
        addresses,
        my_address: Some("198.51.100.2".parse().unwrap()),
        // A Saturday, 22:30 UTC.
        now_milliseconds: Some(1_795_300_200_000.0),
    }
}

fn has_programs(test: &str, programs: &[&str]) -> bool {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let missing = programs
        .iter()
        .find(|program| !folders.iter().any(|folder| folder.join(program).exists()));
    if let Some(program) = missing {
        skip::skip(test, &format!("the program {program} is missing"));
    }
    missing.is_none()
}

fn root() -> PathBuf {
    let root =
        std::env::var_os("GARRISON_SOURCE_DIR").map(|dir| PathBuf::from(dir).join("crates/pac"));
    root.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")))
}

/// What a judge answers to an order.
fn judged(command: &mut Command, order: &serde_json::Value) -> serde_json::Value {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(order.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

#[test]
fn made_up_scripts_are_answered_as_v8_answers_them() {
    let name = "made_up_scripts_are_answered_as_v8_answers_them";
    if !has_programs(name, &["node", "timeout"]) {
        return;
    }
    let prelude = std::fs::read_to_string(root().join("src/prelude.js")).unwrap();
    let mut random = Random::seeded("v8");
    for _ in 0..6 {
        // Many scripts in one run of node: each has a name of its own.
        let text = script(&mut random, true);
        let questions = questions(&mut random, 60);
        let world = world();
        let addresses: BTreeMap<&String, Vec<String>> = world
            .addresses
            .iter()
            .map(|(name, found)| (name, found.iter().map(ToString::to_string).collect()))
            .collect();
        let order = serde_json::json!({
            "script": text, "prelude": prelude, "questions": questions, "addresses": addresses, "now": world.now_milliseconds,
        });
        let mut node = Command::new("timeout");
        node.args(["--kill-after=5", "60", "node"])
            .arg(root().join("tests/peers/node.mjs"))
            .env("TZ", "UTC");
        let expected = judged(&mut node, &order);
        let answers = Quick::default().run(&text, &questions, &world).unwrap();
        for ((question, answer), expected) in questions
            .iter()
            .zip(&answers)
            .zip(expected.as_array().unwrap())
        {
            let said = answer.result.clone().unwrap_or_else(|_| "!".to_owned());
            assert_eq!(said, expected.as_str().unwrap(), "{question:?}\n{text}");
        }
    }
}

#[test]
fn made_up_scripts_are_answered_as_chromium_goes() {
    let name = "made_up_scripts_are_answered_as_chromium_goes";
    if !has_programs(name, &["chromium", "python3"]) {
        return;
    }
    let mut random = Random::seeded("chromium");
    for _ in 0..3 {
        let (text, questions, expected) = script_with_more_than_one_way(&mut random);
        let urls: Vec<&str> = questions
            .iter()
            .map(|question| question.url.as_str())
            .collect();
        let order = serde_json::json!({ "script": text, "urls": urls });
        let mut python = Command::new("python3");
        python.arg(root().join("tests/peers/browser.py"));
        let judged = judged(&mut python, &order);
        let ways = judged["ways"].as_array().unwrap();
        assert_eq!(ways.len(), questions.len());
        for ((question, expected), way) in questions.iter().zip(&expected).zip(ways) {
            assert_eq!(way.as_str().unwrap(), *expected, "{question:?}\n{text}");
        }
    }
}

/// A script, what it is asked, and which way each page goes by our own answers. A script that sends
/// every page one way could not tell whether the browser heeds it, and one in some dozens does.
fn script_with_more_than_one_way(
    random: &mut Random,
) -> (String, Vec<PacQuestion>, Vec<&'static str>) {
    for _ in 0..100 {
        let text = script(random, false);
        let questions = questions(random, 40);
        let answers = Quick::default().run(&text, &questions, &world()).unwrap();
        let ways: Vec<&str> = answers
            .iter()
            .map(|answer| {
                let said = answer.result.as_ref().unwrap();
                match said.split(';').next().unwrap() {
                    "PROXY @A@" => "A",
                    "PROXY @B@" => "B",
                    _ => "direct",
                }
            })
            .collect();
        if ways.iter().collect::<BTreeSet<_>>().len() > 1 {
            return (text, questions, ways);
        }
    }
    panic!("none of 100 scripts sends pages more than one way");
}
