//! Proxies, portals and pages between a host and its destination.

use net::kerberos::{KerberosError, Refusal};

use super::*;
use crate::report::Who;

fn at_proxy(error: ProxyError) -> ProbeReport {
    failed(error)
}

#[test]
fn proxies_tell_their_faults_apart() {
    let proxy = || Endpoint::parse("proxy.test:3128").unwrap();
    let sign_in = |tried| {
        at_proxy(ProxyError::SignInRequired {
            proxy: proxy(),
            offered: vec!["Basic".to_owned()],
            tried,
        })
    };
    let cases: [(&dyn Fn() -> ProbeReport, Verdict); 4] = [
        (&|| sign_in(false), Verdict::SignInRequired),
        (&|| sign_in(true), Verdict::SignInFailed),
        (
            &|| {
                at_proxy(ProxyError::Refused {
                    proxy: proxy(),
                    status: 403,
                })
            },
            Verdict::Denied,
        ),
        (
            &|| {
                at_proxy(ProxyError::Tcp {
                    proxy: proxy(),
                    source: TcpError::Refused { address: address() },
                })
            },
            Verdict::Refused,
        ),
    ];
    for (seen, verdict) in cases {
        let report = of_targets(&["https://a.test"], &proxied(), |_, _| seen());
        let finding = only(&report);
        assert_eq!((finding.stage, finding.verdict), (Stage::Proxy, verdict));
    }
}

#[test]
fn what_stands_before_a_ticket_is_told_with_who_can_mend_it() {
    let kdc = || Endpoint::parse("192.0.2.88:88").unwrap();
    let refused = |code| KerberosError::Refused {
        kdc: kdc(),
        refusal: Refusal {
            code,
            about: "eve@CORP.TEST".to_owned(),
        },
    };
    let unreachable = KerberosError::KdcUnreachable {
        realm: "CORP.TEST".to_owned(),
        kdc: kdc(),
        reason: "no answer".to_owned(),
    };
    let skewed = KerberosError::ClockSkew {
        kdc: kdc(),
        ahead: 1_200,
    };
    let failed = Verdict::SignInFailed;
    let rule = "ip daddr 192.0.2.88 tcp dport 88 accept";
    for (source, verdict, who, line) in [
        (refused(24), failed, Who::Host, "the account"),
        (refused(7), failed, Who::Host, "the account"),
        (unreachable, failed, Who::Firewall, rule),
        (skewed, Verdict::ClockSkew, Who::Host, "timedatectl"),
    ] {
        let report = of_targets(&["https://a.test"], &proxied(), |_, _| {
            at_proxy(ProxyError::NoTicket {
                proxy: Endpoint::parse("proxy.test:3128").unwrap(),
                source: source.clone(),
            })
        });
        let finding = only(&report);
        assert_eq!((finding.stage, finding.verdict), (Stage::Proxy, verdict));
        assert_eq!(finding.who, who, "{source}");
        let lines = finding.mend.lines.join("\n");
        assert!(lines.contains(line), "{lines}");
    }
}

#[test]
fn reputation_is_lost_behind_a_proxy_with_sign_in_and_is_named() {
    let ca = Ca::new("Public Issuer");
    let report = of_sep(&proxied(), |host, through| ProbeReport {
        proxy: through.then(|| ProxySeen {
            signed_in_with: Some(SignInScheme::Basic),
            ..ProxySeen::default()
        }),
        tls: Some(handshake(ca.leaf(host, 2025..2027))),
        ..http(200, &[], "")
    });
    let finding = only(&report);
    assert_eq!(
        (finding.stage, finding.verdict),
        (Stage::Proxy, Verdict::SignInRequired)
    );
    assert!(finding.flows.contains(&"client-reputation".to_owned()));
    assert!(
        finding
            .features
            .contains(&"file reputation (Insight)".to_owned())
    );
    assert!(
        finding
            .mend
            .lines
            .iter()
            .any(|line| line.starts_with("http_access allow")),
        "{:?}",
        finding.mend
    );
}

#[test]
fn a_closed_direct_way_is_no_finding_where_the_proxy_works() {
    let ca = Ca::new("Public Issuer");
    let report = of_targets(
        &["https://a.test"],
        &proxied(),
        |host, through| match through {
            true => ProbeReport {
                tls: Some(handshake(ca.leaf(host, 2025..2027))),
                ..http(200, &[], "")
            },
            false => failed(ResolveError::NoAddress {
                name: host.to_owned(),
            }),
        },
    );
    assert_eq!(report.findings, []);
    assert_eq!(report.result, Outcome::Ok);
    let direct = report
        .checks
        .iter()
        .find(|check| check.path == PathKind::Direct)
        .unwrap();
    assert_eq!(direct.result, Outcome::Skipped);
    assert_eq!(direct.verdict, Some(Verdict::SkippedByProxy));
}

#[test]
fn answers_tell_the_service_from_what_stands_in_between() {
    let portal = [("location", "http://192.0.2.1/portal/login")];
    let cases = [
        (http(302, &portal, ""), Some(Verdict::CaptivePortal)),
        (http(511, &[], ""), Some(Verdict::CaptivePortal)),
        (
            http(403, &[], "<h1>Web Page Blocked</h1> FortiGuard"),
            Some(Verdict::BlockPage),
        ),
        (
            http(405, &[("via", "1.1 proxy")], ""),
            Some(Verdict::MethodBlocked),
        ),
        (http(503, &[], ""), Some(Verdict::UnexpectedStatus)),
        (http(404, &[], ""), None),
        (http(301, &[("location", "https://a.test/")], ""), None),
    ];
    for (seen, verdict) in cases {
        let status = seen.http.as_ref().unwrap().status;
        let seen = std::cell::RefCell::new(Some(seen));
        let judged = verdict_of("http://a.test", || seen.borrow_mut().take().unwrap());
        assert_eq!(judged.1.map(|(_, verdict)| verdict), verdict, "{status}");
    }
    let closed = verdict_of("http://a.test", || failed(HttpError::Closed));
    assert_eq!(closed.1, Some((Stage::Upper, Verdict::Truncated)));
}

#[test]
fn what_should_be_closed_is_ok_closed_and_broken_open() {
    let judged = |open: bool| {
        let mut target = Target::parse("tcp://a.test:23").unwrap();
        target.closed = true;
        let targets = [target];
        let own = targets_catalogue(&targets).unwrap();
        let selection = flows::select(&own, &Site::default()).unwrap();
        let settings = Settings::default();
        let plan = plan(
            &[],
            &targets,
            Some(&selection),
            &direct(),
            &settings,
            &|_, _| Err(String::new()),
        )
        .unwrap();
        let report = report(&plan, |_, _| match open {
            true => ProbeReport {
                peer: Some(address()),
                ..ProbeReport::default()
            },
            false => failed(TcpError::Refused { address: address() }),
        });
        (report.checks[0].result, report.checks[0].verdict)
    };
    assert_eq!(judged(false), (Outcome::Ok, None));
    assert_eq!(
        judged(true),
        (Outcome::Broken, Some(Verdict::OpenThoughClosed))
    );
}

#[test]
fn what_was_not_seen_in_time_is_unknown_and_the_run_undetermined() {
    let targets = [Target::parse("https://a.test").unwrap()];
    let own = targets_catalogue(&targets).unwrap();
    let selection = flows::select(&own, &Site::default()).unwrap();
    let settings = Settings::default();
    let plan = plan(
        &[],
        &targets,
        Some(&selection),
        &direct(),
        &settings,
        &|_, _| Err(String::new()),
    )
    .unwrap();
    for observed in [Observed::Stopped, Observed::TooLong(Duration::from_secs(9))] {
        let report = judge(&plan, &[observed], &context());
        assert_eq!(report.checks[0].result, Outcome::Unknown);
        assert_eq!(report.result.exit_code(), 3);
    }
}
