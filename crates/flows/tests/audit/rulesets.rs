//! Random rulesets of the grammar that the audit reads.

use crate::random::Random;

const ADDRESSES: &[&str] = &[
    "192.0.2.2",
    "192.0.2.3",
    "192.0.2.0/26",
    "192.0.2.64-192.0.2.80",
    "192.0.2.0/24",
    "198.51.100.9",
];
const PORTS: &[&str] = &["22", "53", "80", "443", "8000-8010", "https", "1-1023"];
const CLIENTS: &[&str] = &[
    "198.51.100.2",
    "198.51.100.0/24",
    "198.51.100.8-198.51.100.20",
    "203.0.113.1",
];

/// A whole file whose chains stand at `place`.
pub(crate) fn ruleset(random: &mut Random, place: &str) -> String {
    let family = random.one(&["inet", "ip", "inet"]);
    let policy = random.one(&["accept", "drop", "drop"]);
    let mut text = String::from("define WEB = { 80, 443 }\ndefine SERVER = 192.0.2.2\n\n");
    text.push_str(&format!("table {family} filter {{\n"));
    text.push_str("  set good {\n    type ipv4_addr; flags interval;\n    elements = { 192.0.2.3, 192.0.2.64/28 }\n  }\n");
    text.push_str("  set ports {\n    type inet_service\n    elements = { 443, 53, 8443 }\n  }\n");
    text.push_str("  set pairs {\n    type ipv4_addr . inet_service\n    elements = { 192.0.2.2 . 443, 192.0.2.70 . 8010 }\n  }\n");
    text.push_str("  map decide {\n    type inet_service : verdict\n    elements = { 22 : drop, 80 : accept, 443 : jump second }\n  }\n");
    for name in ["third", "second", "first"] {
        text.push_str(&format!("  chain {name} {{\n"));
        let targets: &[&str] = match name {
            "first" => &[
                "accept",
                "drop",
                "return",
                "jump second",
                "goto third",
                "continue",
            ],
            "second" => &["accept", "drop", "return", "jump third"],
            _ => &["accept", "drop", "return"],
        };
        for _ in 0..random.below(4) {
            text.push_str(&rule(random, targets, family));
        }
        text.push_str("  }\n");
    }
    text.push_str(&format!(
        "  chain base {{\n    type filter hook {place} priority filter; policy {policy};\n"
    ));
    if random.chance(85) {
        text.push_str(random.one(&[
            "    ct state established,related accept\n",
            "    ct state vmap { established : accept, related : accept, invalid : drop }\n",
            "    ct state { established, related } counter packets 0 bytes 0 accept comment \"known # ones\"\n",
        ]));
    }
    let targets = &[
        "accept",
        "drop",
        "accept",
        "jump first",
        "goto second",
        "jump third",
    ];
    for _ in 0..1 + random.below(5) {
        text.push_str(&rule(random, targets, family));
    }
    if random.chance(20) {
        text.push_str("    tcp dport vmap @decide\n");
    }
    text.push_str("  }\n");
    if random.chance(30) {
        text.push_str(&format!(
            "  chain early {{\n    type filter hook {place} priority -10; policy accept;\n"
        ));
        text.push_str(&rule(random, &["drop", "accept", "return"], family));
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    if random.chance(25) {
        text.push_str(&format!(
            "add rule {family} filter base {}",
            rule(random, &["accept"], family).trim_start()
        ));
    }
    text
}

fn rule(random: &mut Random, targets: &[&str], family: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for _ in 0..random.below(3) {
        let one = condition(random, family);
        if !is_listed_wrongly(words.last(), &one) {
            words.push(one);
        }
    }
    if random.chance(20) {
        words.push("counter".to_owned());
    }
    if random.chance(10) {
        words.push("log prefix \"seen: \" level info".to_owned());
    }
    words.push(random.one(targets).to_owned());
    format!("    {}\n", words.join(" "))
}

/// nft 1.0.6 lists `tcp dport < 80 tcp dport > 443`, which nothing meets, as `tcp dport != 80-443`,
/// which it does not do.
fn is_listed_wrongly(before: Option<&String>, one: &str) -> bool {
    before.is_some_and(|before| before.starts_with("tcp dport <")) && one.starts_with("tcp dport >")
}

fn condition(random: &mut Random, family: &str) -> String {
    let not = if random.chance(25) { "!= " } else { "" };
    match random.below(16) {
        0 => format!("ip daddr {not}{}", random.one(ADDRESSES)),
        1 => format!(
            "ip daddr {not}{{ {}, {} }}",
            random.one(&["192.0.2.2", "192.0.2.70"]),
            random.one(&["192.0.2.3", "198.51.100.77"])
        ),
        2 => format!("ip saddr {not}{}", random.one(CLIENTS)),
        3 => format!("tcp dport {not}{}", random.one(PORTS)),
        4 => format!(
            "tcp dport {not}{{ {}, {} }}",
            random.one(&["22", "443"]),
            random.one(&["80", "8000-8010"])
        ),
        5 => format!(
            "udp dport {not}{}",
            random.one(&["53", "443", "8000-9000", "domain"])
        ),
        6 => format!("th dport {not}@ports"),
        7 => format!("ip daddr {not}@good"),
        8 => format!("ip daddr . tcp dport {not}@pairs"),
        9 => format!(
            "meta l4proto {not}{}",
            random.one(&["tcp", "udp", "{ tcp, udp }"])
        ),
        10 => format!(
            "ct state {}",
            random.one(&[
                "new",
                "!= established",
                "new,established",
                "{ new, untracked }"
            ])
        ),
        11 => format!("tcp dport {not}$WEB"),
        12 => format!("ip daddr {not}$SERVER"),
        13 => format!(
            "tcp dport {} {}",
            random.one(&["<", "<=", ">", ">="]),
            random.one(&["443", "1024", "80"])
        ),
        14 => random
            .one(&[
                "tcp flags syn",
                "tcp flags & (fin | syn | rst | ack) == syn",
                "ip daddr . th dport { 192.0.2.2 . 80, 192.0.2.3 . 53 }",
            ])
            .to_owned(),
        _ if family == "inet" => format!("meta nfproto {not}{}", random.one(&["ipv4", "ipv6"])),
        _ => random
            .one(&[
                "iifname { \"lan0\", \"up0\" }",
                "oifname != \"lan0\"",
                "iifname \"lo\"",
                "iif != lo",
                "oif != lo",
                "iifname != \"up0\"",
            ])
            .to_owned(),
    }
}
