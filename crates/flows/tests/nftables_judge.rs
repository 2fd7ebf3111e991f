//! What the audit says of a ruleset is what nft does with it: random rulesets of the grammar that
//! is read are loaded in network namespaces, and connections tried through them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "audit/asked.rs"]
mod asked;
#[path = "audit/namespaces.rs"]
mod namespaces;
#[path = "audit/peer.rs"]
mod peer;
#[path = "audit/random.rs"]
mod random;
#[path = "audit/rulesets.rs"]
mod rulesets;

use flows::audit::{AuditOptions, Position, Verdict};

use asked::{Asked, verdicts};
use namespaces::Namespaces;
use random::Random;

const ASKED: [(&str, &str, &str); 12] = [
    ("tcp", "192.0.2.2", "22"),
    ("tcp", "192.0.2.2", "80"),
    ("tcp", "192.0.2.2", "443"),
    ("tcp", "192.0.2.2", "8005"),
    ("tcp", "192.0.2.3", "443"),
    ("tcp", "192.0.2.3", "8443"),
    ("tcp", "192.0.2.70", "443"),
    ("tcp", "192.0.2.70", "8010"),
    ("udp", "192.0.2.2", "53"),
    ("udp", "192.0.2.3", "53"),
    ("udp", "192.0.2.3", "443"),
    ("udp", "192.0.2.70", "8005"),
];

fn options(position: Position) -> AuditOptions<'static> {
    let (into, out) = match position {
        Position::Input => (Some("up0"), None),
        Position::Output | Position::Host => (None, Some("up0")),
        Position::Forward | Position::Auto => (Some("lan0"), Some("wan0")),
    };
    AuditOptions {
        position,
        interface_in: into.or(out).map(str::to_owned),
        interface_out: out.or(into).map(str::to_owned),
        ..AuditOptions::default()
    }
}

/// A ruleset that nft takes; conditions drawn by chance may contradict each other.
fn loaded(
    namespaces: &mut Namespaces,
    random: &mut Random,
    place: &str,
    asked: &[Asked],
) -> (String, namespaces::Judge) {
    for _ in 0..50 {
        let text = rulesets::ruleset(random, place);
        match namespaces.ask(place, &text, asked) {
            Ok(judge) => return (text, judge),
            Err(error) => assert!(
                error.contains("conflicting protocols"),
                "nft refuses:\n{text}\n{error}"
            ),
        }
    }
    panic!("nft refuses fifty rulesets in a row");
}

/// Rulesets on which the audit was wrong once, and what it and nft say of tcp 443 to 192.0.2.2.
const KNOWN: [(Position, &str, &str, bool); 4] = [
    // No packet of a sender came in by an interface, so none came in by the loopback.
    (Position::Output, "output", "iif != lo accept", true),
    (Position::Output, "output", "iifname != \"lo\" accept", true),
    (Position::Output, "output", "iif lo accept", false),
    (
        Position::Input,
        "input",
        "oif != lo ip daddr 192.0.2.2 accept",
        true,
    ),
];

#[test]
fn a_missing_interface_is_judged_as_nft_judges_it() {
    let name = "a_missing_interface_is_judged_as_nft_judges_it";
    let Some(mut namespaces) = Namespaces::start(name) else {
        return;
    };
    let asked = [Asked::new("tcp", "192.0.2.2", "443")];
    for (position, place, rule, passes) in KNOWN {
        let text = format!(
            "table ip f {{\n chain c {{\n type filter hook {place} priority filter; policy drop;\n {rule}\n }}\n}}\n"
        );
        let judge = namespaces.ask(place, &text, &asked).unwrap();
        assert_eq!(judge.passed, [passes], "{text}");
        let said = verdicts(text.as_bytes(), &asked, &options(position)).verdicts;
        let expected = if passes {
            Verdict::Permitted
        } else {
            Verdict::Blocked
        };
        assert_eq!(said, [expected], "{text}");
    }
}

#[test]
fn what_is_said_to_be_blocked_is_blocked_by_nft_and_what_is_permitted_passes() {
    let name = "what_is_said_to_be_blocked_is_blocked_by_nft_and_what_is_permitted_passes";
    let Some(mut namespaces) = Namespaces::start(name) else {
        return;
    };
    let asked: Vec<Asked> = ASKED
        .map(|(transport, address, port)| Asked::new(transport, address, port))
        .to_vec();
    let mut counts = [0_usize; 4];
    let mut sure = 0;
    let mut random = Random::seeded("nftables");
    let rounds = if std::env::var_os("GARRISON_SOAK").is_some() {
        200
    } else {
        24
    };
    for round in 0..rounds {
        let (position, place) = [
            (Position::Forward, "forward"),
            (Position::Forward, "forward"),
            (Position::Output, "output"),
            (Position::Input, "input"),
        ][round % 4];
        let (text, judge) = loaded(&mut namespaces, &mut random, place, &asked);
        let options = options(position);
        let said = verdicts(text.as_bytes(), &asked, &options);
        let of_json = verdicts(judge.json.as_bytes(), &asked, &options);
        assert_eq!(
            said.verdicts, of_json.verdicts,
            "text and JSON differ:\n{text}\n{}",
            judge.json
        );
        for ((asked, verdict), passed) in asked.iter().zip(&said.verdicts).zip(&judge.passed) {
            let holds = match verdict {
                Verdict::Permitted => *passed,
                Verdict::Blocked => !*passed,
                Verdict::Unknown => true,
                Verdict::Partly => false,
            };
            assert!(
                holds,
                "{place}: {asked:?} is said to be {verdict:?}, passed: {passed}\n{text}\n{}",
                said.text
            );
            counts[*verdict as usize] += 1;
        }
        if said.lines.is_empty() {
            continue;
        }
        // With the lines added everything passes.
        let mended = format!("{text}\n{}\n", said.lines.join("\n"));
        let judge = namespaces
            .ask(place, &mended, &asked)
            .unwrap_or_else(|error| panic!("nft refuses:\n{mended}\n{error}"));
        let after = verdicts(mended.as_bytes(), &asked, &options);
        for (((asked, before), after), passed) in asked
            .iter()
            .zip(&said.verdicts)
            .zip(&after.verdicts)
            .zip(&judge.passed)
        {
            if *before != Verdict::Blocked {
                continue;
            }
            assert!(
                // What another chain does with it may depend on what nobody said.
                *passed && matches!(after, Verdict::Permitted | Verdict::Unknown),
                "{asked:?} stays {after:?}, passed: {passed}\n{mended}\n{}",
                said.text
            );
            sure += usize::from(*after == Verdict::Permitted);
        }
    }
    let [permitted, partly, blocked, unknown] = counts;
    println!("permitted {permitted}, partly {partly}, blocked {blocked}, not judged {unknown}");
    assert!(
        permitted > rounds && blocked > rounds,
        "the rulesets are too much alike: {counts:?}"
    );
    assert!(
        sure > rounds,
        "too little is judged once the lines are added: {sure}"
    );
    assert!(
        unknown * 5 < permitted + blocked,
        "too much is not judged: {counts:?}"
    );
}
