//! How our own servers see their end of the connection.

use super::*;

const HERE: [u8; 32] = [1; 32];
const ELSEWHERE: [u8; 32] = [2; 32];

/// A connection to the manager by a certificate of this authority, which the site trusts.
fn connection(ca: &Ca, here: Option<[u8; 32]>, server: Option<[u8; 32]>) -> ProbeReport {
    ProbeReport {
        tls: Some(TlsSeen {
            public_trusts: Some(Err(untrusted())),
            exporter: here,
            scts: 0,
            ..handshake(ca.leaf("manager.test", 2025..2027))
        }),
        server_exporter: server,
        ..http(404, &[], "")
    }
}

/// Judges the agent's channel. `trust` is whom the site trusts, else it is the host's store.
fn of_channel(trust: Option<ProbeTrust>, ways: &Ways, seen: impl Fn() -> ProbeReport) -> Report {
    let mut site = Site::default();
    site.set("manager=manager.test").unwrap();
    let selection = flows::select(Catalogue::garrison(), &site).unwrap();
    let settings = Settings {
        site_trust: trust,
        role: Some(flows::PartyId::parse("agent").unwrap()),
        ..Settings::default()
    };
    let plan = plan(&[selection], &[], None, ways, &settings, &|_, _| {
        Err("no PAC file".to_owned())
    })
    .unwrap();
    report(&plan, |_, _| seen())
}

/// The site trusts this authority, and so does the host's store.
fn trusts() -> [Option<ProbeTrust>; 2] {
    [Some(ProbeTrust::Ca { der: vec![1] }), None]
}

fn channel(report: &Report) -> &Check {
    let mut checks = report.checks.iter();
    checks
        .find(|check| check.flow == "agent-channel" && check.result != Outcome::Skipped)
        .unwrap()
}

#[test]
fn what_opens_tls_is_found_although_the_site_trusts_its_authority() {
    let ca = Ca::new("Corp Inspection CA");
    for trust in trusts() {
        // One that speaks an older version of TLS here leaves this end without a value.
        for here in [Some(HERE), None] {
            let report = of_channel(trust.clone(), &direct(), || {
                connection(&ca, here, Some(ELSEWHERE))
            });
            let finding = only(&report);
            assert_eq!(
                (finding.stage, finding.verdict, finding.result),
                (Stage::Tls, Verdict::Inspected, Outcome::Broken)
            );
            assert_eq!(finding.flows, ["agent-channel"]);
            assert!(finding.cause.contains(&ca.name), "{finding:#?}");
            let sign = inspection::Sign::ExporterDiffers.words();
            assert!(
                finding.evidence.iter().any(|one| one.value.contains(sign)),
                "{finding:#?}"
            );
            assert_eq!(finding.who, Who::Firewall);
        }
    }
}

#[test]
fn the_proxy_that_opens_tls_is_to_let_it_through() {
    let ca = Ca::new("squid proxy CA");
    let report = of_channel(None, &proxied(), || {
        connection(&ca, Some(HERE), Some(ELSEWHERE))
    });
    let finding = only(&report);
    assert_eq!(finding.verdict, Verdict::Inspected);
    assert_eq!(finding.who, Who::Proxy);
    assert_eq!(finding.mend.product, "squid");
    let lines = finding.mend.lines.join("\n");
    for part in [
        "ssl::server_name manager.test",
        "ssl_bump splice inside_names",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
}

#[test]
fn the_same_value_at_both_ends_is_told_as_evidence_that_nothing_opens_tls() {
    let ca = Ca::new("Site CA");
    for trust in trusts() {
        let report = of_channel(trust, &direct(), || connection(&ca, Some(HERE), Some(HERE)));
        assert_eq!(report.findings, []);
        let check = channel(&report);
        assert_eq!(check.result, Outcome::Ok);
        assert!(
            check.evidence.iter().any(|one| one.kind == "exporter"),
            "{check:#?}"
        );
    }
}

#[test]
fn of_a_server_that_does_not_say_nothing_is_concluded() {
    let ca = Ca::new("Site CA");
    for trust in trusts() {
        for here in [Some(HERE), None] {
            let report = of_channel(trust.clone(), &direct(), || connection(&ca, here, None));
            assert_eq!(report.findings, []);
            let check = channel(&report);
            assert_eq!(check.result, Outcome::Ok);
            assert_eq!(check.evidence, []);
        }
    }
}
