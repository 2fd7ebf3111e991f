//! The laboratory as curl sees it.

use std::collections::BTreeMap;

use system_tests::lab::can_make;

use crate::bench::{Bench, Plan};
use crate::cases::{self, Case, On};

/// How curl ends in each of these networks (curl(1), exit codes), where it can go there: the
/// laboratory is as broken as it says. What it can't tell apart is not its fault.
const CURL: [(&str, &[i32]); 56] = [
    ("healthy", &[0]),
    ("healthy_http", &[0]),
    ("no_such_name", &[6]),
    ("name_server_fails", &[6]),
    ("name_server_refuses", &[6]),
    ("name_server_is_silent", &[6, 28]),
    ("name_without_address", &[6]),
    ("sinkholed_to_nowhere", &[7]),
    ("sinkholed_to_loopback", &[7]),
    ("nobody_listens", &[7]),
    ("black_hole", &[28]),
    ("rejected", &[7]),
    ("rejected_by_reset", &[7]),
    ("no_route", &[7]),
    ("no_such_host", &[7, 28]),
    ("reset_after_hello", &[35]),
    ("closed_after_hello", &[35]),
    ("garbage_on_443", &[35]),
    ("http_on_443", &[35]),
    ("only_tls_1_1", &[35]),
    // OpenSSL still speaks it.
    ("only_a_weak_cipher", &[0]),
    ("client_certificate_wanted", &[35, 55, 56]),
    ("wrong_name", &[60]),
    ("expired", &[60]),
    ("not_yet_valid", &[60]),
    ("untrusted_authority", &[60]),
    // It asks nobody.
    ("revoked", &[0]),
    ("list_unreachable", &[0]),
    ("not_http", &[1]),
    ("block_page", &[22]),
    ("server_error", &[22]),
    ("method_refused", &[22]),
    ("answer_cut_short", &[18]),
    ("service_forbids_the_path", &[22]),
    ("service_wants_another_method", &[22]),
    ("captive_portal_redirects", &[0]),
    ("captive_portal_says_so", &[22]),
    ("proxy", &[0]),
    ("basic_sign_in", &[0]),
    ("digest_sign_in", &[0]),
    ("ntlm_sign_in", &[0]),
    ("proxy_refuses", &[7]),
    ("inspected", &[0]),
    ("inspected_by_a_stranger", &[60]),
    ("only_the_proxy_knows_the_name", &[0]),
    ("the_proxy_knows_the_name", &[0]),
    ("proxy_is_a_black_hole", &[28]),
    ("tls_hello_without_answer", &[28]),
    ("request_without_answer", &[28]),
    ("reset_after_the_request", &[56]),
    ("site_for_browsers_alone", &[22]),
    ("proxy_for_browsers_alone_without_tls", &[22]),
    // It asks nobody.
    ("ocsp_good", &[0]),
    ("ocsp_revoked", &[0]),
    ("ocsp_unreachable", &[0]),
    ("ocsp_nonsense", &[0]),
];

/// Those of which curl says that the proxy's answer to CONNECT was none that it can use.
const CURL_CONNECT: [&str; 7] = [
    "ntlm_without_user",
    "basic_without_user",
    "digest_without_user",
    "basic_wrong_word",
    "digest_wrong_word",
    "proxy_denies",
    "proxy_for_browsers_alone",
];

/// How curl ends on the way of a case (its exit code); `None` for what curl can't do.
fn curl(bench: &Bench, case: &Case) -> Option<i32> {
    if case.on != On::Client {
        return None;
    }
    let mut words = case.arguments.iter();
    let mut command = bench.client.namespace().command("curl");
    command
        .args(["--silent", "--output", "/dev/null", "--fail-with-body"])
        .args(["--max-time", "8", "--connect-timeout", "4", "--cacert"])
        .arg(&bench.trusted)
        .env_remove("https_proxy");
    while let Some(word) = words.next() {
        match (word.as_str(), words.next()?.as_str()) {
            ("--target", url) if url.starts_with("http") => command.arg(url),
            ("--proxy", url) => command.args(["--proxy-anyauth", "--proxy", url]),
            _ => return None,
        };
    }
    command.status().unwrap().code()
}

#[test]
fn curl_sees_the_laboratory_as_its_table_says() {
    if !can_make(
        "curl_sees_the_laboratory_as_its_table_says",
        &["python3", "openssl", "squid", "setpriv", "curl", "dnsmasq"],
    ) {
        return;
    }
    let mut plan = Plan::new();
    cases::lay_out(&mut plan);
    let bench = plan.open();
    let bench = &bench;
    let seen: Vec<(&Case, Option<i32>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = bench
            .cases
            .iter()
            .map(|case| scope.spawn(move || (case, curl(bench, case))))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut expected: BTreeMap<&str, &[i32]> = CURL.into();
    expected.extend(CURL_CONNECT.map(|name| (name, &[56][..])));
    let mut went = 0;
    for (case, code) in seen {
        let Some(code) = code else {
            assert!(!expected.contains_key(case.name), "{} not tried", case.name);
            continue;
        };
        went += 1;
        let good = expected
            .get(case.name)
            .is_some_and(|all| all.contains(&code));
        assert!(good, "{}: curl ends with {code}", case.name);
    }
    assert_eq!(went, expected.len());
}
