//! What seeds are made for is read from them: a change of a seed that nobody understands finds
//! nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at a broken expectation"
)]

use doctor::Report;
use fuzz::{find, revocation};
use net::fuzzing::{
    HttpForm, dns_answer, http_answer, kerberos_answer, kerberos_answer_of, kerberos_cache,
    kerberos_settings, ntlm_answer, proxy_answer, resolver_files, sign_in, told_binding,
};

fn seeds(name: &str) -> Vec<Vec<u8>> {
    (find(name).unwrap().seeds)()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn what_name_servers_and_files_say_is_read() {
    let dns = seeds("dns-answers");
    let read: Vec<_> = dns.iter().map(|seed| dns_answer(seed)).collect();
    assert_eq!(read, [Some((1, 1, 0)), Some((0, 0, 1)), Some((0, 0, 0))]);
    let files = seeds("resolver-files");
    let (servers, names) = resolver_files(text(&files[0]), "");
    assert_eq!((servers.len(), names.len()), (2, 3));
}

#[test]
fn what_proxies_and_servers_say_is_read() {
    let rounds = |seed: &[u8]| -> Vec<Vec<String>> {
        let rounds = text(seed).split("\n\n");
        rounds
            .map(|round| round.lines().map(str::to_owned).collect())
            .collect()
    };
    let sent = seeds("proxy-sign-in");
    let sent: Vec<usize> = sent
        .iter()
        .map(|seed| sign_in(&rounds(seed)).len())
        .collect();
    assert_eq!(sent, [1, 2, 2]);
    let challenges = seeds("ntlm-challenges");
    assert!(challenges.iter().all(|seed| ntlm_answer(seed).is_some()));
    let (status, schemes) = proxy_answer(&seeds("proxy-answers")[0]).unwrap();
    assert_eq!((status, schemes.len()), (407, 2));
    let answers = seeds("http-answers");
    let told = http_answer(&answers[0], HttpForm::Http1).unwrap();
    assert_eq!(told_binding(&told), Some([0x0f; 32]));
    let moved = http_answer(&answers[1], HttpForm::Http1).unwrap();
    assert_eq!(
        (moved.status, moved.head_of_body.as_slice()),
        (302, b"body".as_slice())
    );
    let upgraded = http_answer(&answers[2], HttpForm::Upgrade).unwrap();
    assert!(upgraded.upgrade.is_some());
    let second = http_answer(&seeds("http2-answers")[0], HttpForm::Http2).unwrap();
    assert_eq!(
        (second.status, second.head_of_body.as_slice()),
        (200, b"{}".as_slice())
    );
}

#[test]
fn what_domain_controllers_and_caches_say_is_read() {
    let parts = seeds("kerberos-parts");
    assert!(kerberos_answer(&kerberos_answer_of(&parts[0]).unwrap()));
    assert_eq!(kerberos_cache(&seeds("kerberos-caches")[0]), 2);
    assert_eq!(kerberos_settings(text(&seeds("kerberos-settings")[0])), 2);
}

#[test]
fn what_issuers_say_is_read() {
    let answers = seeds("ocsp-answers");
    assert_eq!(revocation().by_ocsp(&answers[0]), Ok(true));
    assert!(revocation().by_ocsp(&answers[1]).is_err());
    let lists = seeds("revocation-lists");
    assert_eq!(revocation().by_list(&lists[0], "a.test"), Ok(true));
}

#[test]
fn what_the_doctors_child_says_is_read() {
    for seed in seeds("doctor-reports") {
        serde_json::from_slice::<Report>(&seed).unwrap();
    }
}
