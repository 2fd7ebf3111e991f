//! Several ways of a PAC file's answer.

use flows::audit::PacAnswer;

use super::*;
use crate::way::PacSource;

fn by_pac(answer: &str, seen: impl Fn(&str) -> ProbeReport) -> Report {
    let targets = vec![Target::parse("https://a.test").unwrap()];
    let own = targets_catalogue(&targets).unwrap();
    let selection = flows::select(&own, &Site::default()).unwrap();
    let source = PacSource {
        name: "wpad.dat".to_owned(),
        script: Ok("function FindProxyForURL() {}".to_owned()),
        credentials: None,
    };
    let ways = Ways::new(None, None, Some(source));
    let settings = Settings::default();
    let plan = plan(
        &[],
        &targets,
        Some(&selection),
        &ways,
        &settings,
        &|_, asked| {
            let answers = asked.iter().map(|_| PacAnswer {
                result: Ok(answer.to_owned()),
                missing: Vec::new(),
            });
            Ok(answers.collect())
        },
    )
    .unwrap();
    let observed: Vec<Observed> = plan
        .probes
        .iter()
        .map(|probe| {
            let by = match &probe.route {
                net::probe::ProbeRoute::Proxy(proxy) => proxy.endpoint.host.to_string(),
                net::probe::ProbeRoute::Direct => "direct".to_owned(),
            };
            Observed::Seen(Box::new(seen(&by)))
        })
        .collect();
    judge(&plan, &observed, &context())
}

fn dead(proxy: &str) -> ProbeReport {
    failed(ProxyError::Tcp {
        proxy: format!("{proxy}:3128").parse().unwrap(),
        source: TcpError::Refused { address: address() },
    })
}

fn of_pac(report: &Report) -> &Check {
    let mut checks = report.checks.iter();
    checks.find(|check| check.path == PathKind::Pac).unwrap()
}

#[test]
fn the_next_way_is_taken_where_a_proxy_is_dead_and_that_is_degraded() {
    for (rest, via) in [("PROXY b:3128", Some("http://b:3128")), ("DIRECT", None)] {
        let report = by_pac(&format!("PROXY a:3128; {rest}"), |by| match by {
            "a" => dead("a"),
            _ => http(200, &[], ""),
        });
        let check = of_pac(&report);
        assert_eq!(check.result, Outcome::Degraded, "{check:#?}");
        assert_eq!(
            (check.stage, check.verdict),
            (Some(Stage::Proxy), Some(Verdict::Refused))
        );
        assert_eq!(check.via.as_deref(), via);
        assert!(
            check
                .evidence
                .iter()
                .any(|one| one.kind == "proxy_given_up")
        );
        assert_eq!(only(&report).who, Who::Proxy);
    }
}

#[test]
fn a_proxy_that_is_there_and_says_no_has_the_last_word() {
    let report = by_pac("PROXY a:3128; PROXY b:3128", |by| match by {
        "a" => failed(ProxyError::Refused {
            proxy: "a:3128".parse().unwrap(),
            status: 403,
        }),
        _ => http(200, &[], ""),
    });
    let check = of_pac(&report);
    assert_eq!(check.verdict, Some(Verdict::Denied));
    assert_eq!(check.result, Outcome::Broken);
}

#[test]
fn where_all_are_dead_it_is_broken_and_all_of_them_are_named() {
    let report = by_pac("PROXY a:3128; PROXY b:3128", dead);
    let check = of_pac(&report);
    assert_eq!(check.result, Outcome::Broken);
    assert_eq!(check.via.as_deref(), Some("http://b:3128"));
    let given_up = check
        .evidence
        .iter()
        .find(|one| one.kind == "proxy_given_up");
    assert!(
        given_up.unwrap().value.starts_with("http://a:3128"),
        "{check:#?}"
    );
}

#[test]
fn a_kind_of_proxy_that_is_not_checked_is_unknown_where_it_is_its_turn() {
    let fine = |_: &str| http(200, &[], "");
    for (answer, unknown) in [
        ("SOCKS s:1080; PROXY a:3128", true),
        ("HTTPS s:443", true),
        ("PROXY a:3128; SOCKS5 s:1080", false),
    ] {
        let report = by_pac(answer, fine);
        let expected = if unknown {
            Outcome::Unknown
        } else {
            Outcome::Ok
        };
        assert_eq!(of_pac(&report).result, expected, "{answer}");
    }
    let report = by_pac("PROXY a:3128; SOCKS5 s:1080", dead);
    let check = of_pac(&report);
    assert_eq!(check.result, Outcome::Unknown);
    assert!(
        check.detail.contains("a:3128") && check.detail.contains("SOCKS5 s:1080"),
        "{}",
        check.detail
    );
}
