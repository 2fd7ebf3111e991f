use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::audit::nftables::tests::ASKED;
use crate::audit::{AuditFormat, AuditOptions, AuditReport, FindingKind, audit};
use crate::catalogue::Catalogue;
use crate::select::select;
use crate::site::Site;

fn judged(text: &str, options: &AuditOptions<'_>) -> AuditReport {
    let catalogue = Catalogue::parse(ASKED).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    audit(text.as_bytes(), None, &selection, options).unwrap()
}

fn kind(report: &AuditReport, flow: &str) -> Option<FindingKind> {
    let of = |finding: &&crate::audit::Finding| {
        finding
            .flows
            .iter()
            .any(|found| found.flow.as_str() == flow)
    };
    report.findings.iter().find(of).map(|finding| finding.kind)
}

const ALLOW: &str = "acl clients src 198.51.100.0/24\nacl ssl port 443\nacl good dstdomain .example.com # ours\nhttp_access allow clients ssl good\nhttp_access deny all\n";

#[test]
fn rules_are_judged_in_their_order() {
    let report = judged(ALLOW, &AuditOptions::default());
    assert_eq!(kind(&report, "reputation"), None, "{}", report.text());
    // Port 80 is denied; of port 443 Squid would ask which name the address has.
    assert_eq!(kind(&report, "updates"), Some(FindingKind::PartlyBlocked));
    assert_eq!(kind(&report, "pings"), Some(FindingKind::NotJudged));
    let text = report.text();
    assert!(
        text.contains("because of line 5: http_access deny all"),
        "{text}"
    );
    assert!(
        text.contains("acl updates-0-to dst 192.0.2.1") && text.contains("above line 4"),
        "{text}"
    );
    let turned = "acl good dstdomain .example.com\nhttp_access deny all\nhttp_access allow good\n";
    assert_eq!(
        kind(&judged(turned, &AuditOptions::default()), "reputation"),
        Some(FindingKind::Blocked)
    );
}

#[test]
fn what_depends_on_people_and_hours_is_not_judged() {
    for acl in [
        "proxy_auth REQUIRED",
        "time MTWHF 09:00-17:00",
        "external helper",
        "dst 203.0.113.0/24",
        "dstdomain \"/etc/squid/list\"",
    ] {
        let text = format!("acl x {acl}\nhttp_access allow x\nhttp_access deny all\n");
        let report = judged(&text, &AuditOptions::default());
        assert_eq!(
            kind(&report, "reputation"),
            Some(FindingKind::NotJudged),
            "{acl}"
        );
    }
}

#[test]
fn files_that_are_given_beside_it_are_read() {
    let text = "acl x dstdomain \"/etc/squid/list\"\ninclude /etc/squid/conf.d/*.conf\nhttp_access deny all\n";
    assert_eq!(
        kind(&judged(text, &AuditOptions::default()), "reputation"),
        Some(FindingKind::NotJudged)
    );
    let options = AuditOptions {
        files: BTreeMap::from([
            (
                "/etc/squid/list".to_owned(),
                b"rep.example.com # x\n".to_vec(),
            ),
            (
                "/etc/squid/conf.d/a.conf".to_owned(),
                b"http_access allow x\n".to_vec(),
            ),
        ]),
        ..AuditOptions::default()
    };
    assert_eq!(kind(&judged(text, &options), "reputation"), None);
}

#[test]
fn tls_that_is_broken_open_is_found_where_the_row_forbids_it() {
    let ports =
        "http_port 3128 ssl-bump cert=/x\nacl step1 at_step SslBump1\nhttp_access allow all\n";
    let told = |bump: &str| {
        kind(
            &judged(&format!("{ports}{bump}"), &AuditOptions::default()),
            "updates",
        )
    };
    assert_eq!(
        told("ssl_bump peek step1\nssl_bump bump all\n"),
        Some(FindingKind::Inspected)
    );
    assert_eq!(told("ssl_bump stare all\n"), Some(FindingKind::Inspected));
    assert_eq!(told("ssl_bump peek all\n"), None);
    assert_eq!(
        told("acl ours dst 192.0.2.0/24\nssl_bump splice ours\nssl_bump bump all\n"),
        None
    );
    assert_eq!(
        told("acl x time 09:00-17:00\nssl_bump splice x\nssl_bump bump all\n"),
        Some(FindingKind::MayBeInspected)
    );
    assert_eq!(told("ssl_bump terminate all\n"), Some(FindingKind::Blocked));
    let without_port = "http_port 3128\nhttp_access allow all\nssl_bump bump all\n";
    assert_eq!(
        kind(&judged(without_port, &AuditOptions::default()), "updates"),
        None
    );
}

#[test]
fn a_part_for_tls_alone_blocks_nothing() {
    let part = "acl closed ssl::server_name .example.com\nacl step1 at_step SslBump1\nssl_bump peek step1\nssl_bump splice closed\nssl_bump bump all\n";
    let catalogue = Catalogue::parse(ASKED).unwrap();
    let selection = select(&catalogue, &Site::default()).unwrap();
    let report = audit(part.as_bytes(), None, &selection, &AuditOptions::default()).unwrap();
    let text = report.text();
    assert_eq!(report.counts.blocked, 0, "{text}");
    assert!(text.contains("a part of a configuration"), "{text}");
    let opens = part.replace("splice closed", "bump closed");
    let report = audit(opens.as_bytes(), None, &selection, &AuditOptions::default()).unwrap();
    assert!(report.counts.inspected > 0, "{}", report.text());
}

proptest! {
    #[test]
    fn any_text_is_refused_or_judged(
        text in "(acl |x |y |http_access |ssl_bump |allow |deny |all|!x |src |dst |dstdomain |dstdom_regex |port |any-of |[*(+.$^]|\\.example\\.com |1-2 |10\\.0\\.0\\.0/8 |\n|\\\\\n|include |\"|#|é| |bump |if ){0,60}"
    ) {
        static CATALOGUE: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::parse(ASKED).unwrap());
        let selection = select(&CATALOGUE, &Site::default()).unwrap();
        let text = format!("http_port 1 ssl-bump\n{text}");
        let _ = audit(text.as_bytes(), Some(AuditFormat::Squid), &selection, &AuditOptions::default());
    }
}
