use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use flows::{Catalogue, Site, built_in};
use net::probe::{BodyEnd, DnsSeen, HttpSeen, ProxySeen, SignInScheme, TlsSeen};
use net::{Endpoint, HttpError, Proxy, ProxyError, ResolveError, TcpError, TlsError, UdpError};

use super::*;
use crate::plan::{Settings, plan, targets_catalogue};
use crate::report::{Finding, Who};
use crate::target::Target;
use crate::way::Ways;

mod between;
mod binding;
mod names;
mod own;
mod turns;

/// 2026-01-01T00:00:00Z, within the dates of the certificates here.
const NOW: i64 = 1_767_225_600;

/// A CA that signs leaves.
struct Ca {
    name: String,
    key: rcgen::KeyPair,
    params: rcgen::CertificateParams,
}

impl Ca {
    fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self {
            name: name.to_owned(),
            key: rcgen::KeyPair::generate().unwrap(),
            params,
        }
    }

    fn leaf(&self, host: &str, years: std::ops::Range<i32>) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        params.use_authority_key_identifier_extension = true;
        let key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::from_params(&self.params, &self.key);
        params.signed_by(&key, &issuer).unwrap().der().to_vec()
    }
}

fn untrusted() -> TlsError {
    TlsError::Untrusted {
        reason: "unknown issuer".to_owned(),
    }
}

/// A handshake that was refused because nobody trusts the chain.
fn refused(leaf: Vec<u8>) -> ProbeReport {
    ProbeReport {
        failure: Some(untrusted().into()),
        tls: Some(TlsSeen {
            ended: TlsEnd::Refused,
            host_trusts: Some(Err(untrusted())),
            public_trusts: Some(Err(untrusted())),
            ..handshake(leaf)
        }),
        ..ProbeReport::default()
    }
}

/// A handshake that everybody trusts.
fn handshake(leaf: Vec<u8>) -> TlsSeen {
    TlsSeen {
        ended: TlsEnd::Established,
        version: Some("TLS 1.3"),
        suite: None,
        alpn: None,
        chain: vec![leaf],
        host_trusts: Some(Ok(())),
        public_trusts: Some(Ok(())),
        pin_matches: None,
        scts: 2,
        ocsp_stapled: false,
        exporter: None,
        client_certificate_wanted: false,
        first_bytes: Vec::new(),
    }
}

fn cut(ended: TlsEnd, error: TlsError) -> ProbeReport {
    ProbeReport {
        failure: Some(error.into()),
        tls: Some(TlsSeen {
            ended,
            chain: Vec::new(),
            host_trusts: None,
            public_trusts: None,
            ..handshake(Vec::new())
        }),
        ..ProbeReport::default()
    }
}

fn http(status: u16, headers: &[(&str, &str)], body: &str) -> ProbeReport {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ProbeReport {
        http: Some(HttpSeen {
            version: "HTTP/1.1",
            status,
            headers: headers.collect(),
            head_of_body: body.as_bytes().to_vec(),
            body: BodyEnd::Complete,
            upgrade: None,
        }),
        ..ProbeReport::default()
    }
}

fn failed(failure: impl Into<net::StageFailure>) -> ProbeReport {
    ProbeReport {
        failure: Some(failure.into()),
        ..ProbeReport::default()
    }
}

fn address() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

/// Judges targets; the reports are in the order of the plan's probes.
fn of_targets(targets: &[&str], ways: &Ways, seen: impl Fn(&str, bool) -> ProbeReport) -> Report {
    of_targets_in(targets, ways, seen, &context())
}

fn of_targets_in(
    targets: &[&str],
    ways: &Ways,
    seen: impl Fn(&str, bool) -> ProbeReport,
    context: &Context,
) -> Report {
    let targets: Vec<Target> = targets
        .iter()
        .map(|text| Target::parse(text).unwrap())
        .collect();
    let own = targets_catalogue(&targets).unwrap();
    let selection = flows::select(&own, &Site::default()).unwrap();
    let settings = Settings::default();
    let plan = plan(&[], &targets, Some(&selection), ways, &settings, &|_, _| {
        Err("no PAC file".to_owned())
    })
    .unwrap();
    report_in(&plan, seen, context)
}

fn report(plan: &Plan<'_>, seen: impl Fn(&str, bool) -> ProbeReport) -> Report {
    report_in(plan, seen, &context())
}

fn report_in(
    plan: &Plan<'_>,
    seen: impl Fn(&str, bool) -> ProbeReport,
    context: &Context,
) -> Report {
    let observed: Vec<Observed> = plan
        .probes
        .iter()
        .map(|probe| {
            let through = matches!(probe.route, net::probe::ProbeRoute::Proxy(_));
            let host = probe.endpoint.host.to_string();
            Observed::Seen(Box::new(seen(&host, through)))
        })
        .collect();
    judge(plan, &observed, context)
}

fn context() -> Context {
    Context {
        now: NOW,
        took_ms: 12,
        language: "en".to_owned(),
        hellos: None,
    }
}

fn direct() -> Ways {
    Ways::new(None, None, None)
}

fn proxied() -> Ways {
    Ways::new(
        None,
        Some(Proxy::parse("http://proxy.test:3128").unwrap()),
        None,
    )
}

fn of_sep(ways: &Ways, seen: impl Fn(&str, bool) -> ProbeReport) -> Report {
    let sep = Catalogue::built_in(built_in::SEP).unwrap();
    let selection = flows::select(sep, &Site::default()).unwrap();
    let settings = Settings::default();
    let plan = plan(&[selection], &[], None, ways, &settings, &|_, _| {
        Err("no PAC file".to_owned())
    })
    .unwrap();
    report(&plan, seen)
}

/// The verdict of one target on the direct way.
fn verdict_of(target: &str, seen: impl Fn() -> ProbeReport) -> (Outcome, Option<(Stage, Verdict)>) {
    let report = of_targets(&[target], &direct(), |_, _| seen());
    let check = &report.checks[0];
    (check.result, check.stage.zip(check.verdict))
}

fn only(report: &Report) -> &Finding {
    let [finding] = report.findings.as_slice() else {
        panic!("{:#?}", report.findings);
    };
    finding
}

#[test]
fn a_healthy_network_has_no_finding() {
    let ca = Ca::new("Public Issuer");
    let report = of_sep(&direct(), |host, _| ProbeReport {
        tls: Some(handshake(ca.leaf(host, 2025..2027))),
        ..http(200, &[], "")
    });
    assert_eq!(report.findings, []);
    assert_eq!(report.result, Outcome::Ok);
    assert!(report.checked > 30);
}

#[test]
fn many_hosts_behind_one_inspecting_proxy_are_one_finding() {
    let inspecting = Ca::new("squid proxy CA");
    let public = Ca::new("Public Issuer");
    let report = of_sep(&proxied(), |host, through| match through {
        true => refused(inspecting.leaf(host, 2025..2027)),
        false => ProbeReport {
            tls: Some(handshake(public.leaf(host, 2025..2027))),
            ..http(200, &[], "")
        },
    });
    let inspected: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.stage == Stage::Tls)
        .collect();
    let [finding] = inspected.as_slice() else {
        panic!("{inspected:#?}");
    };
    assert_eq!(finding.verdict, Verdict::Inspected);
    assert_eq!(finding.result, Outcome::Broken);
    assert!(finding.endpoints.len() >= 20, "{}", finding.endpoints.len());
    assert!(
        finding.cause.contains(&inspecting.name),
        "{}",
        finding.cause
    );
    assert_eq!(finding.who, Who::Proxy);
    assert!(
        finding
            .features
            .contains(&"file reputation (Insight)".to_owned())
    );
    assert_eq!(finding.mend.product, "squid");
    let lines = finding.mend.lines.join("\n");
    assert!(lines.contains("ssl_bump splice"), "{lines}");
    assert!(lines.contains("ent-shasta-rrs.symantec.com"), "{lines}");
    assert!(
        !lines.contains("tus1gwynwapex01.symantec.com acl"),
        "{lines}"
    );
}

#[test]
fn a_chain_that_only_this_host_trusts_is_inspected_and_names_the_issuer() {
    let ca = Ca::new("Corp Inspection CA");
    let report = of_targets(&["https://a.test"], &direct(), |host, _| ProbeReport {
        tls: Some(TlsSeen {
            public_trusts: Some(Err(untrusted())),
            ..handshake(ca.leaf(host, 2025..2027))
        }),
        ..http(200, &[], "")
    });
    let finding = only(&report);
    assert_eq!(finding.verdict, Verdict::Inspected);
    assert!(finding.cause.contains("Corp Inspection CA"), "{finding:?}");
    assert_eq!(finding.who, Who::Firewall);
}

#[test]
fn one_untrusted_server_is_untrusted_and_not_inspected() {
    let ca = Ca::new("Home Made");
    let report = of_targets(&["https://a.test"], &direct(), |host, _| {
        refused(ca.leaf(host, 2025..2027))
    });
    assert_eq!(only(&report).verdict, Verdict::Untrusted);
}

#[test]
fn certificates_tell_their_faults_apart() {
    let ca = Ca::new("Some CA");
    let of = |host: &str, years| refused(ca.leaf(host, years));
    for (seen, verdict) in [
        (of("a.test", 2020..2025), Verdict::Expired),
        (of("a.test", 2027..2028), Verdict::ClockSkew),
        (of("b.test", 2025..2027), Verdict::NameMismatch),
        (of("a.test", 2025..2027), Verdict::Untrusted),
    ] {
        let seen = std::cell::RefCell::new(Some(seen));
        let judged = verdict_of("https://a.test", || seen.borrow_mut().take().unwrap());
        assert_eq!(judged, (Outcome::Broken, Some((Stage::Tls, verdict))));
    }
}

#[test]
fn several_hosts_out_of_date_are_this_hosts_clock() {
    let ca = Ca::new("Some CA");
    let report = of_targets(
        &["https://a.test", "https://b.example"],
        &direct(),
        |host, _| refused(ca.leaf(host, 2020..2025)),
    );
    let finding = only(&report);
    assert_eq!(finding.verdict, Verdict::ClockSkew);
    assert_eq!(finding.who, Who::Host);
    assert_eq!(finding.mend.lines, ["timedatectl set-ntp true"]);
}

#[test]
fn an_open_port_that_does_not_let_https_through_is_told_apart() {
    let closed = || TlsError::Closed {
        reason: "reset".to_owned(),
    };
    for (ended, verdict) in [
        (TlsEnd::ResetAfterHello, Verdict::ResetAfterHello),
        (TlsEnd::ClosedAfterHello, Verdict::ResetAfterHello),
        (TlsEnd::NotTls, Verdict::NotTls),
        (TlsEnd::TimedOut, Verdict::TimeOut),
    ] {
        let report = of_targets(&["https://a.test"], &direct(), |_, _| {
            cut(ended.clone(), closed())
        });
        let finding = only(&report);
        assert_eq!((finding.stage, finding.verdict), (Stage::Tls, verdict));
        assert!(
            finding
                .cause
                .contains("port 443 is open but HTTPS is not allowed"),
            "{}",
            finding.cause
        );
    }
}

#[test]
fn alerts_tell_versions_from_client_certificates() {
    let alert = |name: &str| {
        cut(
            TlsEnd::Alert(name.to_owned()),
            TlsError::Alert {
                alert: name.to_owned(),
            },
        )
    };
    for (name, verdict) in [
        ("ProtocolVersion", Verdict::VersionOrCipher),
        ("HandshakeFailure", Verdict::VersionOrCipher),
        ("CertificateRequired", Verdict::ClientCertificateRequired),
        ("UnrecognizedName", Verdict::NameMismatch),
    ] {
        let judged = verdict_of("https://a.test", || alert(name));
        assert_eq!(judged.1, Some((Stage::Tls, verdict)), "{name}");
    }
    let late = || failed(HttpError::Tls(TlsError::ClientCertificateRequired));
    let judged = verdict_of("https://a.test", late);
    assert_eq!(
        judged.1,
        Some((Stage::Tls, Verdict::ClientCertificateRequired))
    );
}

#[test]
fn names_tell_their_faults_apart() {
    let name = || "a.test".to_owned();
    let server: SocketAddr = "192.0.2.53:53".parse().unwrap();
    let no_such = || {
        failed(ResolveError::NoSuchName {
            name: name(),
            server,
        })
    };
    let failure = || {
        failed(ResolveError::ServerFailure {
            name: name(),
            server,
            reason: "SERVFAIL".to_owned(),
        })
    };
    let silent = || {
        failed(ResolveError::TimedOut {
            name: name(),
            limit: Duration::from_secs(1),
        })
    };
    let empty = || failed(ResolveError::NoAddress { name: name() });
    let lying = || ProbeReport {
        dns: Some(DnsSeen {
            name: name(),
            addresses: vec!["0.0.0.0".parse().unwrap()],
            servers: vec![server],
            ..DnsSeen::default()
        }),
        ..failed(TcpError::Refused { address: address() })
    };
    let cases: [(&dyn Fn() -> ProbeReport, Verdict); 5] = [
        (&no_such, Verdict::NoSuchName),
        (&failure, Verdict::ServerFailure),
        (&silent, Verdict::TimeOut),
        (&empty, Verdict::NoAddress),
        (&lying, Verdict::Sinkholed),
    ];
    for (seen, verdict) in cases {
        let judged = verdict_of("https://a.test", seen);
        assert_eq!(judged, (Outcome::Broken, Some((Stage::Dns, verdict))));
    }
}

#[test]
fn a_name_server_that_knows_no_name_is_one_cause_and_one_missing_name_its_own() {
    let server: SocketAddr = "192.0.2.53:53".parse().unwrap();
    let missing = |host: &str| {
        failed(ResolveError::NoSuchName {
            name: host.to_owned(),
            server,
        })
    };
    let report = of_sep(&direct(), |host, _| missing(host));
    assert!(only(&report).endpoints.len() > 20);
    assert_eq!(only(&report).who, Who::Dns);
    let targets = ["tcp://a.test:22", "tcp://b.test:22", "tcp://c.test:22"];
    let report = of_targets(&targets, &direct(), |host, _| match host {
        "c.test" => ProbeReport {
            dns: Some(DnsSeen {
                addresses: vec!["192.0.2.7".parse().unwrap()],
                ..DnsSeen::default()
            }),
            ..ProbeReport::default()
        },
        host => missing(host),
    });
    assert_eq!(report.findings.len(), 2);
}

#[test]
fn transports_tell_their_faults_apart() {
    let address = address();
    let source = |kind| io::Error::from(kind);
    let cases: [(&dyn Fn() -> ProbeReport, Verdict); 4] = [
        (&|| failed(TcpError::Refused { address }), Verdict::Refused),
        (
            &|| {
                failed(TcpError::TimedOut {
                    address,
                    limit: Duration::from_secs(1),
                })
            },
            Verdict::TimeOut,
        ),
        (
            &|| {
                failed(TcpError::Unreachable {
                    address,
                    source: source(io::ErrorKind::NetworkUnreachable),
                })
            },
            Verdict::Unreachable,
        ),
        (
            &|| {
                failed(TcpError::Failed {
                    address,
                    source: source(io::ErrorKind::ConnectionReset),
                })
            },
            Verdict::Reset,
        ),
    ];
    for (seen, verdict) in cases {
        let judged = verdict_of("tcp://a.test:22", seen);
        assert_eq!(judged, (Outcome::Broken, Some((Stage::Transport, verdict))));
    }
    let judged = verdict_of("udp://a.test:514", || {
        failed(UdpError::Unconfirmed {
            address,
            limit: Duration::from_secs(1),
        })
    });
    assert_eq!(
        judged,
        (
            Outcome::Unknown,
            Some((Stage::Transport, Verdict::UdpUnconfirmed))
        )
    );
}

#[test]
fn lost_packets_of_many_hosts_are_one_finding_with_the_rules_to_add() {
    let report = of_targets(
        &["https://a.test", "https://b.example", "https://c.example"],
        &direct(),
        |host, _| ProbeReport {
            dns: Some(DnsSeen {
                name: host.to_owned(),
                addresses: vec!["192.0.2.7".parse().unwrap()],
                ..DnsSeen::default()
            }),
            ..failed(TcpError::TimedOut {
                address: address(),
                limit: Duration::from_secs(1),
            })
        },
    );
    let finding = only(&report);
    assert_eq!(finding.endpoints.len(), 3);
    assert_eq!(finding.who, Who::Firewall);
    assert_eq!(finding.mend.product, "nftables");
    let lines = finding.mend.lines.join("\n");
    assert!(
        lines.contains("ip daddr 192.0.2.7 tcp dport 443"),
        "{lines}"
    );
}
