use proptest::prelude::*;

use super::Ruleset;
use crate::audit::packet::index::Index;
use crate::audit::question::Question;
use crate::audit::verdict::Verdict;
use crate::audit::{AuditError, AuditOptions, AuditReport, FindingKind, Position, audit};
use crate::catalogue::Catalogue;
use crate::party::PartyId;
use crate::select::select;
use crate::site::Site;

/// Three flows: to an address, to a network over UDP, to a name.
pub(in crate::audit) const ASKED: &str = r#"
id = "asked"
version = "7"
vendor = "test"
product = "test"
[[variable]]
name = "clients"
kind = "hosts"
description = "clients"
default = ["198.51.100.0/24"]
[[party]]
id = "client"
name = "client"
place = "site"
variable = "clients"
[[party]]
id = "server"
name = "server"
place = "outside"
[[flow]]
id = "updates"
purpose = "Definitions are fetched."
from = ["client"]
to = "server"
direction = "outbound"
need = "required"
endpoints = [{ match = "ip", value = "192.0.2.1", transport = "tcp", ports = ["80", "443"] }]
tls = { trust = "vendor", pinned = "yes", inspection = "forbidden", client_certificate = "none" }
[[flow.breaks]]
feature = "definitions"
severity = "critical"
symptom = "Definitions grow old."
fallback = "The old ones go on."
[[flow]]
id = "pings"
purpose = "Counts are sent."
from = ["client"]
to = "server"
direction = "outbound"
need = "optional"
endpoints = [{ match = "cidr", value = "192.0.2.64/26", transport = "udp", ports = ["8000-8010"] }]
[[flow]]
id = "reputation"
purpose = "Files are asked about."
from = ["client"]
to = "server"
direction = "outbound"
need = "required"
endpoints = [{ match = "exact", value = "rep.example.com", transport = "tcp", ports = ["443"] }]
"#;

fn judged(text: &str, options: &AuditOptions<'_>) -> AuditReport {
    let catalogue = Catalogue::parse(ASKED).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    audit(text.as_bytes(), None, &selection, options).unwrap()
}

fn kinds(report: &AuditReport) -> Vec<(FindingKind, Vec<&str>)> {
    let of = |finding: &'_ crate::audit::Finding| finding.kind;
    report
        .findings
        .iter()
        .map(|finding| {
            (
                of(finding),
                finding
                    .flows
                    .iter()
                    .map(|flow| flow.flow.as_str())
                    .collect(),
            )
        })
        .collect()
}

#[test]
fn the_report_says_cause_breakage_and_line() {
    let text = "table inet filter {\n  chain forward {\n    type filter hook forward priority 0; policy drop;\n    ct state established,related accept\n    udp dport 8000-8005 accept\n    ip daddr 192.0.2.1 tcp dport 80 accept\n  }\n}\n";
    let report = judged(text, &AuditOptions::default());
    assert_eq!(
        kinds(&report),
        [
            (FindingKind::Blocked, vec!["reputation"]),
            (FindingKind::PartlyBlocked, vec!["updates", "pings"]),
        ]
    );
    let shown = report.text();
    for expected in [
        "its policy is drop, and no rule accepts",
        "breaks definitions (critical): Definitions grow old. Meanwhile: The old ones go on.",
        "insert rule inet filter forward ip saddr 198.51.100.0/24 ip daddr 192.0.2.1 tcp dport { 80, 443 } counter accept comment \"updates\"",
        "--address rep.example.com=ADDRESS",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
}

#[test]
fn a_name_is_judged_once_its_addresses_are_given() {
    let text = "table ip f {\n set ok { type ipv4_addr; elements = { 192.0.2.1, 203.0.113.7 }; }\n chain c {\n type filter hook forward priority 0; policy drop;\n ct state established accept\n ip daddr @ok accept\n }\n}\n";
    let report = judged(text, &AuditOptions::default());
    assert!(
        kinds(&report).contains(&(FindingKind::NotJudged, vec!["reputation"])),
        "{}",
        report.text()
    );
    assert!(
        report.text().contains("the addresses behind the name"),
        "{}",
        report.text()
    );
    for (address, blocked) in [("203.0.113.7/32", false), ("203.0.113.8/32", true)] {
        let mut options = AuditOptions::default();
        options
            .addresses
            .insert("rep.example.com".to_owned(), vec![address.parse().unwrap()]);
        let report = judged(text, &options);
        let found = report.findings.iter().any(|finding| {
            finding
                .flows
                .iter()
                .any(|flow| flow.flow.as_str() == "reputation")
        });
        assert_eq!(found, blocked, "{}", report.text());
    }
}

#[test]
fn answers_that_are_dropped_block_as_well() {
    let text = "table inet f {\n chain c {\n type filter hook forward priority 0; policy drop;\n ip saddr 198.51.100.0/24 accept\n }\n}\n";
    let report = judged(text, &AuditOptions::default());
    // The name's addresses might be among the clients'.
    assert_eq!((report.counts.blocked, report.counts.unknown), (2, 1));
    assert!(
        report.text().contains("answers: chain inet f c"),
        "{}",
        report.text()
    );
    assert!(
        report.text().contains("ct state established,related"),
        "{}",
        report.text()
    );
}

#[test]
fn interfaces_are_in_doubt_until_they_are_named() {
    let text = "table inet f {\n chain lan { accept\n }\n chain c {\n type filter hook forward priority filter; policy drop;\n ct state established accept\n iifname vmap { \"lan0\" : jump lan, \"wan*\" : drop }\n }\n}\n";
    assert_eq!(judged(text, &AuditOptions::default()).counts.unknown, 3);
    let named = |name: &str| AuditOptions {
        interface_in: Some(name.to_owned()),
        ..AuditOptions::default()
    };
    assert_eq!(judged(text, &named("lan0")).counts.permitted, 3);
    assert_eq!(judged(text, &named("wan7")).counts.blocked, 3);
}

#[test]
fn a_side_without_an_interface_is_no_interface_of_any_name() {
    let at = |place: Position, hook: &str, rule: &str| {
        let text = format!(
            "table inet f {{\n chain c {{\n type filter hook {hook} priority 0; policy accept;\n {rule} drop\n }}\n}}\n"
        );
        let options = AuditOptions {
            position: place,
            ..AuditOptions::default()
        };
        let counts = judged(&text, &options).counts;
        (counts.blocked, counts.permitted)
    };
    for (hook, place, side) in [
        ("output", Position::Output, "iif"),
        ("postrouting", Position::Output, "iif"),
        ("input", Position::Input, "oif"),
    ] {
        for name in ["lo", "eth0"] {
            assert_eq!(at(place, hook, &format!("{side} != {name}")), (3, 0));
            assert_eq!(at(place, hook, &format!("{side} {name}")), (0, 3));
            assert_eq!(
                at(place, hook, &format!("{side}name != \"{name}\"")),
                (3, 0)
            );
        }
        assert_eq!(at(place, hook, &format!("{side}name \"eth*\"")), (0, 3));
    }
}

#[test]
fn what_is_not_understood_is_never_judged() {
    let text = "include \"/etc/more.nft\"\ntable inet f {\n chain c {\n type filter hook forward priority 0; policy accept;\n osf name \"Linux\" drop\n numgen random mod 2 0 drop\n }\n}\n";
    let report = judged(text, &AuditOptions::default());
    assert_eq!(report.counts.unknown, 3, "{}", report.text());
    let shown = report.text();
    assert!(
        shown.contains("/etc/more.nft") && shown.contains("line 5: not understood"),
        "{shown}"
    );
}

#[test]
fn rates_rewriting_and_routes_are_in_doubt() {
    for rule in [
        "limit rate over 10/second burst 5 packets drop",
        "fib daddr type local drop",
        "meta mark 7 drop",
        "ct count over 10 drop",
        "ip ttl < 5 drop",
    ] {
        let text = format!(
            "table inet f {{\n chain c {{\n type filter hook forward priority 0;\n {rule}\n }}\n}}\n"
        );
        assert_eq!(
            judged(&text, &AuditOptions::default()).counts.unknown,
            3,
            "{rule}"
        );
    }
    let nat = "table ip f {\n chain n {\n type nat hook prerouting priority dstnat;\n tcp dport 443 dnat to 10.0.0.1\n }\n}\n";
    let between = AuditOptions {
        position: Position::Forward,
        ..AuditOptions::default()
    };
    assert_eq!(judged(nat, &between).counts.permitted, 1);
    let harmless = "table inet f {\n chain c {\n type filter hook forward priority 0;\n fib daddr type { broadcast, multicast } drop\n iif lo drop\n }\n}\n";
    assert_eq!(
        judged(harmless, &AuditOptions::default()).counts.permitted,
        3
    );
}

#[test]
fn chains_that_jump_in_circles_end() {
    let mut text = String::from("table inet f {\n");
    for n in 0..20 {
        text.push_str(&format!(
            " chain c{n} {{\n jump c{next}\n jump c{next}\n }}\n",
            next = (n + 1) % 20
        ));
    }
    text.push_str(
        " chain b {\n type filter hook forward priority 0; policy drop;\n jump c0\n }\n}\n",
    );
    assert_eq!(judged(&text, &AuditOptions::default()).counts.unknown, 3);
}

#[test]
fn a_host_without_forwarding_is_judged_as_an_end() {
    let text = "table inet f {\n chain out {\n type filter hook output priority 0; policy drop;\n tcp dport 443 accept\n }\n chain in {\n type filter hook input priority 0; policy drop;\n ct state established accept\n }\n}\n";
    let report = judged(text, &AuditOptions::default());
    // Packets after the first are no new ones, but meet the same rule.
    assert_eq!(
        (
            report.counts.permitted,
            report.counts.blocked,
            report.counts.partly
        ),
        (1, 1, 1),
        "{}",
        report.text()
    );
    let at_input = AuditOptions {
        position: Position::Input,
        ..AuditOptions::default()
    };
    assert_eq!(judged(text, &at_input).counts.blocked, 3);
}

#[test]
fn a_part_without_a_hook_is_judged_as_what_a_chain_jumps_to() {
    let text = "table inet filter {\n chain mine {\n jump more\n }\n chain more {\n ip daddr 192.0.2.1 tcp dport { 80, 443 } accept\n }\n}\n";
    for position in [Position::Auto, Position::Forward, Position::Output] {
        let options = AuditOptions {
            position,
            ..AuditOptions::default()
        };
        let report = judged(text, &options);
        let shown = report.text();
        let blocked = (FindingKind::Blocked, vec!["pings"]);
        assert!(kinds(&report).contains(&blocked), "{shown}");
        assert_eq!(report.counts.permitted, 1, "{shown}");
        for expected in [
            "no chain has a hook",
            "one jumped to inet filter mine that accepts established",
            "chain inet filter mine: no rule accepts",
            "insert rule inet filter mine ip saddr",
        ] {
            assert!(shown.contains(expected), "{expected}\n{shown}");
        }
    }
}

#[test]
fn a_guessed_place_is_said_and_other_places_are_judged_too() {
    let chain = |hook: &str, policy: &str, rule: &str| {
        format!(
            " chain {hook} {{\n type filter hook {hook} priority 0; policy {policy};\n {rule}\n }}\n"
        )
    };
    let file = |chains: &[String]| format!("table inet f {{\n{}}}\n", chains.concat());
    let auto = AuditOptions::default();
    let at = |text: &str, position: Position| {
        let options = AuditOptions {
            position,
            ..AuditOptions::default()
        };
        judged(text, &options)
    };

    // Nothing but an empty chain that drops: no flow passes.
    let alone = file(&[chain("forward", "drop", "")]);
    let report = judged(&alone, &auto);
    assert_eq!(report.counts.blocked, 3, "{}", report.text());
    assert!(
        report.text().contains("This is a guess"),
        "{}",
        report.text()
    );

    // A host that forwards nothing, or a router of which nobody wrote rules yet.
    let both = file(&[
        chain("input", "drop", "ct state established accept"),
        chain("forward", "drop", ""),
        chain("output", "accept", ""),
    ]);
    let report = judged(&both, &auto);
    let standing = report.position.as_ref().unwrap();
    assert_eq!(standing.position, Position::Host);
    assert_eq!(report.counts.permitted, 3, "{}", report.text());
    let places: Vec<_> = standing
        .elsewhere
        .iter()
        .map(|place| (place.position, place.counts.blocked))
        .collect();
    assert_eq!(places, [(Position::Forward, 3), (Position::Input, 3)]);
    assert!(!report.is_clean());
    let shown = report.text();
    for expected in [
        "This is a guess: its chain at the hook forward drops everything and has no rule",
        "If it stands between the two hosts (--position forward): 0 permitted, 3 blocked",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }

    // Who says where it stands is told of one place.
    for (position, blocked) in [
        (Position::Host, 0),
        (Position::Output, 0),
        (Position::Forward, 3),
        (Position::Input, 3),
    ] {
        let report = at(&both, position);
        assert_eq!(report.counts.blocked, blocked, "{}", report.text());
        assert_eq!(report.is_clean(), blocked == 0);
        assert!(!report.text().contains("guess"), "{}", report.text());
    }

    // A router that also guards itself.
    let router = file(&[
        chain("input", "drop", "ct state established accept"),
        chain("forward", "drop", "accept"),
    ]);
    let report = judged(&router, &auto);
    assert_eq!(report.counts.permitted, 3, "{}", report.text());
    assert!(report.is_clean() && report.text().contains("it has rules at the hook forward"));

    // Where nothing filters, that is said.
    let report = at(&alone, Position::Output);
    assert_eq!(report.counts.permitted, 3);
    assert!(
        report.text().contains("everything passes there"),
        "{}",
        report.text()
    );
}

#[test]
fn a_role_is_judged_on_the_sides_on_which_it_takes_part() {
    let text = "table inet f {\n chain in {\n type filter hook input priority 0; policy drop;\n ct state established accept\n tcp dport 443 accept\n }\n chain out {\n type filter hook output priority 0; policy drop;\n ct state established accept\n tcp dport 80 accept\n }\n}\n";
    let role = |role: &str| AuditOptions {
        role: Some(PartyId::parse(role).unwrap()),
        ..AuditOptions::default()
    };
    let server = judged(text, &role("server"));
    assert_eq!(
        (server.counts.permitted, server.counts.partly),
        (1, 1),
        "{}",
        server.text()
    );
    let client = judged(text, &role("client"));
    assert_eq!(
        (client.counts.blocked, client.counts.partly),
        (2, 1),
        "{}",
        client.text()
    );
    let catalogue = Catalogue::parse(ASKED).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let error = audit(text.as_bytes(), None, &selection, &role("nobody")).unwrap_err();
    assert!(error.to_string().contains("client, server"), "{error}");
}

#[test]
fn what_is_taken_away_again_does_not_count() {
    let text = "add table inet old\nadd chain inet old c { type filter hook forward priority 0; policy drop; }\ndelete table inet old\ntable inet f {\n set s { type ipv4_addr; elements = { 192.0.2.1 }; }\n chain c {\n type filter hook forward priority 0; policy accept;\n drop\n }\n}\nflush chain inet f c\nflush set inet f s\nadd rule inet f c ip daddr @s drop\n";
    let report = judged(text, &AuditOptions::default());
    assert_eq!(report.counts.permitted, 3, "{}", report.text());
    assert!(!report.text().contains("not read"), "{}", report.text());
    assert!(
        report.text().contains("empty in the file"),
        "{}",
        report.text()
    );
}

#[test]
fn other_files_are_refused_with_what_was_expected() {
    let catalogue = Catalogue::parse(ASKED).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let options = AuditOptions::default();
    let error = audit(b"hello\n", None, &selection, &options).unwrap_err();
    assert!(
        matches!(error, AuditError::Format) && error.to_string().contains("nftables"),
        "{error}"
    );
    let error = audit(b"table inet f {\n chain c {\n", None, &selection, &options).unwrap_err();
    assert!(
        matches!(error, AuditError::Syntax { line: 2, .. }),
        "{error}"
    );
    let error = audit(b"{\"nftables\": 1}", None, &selection, &options).unwrap_err();
    assert!(matches!(error, AuditError::Syntax { .. }), "{error}");
}

/// Rules of long chains, with values that are known, unknown, or missing on that side.
fn any_rules() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        Just("ip daddr 192.0.2.1"),
        Just("ip daddr 192.0.2.64/27"),
        Just("ip daddr != 192.0.2.0/24"),
        Just("ip daddr @s"),
        Just("ip daddr . tcp dport { 192.0.2.1 . 80, 203.0.113.7 . 443 }"),
        Just("ip saddr 198.51.100.0/25"),
        Just("ip saddr != @s"),
        Just("tcp dport 443"),
        Just("tcp dport != { 80, 8000-8003 }"),
        Just("udp dport 8000-8005"),
        Just("th dport >= 443"),
        Just("tcp sport 1024-4096"),
        Just("meta l4proto udp"),
        Just("meta nfproto ipv6"),
        Just("ct state established,related"),
        Just("ct state new"),
        Just("tcp flags syn"),
        Just("iifname \"lan0\""),
        Just("oif != lo"),
        Just("limit rate 5/second"),
    ];
    let target = prop_oneof![
        4 => Just("accept"),
        4 => Just("drop"),
        1 => Just("jump second"),
        1 => Just("goto second"),
        1 => Just("return"),
        1 => Just("counter"),
        1 => Just("tcp dport vmap { 80 : drop, 443 : accept }"),
    ];
    let rule = (prop::collection::vec(condition, 0..4), target);
    let rules = |most: usize| prop::collection::vec(rule.clone(), 0..most);
    (rules(48), rules(32), any::<bool>()).prop_map(|(base, second, drops)| {
        let written = |rules: Vec<(Vec<&str>, &str)>| -> String {
            rules
                .into_iter()
                // A rule without conditions would leave nothing to the others.
                .map(|(conditions, target)| format!("  tcp dport != 1 {} {target}\n", conditions.join(" ")))
                .map(|rule| rule.replace("tcp dport != 1 udp", "udp"))
                .collect()
        };
        let policy = if drops { "drop" } else { "accept" };
        format!(
            "table inet f {{\n set s {{ type ipv4_addr; flags interval; elements = {{ 192.0.2.0/30, 198.51.100.64/26, 203.0.113.0/24 }}; }}\n chain second {{\n{}}}\n chain c {{\n  type filter hook forward priority 0; policy {policy};\n{}}}\n}}\n",
            written(second),
            written(base)
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_index_changes_no_answer(text in any_rules(), known in any::<bool>()) {
        static CATALOGUE: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::parse(ASKED).unwrap());
        let selection = select(&CATALOGUE, &Site::default()).unwrap();
        let mut options = AuditOptions { interface_in: known.then(|| "lan0".to_owned()), ..AuditOptions::default() };
        if known {
            options.addresses.insert("rep.example.com".to_owned(), vec!["203.0.113.7/32".parse().unwrap()]);
        }
        let mut rules = Ruleset::read(text.as_bytes(), &options).unwrap();
        for selected in &selection.flows {
            for (place, endpoint) in selected.perimeter().unwrap().passing {
                let question = Question::new(selected.flow, place, endpoint, &options);
                rules.index = Some(Index::new(&rules.compiled.chains));
                let indexed = rules.judge(&question, Position::Forward);
                rules.index = None;
                let plain = rules.judge(&question, Position::Forward);
                prop_assert_eq!(indexed.verdict, plain.verdict, "{}\n{:?}\n{:?}", text, indexed.causes, plain.causes);
                prop_assert_eq!(&indexed.lines, &plain.lines);
                if plain.verdict == Verdict::Unknown {
                    // Of several doubts another may be told.
                    prop_assert!(!indexed.causes.is_empty() && !plain.causes.is_empty());
                } else {
                    prop_assert_eq!(indexed.causes, plain.causes, "{}", text);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_judged(
        text in "(table inet f|chain c|type filter hook forward priority 0;|policy drop;|\\{|\\}|\n| |;|set s|elements = |tcp dport|ip daddr|vmap|@s|\\$X|define X = |1-5|192.0.2.1|accept|drop|jump c|,|:|!=|ct state|&|\"|add rule inet f c|fib|limit|flags|.|é){0,60}"
    ) {
        static CATALOGUE: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::parse(ASKED).unwrap());
        let selection = select(&CATALOGUE, &Site::default()).unwrap();
        let _ = audit(text.as_bytes(), Some(crate::audit::AuditFormat::Nftables), &selection, &AuditOptions::default());
        let json = format!("{{\"nftables\": [{text}]}}");
        let _ = audit(json.as_bytes(), Some(crate::audit::AuditFormat::Nftables), &selection, &AuditOptions::default());
    }
}
