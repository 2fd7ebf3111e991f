//! Networks with more than one thing wrong or odd: two name servers of two minds, a filter of the
//! host's own, proxies that know more than the host, responders, and pins.

use serde_json::json;
use system_tests::lab::Network;
use system_tests::lab::certificates::Special;
use system_tests::lab::dns::Answer;
use system_tests::lab::squid::Manner;

use super::{Expected, NOBODY, On, PLAIN};
use crate::bench::{Plan, proxy, responder};

/// A proxy for browsers alone.
pub(crate) const BROWSERS: u16 = 3135;
/// The address that no host has.
const NOWHERE: u8 = 99;

pub(super) fn lay_out(plan: &mut Plan) {
    own_filter(plan);
    two_minds(plan);
    proxies(plan);
    scripts(plan);
    silence(plan);
    agents(plan);
    responders(plan);
}

fn own_filter(plan: &mut Plan) {
    let refused = Expected::Sick("transport", "refused");
    let address = plan.named("guarded.lab.test");
    plan.hold_back(address);
    plan.hold_back(Network::address(53));
    plan.direct(
        "own_filter_drops_tcp",
        "tcp",
        &format!("{address}:443"),
        refused,
    );
    plan.on(On::Guarded);
    plan.direct(
        "own_filter_drops_datagrams",
        "udp",
        &format!("{address}:5353"),
        refused,
    );
    plan.on(On::Guarded);
    plan.direct(
        "own_filter_drops_questions",
        "https",
        "healthy.lab.test/",
        refused,
    );
    plan.on(On::Guarded);
}

fn two_minds(plan: &mut Plan) {
    let split = Expected::Sick("dns", "split_horizon");
    // The first name server knows nothing of it.
    plan.second_name("second.lab.test", Network::address(80));
    plan.direct(
        "two_name_servers_disagree",
        "https",
        "second.lab.test/",
        split,
    );
    plan.on(On::Doubtful);
    plan.known_to_the_doubtful("moved.lab.test", Network::address(NOWHERE));
    let certificate = plan.certificate("moved.lab.test");
    plan.https("moved.lab.test", &certificate, json!({}));
    plan.direct(
        "hosts_file_is_out_of_date",
        "https",
        "moved.lab.test/",
        split,
    );
    plan.on(On::Doubtful);
    plan.direct(
        "two_name_servers_and_a_known_name",
        "https",
        "healthy.lab.test/",
        Expected::Healthy,
    );
    plan.on(On::Doubtful);
    // All that a public name is to lead to is outside.
    let inside = Answer::Addresses(vec![Network::address(NOWHERE)]);
    plan.name("update.vendor.test", inside);
    let catalogue = plan.path("vendor.toml");
    std::fs::write(&catalogue, VENDOR).unwrap();
    let arguments = ["--catalog", catalogue.to_str().unwrap()].map(str::to_owned);
    plan.case("public_name_leads_inside", "direct", &arguments, split);
}

/// A catalogue with one service, which is outside.
const VENDOR: &str = r#"
id = "vendor"
version = "1.0.0"
vendor = "Vendor"
product = "Product"

[[party]]
id = "here"
name = "this host"
place = "site"

[[party]]
id = "there"
name = "the vendor"
place = "outside"

[[flow]]
id = "update"
purpose = "Updates."
from = ["here"]
to = "there"
direction = "outbound"
need = "required"
endpoints = [{ match = "exact", value = "update.vendor.test", transport = "tcp", ports = ["443"], protocol = "https" }]
breaks = [{ feature = "updates", severity = "major", symptom = "There are none." }]
"#;

fn proxies(plan: &mut Plan) {
    // The proxy knows the name, and the host does not.
    let certificate = plan.certificate("inside.lab.test");
    let address = plan.https("inside.lab.test", &certificate, json!({}));
    plan.name("inside.lab.test", Answer::NoSuchName);
    plan.known_to_proxies("inside.lab.test", address);
    let arguments = [
        "--target",
        "https://inside.lab.test/",
        "--proxy",
        &format!("http://{}", proxy(PLAIN)),
    ]
    .map(str::to_owned);
    let skipped = Expected::Sick("dns", "skipped_by_proxy");
    plan.case(
        "only_the_proxy_knows_the_name",
        "direct",
        &arguments,
        skipped,
    );
    plan.case(
        "the_proxy_knows_the_name",
        "proxy",
        &arguments,
        Expected::Healthy,
    );
    let hole = plan.named("proxy-hole.lab.test");
    plan.filter(hole, "drop");
    let sick = Expected::Sick("proxy", "time_out");
    plan.by_proxy(
        "proxy_is_a_black_hole",
        "http://proxy-hole.lab.test:3128",
        sick,
    );
}

fn scripts(plan: &mut Plan) {
    let (dead, good) = (proxy(NOBODY), proxy(PLAIN));
    let refused = Expected::Sick("proxy", "refused");
    for (name, answer, expected) in [
        (
            "pac_second_proxy_works",
            format!("PROXY {dead}; PROXY {good}"),
            refused,
        ),
        (
            "pac_direct_after_a_dead_proxy",
            format!("PROXY {dead}; DIRECT"),
            refused,
        ),
        (
            "pac_first_proxy_works",
            format!("PROXY {good}; PROXY {dead}"),
            Expected::Healthy,
        ),
        (
            "pac_all_proxies_are_dead",
            format!("PROXY {dead}; PROXY {dead}"),
            refused,
        ),
        (
            "pac_socks",
            format!("SOCKS {good}; DIRECT"),
            Expected::Unknown,
        ),
        (
            "pac_https_proxy",
            format!("HTTPS {good}"),
            Expected::Unknown,
        ),
        (
            "pac_socks_after_a_dead_proxy",
            format!("PROXY {dead}; SOCKS5 {good}"),
            Expected::Unknown,
        ),
    ] {
        let script = plan.script(name, &format!("return '{answer}';"));
        plan.by_pac(name, &script, expected);
    }
}

fn silence(plan: &mut Plan) {
    let mute = plan.named("speechless.lab.test");
    plan.listen(mute, 443, json!({"how": "silent"}));
    plan.direct(
        "tls_hello_without_answer",
        "https",
        "speechless.lab.test/",
        Expected::Sick("tls", "time_out"),
    );
    let certificate = plan.certificate("listener.lab.test");
    plan.https(
        "listener.lab.test",
        &certificate,
        json!({"answers": [{"mute": true}]}),
    );
    plan.direct(
        "request_without_answer",
        "https",
        "listener.lab.test/",
        Expected::Sick("upper", "time_out"),
    );
    let address = plan.named("reset.lab.test");
    plan.listen(address, 80, json!({"how": "reset_after_hello"}));
    plan.direct(
        "reset_after_the_request",
        "http",
        "reset.lab.test/",
        Expected::Sick("transport", "reset"),
    );

    let closed = |at: &str| ["--closed".to_owned(), format!("tcp://{at}")];
    let open = Expected::Sick("transport", "open_though_closed");
    plan.case(
        "open_that_should_be_closed",
        "direct",
        &closed("healthy.lab.test:443"),
        open,
    );
    plan.case(
        "closed_as_it_should_be",
        "direct",
        &closed("closed.lab.test:443"),
        Expected::Healthy,
    );

    let pin = "00".repeat(32);
    let pinned = ["--target", "https://healthy.lab.test/", "--ca-pin", &pin].map(str::to_owned);
    let sick = Expected::Sick("tls", "pin_mismatch");
    plan.case(
        "another_authority_than_the_pinned_one",
        "direct",
        &pinned,
        sick,
    );
}

fn agents(plan: &mut Plan) {
    plan.squid(BROWSERS, Manner::Browsers);
    let blocked = Expected::Sick("upper", "user_agent_blocked");
    let address = format!("http://{}", proxy(BROWSERS));
    plan.by_proxy("proxy_for_browsers_alone", &address, blocked);
    let arguments =
        ["--target", "http://healthy.lab.test/", "--proxy", &address].map(str::to_owned);
    plan.case(
        "proxy_for_browsers_alone_without_tls",
        "proxy",
        &arguments,
        blocked,
    );
    let at = plan.named("browsers.lab.test");
    let answers = json!({"how": "http", "answers": [
        {"if": {"agent": "Mozilla/"}, "body": "as it should be"},
        {"status": "403 Forbidden", "body": "no robots"},
    ]});
    plan.listen(at, 80, answers);
    plan.direct(
        "site_for_browsers_alone",
        "http",
        "browsers.lab.test/",
        blocked,
    );
}

fn responders(plan: &mut Plan) {
    let at = responder();
    plan.name("ocsp.lab.test", Answer::Addresses(vec![at]));
    let silent = plan.named("ocsp-hole.lab.test");
    plan.filter(silent, "drop");
    let babbling = plan.named("ocsp-babble.lab.test");
    let answers = json!({"how": "http", "answers": [{"body": "no answer of a responder"}]});
    plan.listen(babbling, 80, answers);
    let unreachable = Expected::Sick("revocation", "unreachable");
    for (name, at, responder, expected) in [
        ("ocsp_good", "ocsp-good.lab.test", "ocsp", Expected::Healthy),
        (
            "ocsp_revoked",
            "ocsp-revoked.lab.test",
            "ocsp",
            Expected::Sick("revocation", "revoked"),
        ),
        (
            "ocsp_unreachable",
            "ocsp-lost.lab.test",
            "ocsp-hole",
            unreachable,
        ),
        (
            "ocsp_nonsense",
            "ocsp-odd.lab.test",
            "ocsp-babble",
            unreachable,
        ),
    ] {
        let url = format!("http://{responder}.lab.test/");
        let special = Special {
            responder: Some(&url),
            ..Special::default()
        };
        let certificate = plan.good.issue(name, at, &special).unwrap();
        if expected == Expected::Sick("revocation", "revoked") {
            plan.good.revoke(&certificate).unwrap();
        }
        plan.https(at, &certificate, json!({}));
        plan.direct(name, "https", &format!("{at}/"), expected);
    }
}
