use flows::{Catalogue, Site};

use super::*;

const FLOW: &str = "agent-channel";
/// What no made line may hold.
const WORD: &str = "curl-evil-example";

/// The site's own rows: a manager with a name and an address.
fn site() -> Selection<'static> {
    let mut site = Site::default();
    site.add("manager", ["192.0.2.1", "m.example"]).unwrap();
    site.add("agent-channel-port", ["443"]).unwrap();
    flows::select(Catalogue::garrison(), &site).unwrap()
}

fn all_who() -> [Who; 5] {
    [
        Who::Proxy,
        Who::Firewall,
        Who::Dns,
        Who::Certificate,
        Who::Host,
    ]
}

const STAGES: [Stage; 6] = [
    Stage::Dns,
    Stage::Proxy,
    Stage::Transport,
    Stage::Tls,
    Stage::Upper,
    Stage::Revocation,
];

/// Evidence of every kind that lines are made of, all with a word of the reporter's own.
fn evidence(kinds: &[&str]) -> Vec<Evidence> {
    kinds
        .iter()
        .map(|kind| Evidence::new(kind, format!("Squid {WORD}")))
        .collect()
}

fn made(
    stage: Stage,
    verdict: Verdict,
    who: Who,
    endpoints: &[&str],
    kinds: &[&str],
) -> Option<Mend> {
    let endpoints: Vec<String> = endpoints.iter().map(|&one| one.to_owned()).collect();
    let reported = Reported {
        stage,
        verdict,
        who,
        flows: &[FLOW.to_owned(), WORD.to_owned()],
        endpoints: &endpoints,
        evidence: &evidence(kinds),
    };
    anew(&reported, &site())
}

#[test]
fn for_every_verdict_no_word_of_the_reporter_comes_out() {
    let kinds = [
        "via",
        "issuer",
        "page",
        "proxy",
        "addresses",
        "name_servers",
        "pac",
        HOSTS_FILE,
        mend::TICKET,
    ];
    let mut some = 0;
    for stage in STAGES {
        for verdict in Verdict::ALL {
            for who in all_who() {
                for endpoint in ["192.0.2.1:443", "m.example:443"] {
                    let Some(mend) = made(stage, verdict, who, &[endpoint], &kinds) else {
                        continue;
                    };
                    some += 1;
                    let text = format!("{} {}", mend.product, mend.lines.join("\n"));
                    assert!(
                        !text.contains(WORD),
                        "{stage:?} {verdict:?} {who:?}: {text}"
                    );
                    assert!(!mend.lines.is_empty(), "{stage:?} {verdict:?} {who:?}");
                }
            }
        }
    }
    assert!(some > 100, "{some}");
}

#[test]
fn an_inspected_connection_gets_the_lines_of_the_product_that_names_itself() {
    let with = |kinds: &[&str]| {
        made(
            Stage::Tls,
            Verdict::Inspected,
            Who::Firewall,
            &["m.example:443"],
            kinds,
        )
        .unwrap()
    };
    for kinds in [&["issuer"][..], &[]] {
        let mend = with(kinds);
        assert_eq!(mend.product, "squid");
        let text = mend.lines.join("\n");
        assert!(
            text.contains("m.example") && !text.contains("192.0.2.1"),
            "{text}"
        );
    }
    assert!(with(&["issuer"]).lines[0].starts_with("# above"));
}

#[test]
fn a_packet_filters_rule_is_made_for_an_address_and_not_for_a_name() {
    let firewall = |endpoint| {
        made(
            Stage::Transport,
            Verdict::TimeOut,
            Who::Firewall,
            &[endpoint],
            &["addresses"],
        )
    };
    let mend = firewall("192.0.2.1:443").unwrap();
    assert_eq!(mend.product, "nftables");
    assert!(
        mend.lines.iter().any(|line| line.contains("192.0.2.1")),
        "{:?}",
        mend.lines
    );
    assert_eq!(firewall("m.example:443"), None);
}

#[test]
fn what_is_not_the_sites_or_only_the_host_can_see_is_not_made() {
    let of = |endpoints: &[&str], who, kinds: &[&str]| {
        made(Stage::Transport, Verdict::TimeOut, who, endpoints, kinds)
    };
    assert!(of(&["192.0.2.1:443"], Who::Firewall, &[]).is_some());
    for alien in [
        &["198.51.100.1:443"][..],
        &["192.0.2.1:22"],
        &["192.0.2.1:443/udp"],
        &["192.0.2.1:443", "evil.example:443"],
        &["192.0.2.1:443\ninsert rule"],
        &[],
    ] {
        assert_eq!(of(alien, Who::Firewall, &[]), None, "{alien:?}");
    }
    assert_eq!(of(&["192.0.2.1:443"], Who::Certificate, &[]), None);
    for kind in ["held_back_here", "unreachable_controller"] {
        assert_eq!(
            of(&["192.0.2.1:443"], Who::Firewall, &[kind]),
            None,
            "{kind}"
        );
    }
}
