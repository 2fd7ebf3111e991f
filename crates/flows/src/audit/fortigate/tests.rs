use proptest::prelude::*;

use crate::audit::nftables::tests::ASKED;
use crate::audit::{AuditFormat, AuditOptions, AuditReport, FindingKind, audit};
use crate::catalogue::Catalogue;
use crate::select::select;
use crate::site::Site;

const OBJECTS: &str = r#"#config-version=FGT60F-7.4.4-FW-build2662:opmode=0:vdom=0
config system global
    set hostname "gate"
end
config firewall address
    edit "clients"
        set subnet 198.51.100.0 255.255.255.0
    next
    edit "vendor"
        set subnet 192.0.2.0 255.255.255.0
    next
    edit "rep"
        set type fqdn
        set fqdn "*.example.com"
    next
    edit "france"
        set type geography
        set country "FR"
    next
end
config firewall addrgrp
    edit "vendors"
        set member "vendor" "rep"
    next
end
config firewall service custom
    edit "pings"
        set udp-portrange 8000-8004:1024-65535 8005-8010
    next
end
config firewall service group
    edit "web"
        set member "HTTP" "HTTPS" "pings"
    next
end
config firewall ssl-ssh-profile
    edit "deep"
        config https
            set ports 443
            set status deep-inspection
        end
    next
end
"#;

fn policy(id: u32, settings: &str) -> String {
    let settings = settings
        .split(';')
        .map(|setting| format!("        set {}\n", setting.trim()))
        .collect::<String>();
    format!(
        "config firewall policy\n    edit {id}\n        set comments \"one\ntwo\"\n{settings}    next\nend\n"
    )
}

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

fn told(policies: &str) -> [Option<FindingKind>; 3] {
    let report = judged(&format!("{OBJECTS}{policies}"), &AuditOptions::default());
    assert_eq!(report.format, AuditFormat::Fortigate);
    ["updates", "pings", "reputation"].map(|flow| kind(&report, flow))
}

#[test]
fn policies_are_judged_in_their_order() {
    let blocked = Some(FindingKind::Blocked);
    let open = "action accept; srcintf \"any\"; dstintf \"any\"; srcaddr \"clients\"; dstaddr \"vendors\"; schedule \"always\"; service \"web\"";
    assert_eq!(told(&policy(1, open)), [None, None, None]);
    let deny = policy(
        1,
        "action deny; srcaddr \"all\"; dstaddr \"vendor\"; service \"HTTPS\"; schedule \"always\"",
    );
    // The name's addresses might be the vendor's.
    let first = told(&format!("{deny}{}", policy(2, open)));
    assert_eq!(
        first,
        [
            Some(FindingKind::PartlyBlocked),
            None,
            Some(FindingKind::NotJudged)
        ]
    );
    assert_eq!(
        told(&policy(1, &format!("{open}; status disable"))),
        [blocked; 3]
    );
    assert_eq!(
        told(&policy(1, &open.replace("web", "HTTPS"))),
        [Some(FindingKind::PartlyBlocked), blocked, None]
    );
    assert_eq!(
        told(&policy(1, &open.replace("\"vendors\"", "\"rep\""))),
        [blocked, blocked, None]
    );
    assert_eq!(
        told(&policy(1, &format!("{open}; dstaddr-negate enable"))),
        [blocked; 3]
    );
}

#[test]
fn what_the_backup_does_not_say_is_not_judged() {
    let unknown = Some(FindingKind::NotJudged);
    for (was, now) in [
        ("dstaddr \"all\"", "dstaddr \"france\""),
        ("service \"ALL\"", "service \"MYSTERY\""),
        ("schedule \"always\"", "schedule \"hours\""),
        ("srcintf \"any\"", "srcintf \"lan\""),
        (
            "dstaddr \"all\"",
            "internet-service enable; internet-service-name \"Vendor-Web\"",
        ),
        ("srcaddr \"all\"", "srcaddr \"all\"; groups \"staff\""),
    ] {
        let settings = "action accept; srcintf \"any\"; dstintf \"any\"; srcaddr \"all\"; dstaddr \"all\"; schedule \"always\"; service \"ALL\"";
        assert_eq!(told(&policy(1, settings)), [None, None, None]);
        assert_eq!(
            told(&policy(1, &settings.replace(was, now))),
            [unknown; 3],
            "{now}"
        );
    }
    let text = format!(
        "{OBJECTS}{}",
        policy(
            1,
            "action accept; srcintf \"lan\"; dstintf \"any\"; srcaddr \"all\"; dstaddr \"all\"; service \"ALL\""
        )
    );
    let named = |name: &str| AuditOptions {
        interface_in: Some(name.to_owned()),
        ..AuditOptions::default()
    };
    assert_eq!(judged(&text, &named("lan")).counts.permitted, 3);
    assert_eq!(judged(&text, &named("dmz")).counts.blocked, 3);
}

#[test]
fn deep_inspection_is_found_and_exemptions_are_seen() {
    let open = "action accept; srcaddr \"all\"; dstaddr \"all\"; service \"ALL\"; ssl-ssh-profile \"deep\"; webfilter-profile \"strict\"";
    let report = judged(
        &format!("{OBJECTS}{}", policy(1, open)),
        &AuditOptions::default(),
    );
    assert_eq!(
        kind(&report, "updates"),
        Some(FindingKind::Inspected),
        "{}",
        report.text()
    );
    assert!(
        report
            .text()
            .contains("webfilter-profile can stop what it accepts"),
        "{}",
        report.text()
    );
    let report = judged(
        &format!(
            "{OBJECTS}{}",
            policy(1, &open.replace("\"deep\"", "\"certificate-inspection\""))
        ),
        &AuditOptions::default(),
    );
    assert_eq!(report.counts.inspected, 0);
}

#[test]
fn lines_that_are_added_mend_what_is_blocked() {
    let text = format!(
        "{OBJECTS}{}",
        policy(
            7,
            "action deny; srcaddr \"all\"; dstaddr \"all\"; service \"ALL\""
        )
    );
    let before = judged(&text, &AuditOptions::default());
    assert_eq!(before.counts.blocked, 3);
    let lines: Vec<&str> = before
        .findings
        .iter()
        .flat_map(|finding| &finding.lines)
        .map(String::as_str)
        .collect();
    assert!(
        lines.iter().any(|entry| entry.contains(
            "    move 8 before 7
"
        )),
        "{lines:?}"
    );
    let mended = format!("{text}{}\n", lines.join("\n"));
    let after = judged(&mended, &AuditOptions::default());
    assert_eq!(after.counts.permitted, 3, "{}\n{mended}", after.text());
}

#[test]
fn virtual_domains_that_differ_are_not_judged() {
    let open = policy(
        1,
        "action accept; srcaddr \"all\"; dstaddr \"all\"; service \"ALL\"",
    );
    let text = format!(
        "config vdom\nedit root\n{open}next\nedit guest\n{}next\nend\n",
        open.replace("accept", "deny")
    );
    let report = judged(&text, &AuditOptions::default());
    assert_eq!(report.counts.unknown, 3, "{}", report.text());
}

proptest! {
    #[test]
    fn any_text_is_refused_or_judged(
        text in "(config |firewall policy\n|firewall address\n|firewall addrgrp\n|firewall service custom\n|vdom\n|edit 1\n|edit \"a\"\n|set |subnet 1.2.3.4 255.0.0.0\n|member \"a\"\n|srcaddr \"a\"\n|dstaddr all\n|service ALL\n|action accept\n|tcp-portrange 1-2:3\n|next\n|end\n|move 1 before 1\n|\"|\\\\|\n|é){0,60}"
    ) {
        static CATALOGUE: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::parse(ASKED).unwrap());
        let selection = select(&CATALOGUE, &Site::default()).unwrap();
        let _ = audit(text.as_bytes(), Some(AuditFormat::Fortigate), &selection, &AuditOptions::default());
    }
}
