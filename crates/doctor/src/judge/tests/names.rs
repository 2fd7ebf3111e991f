//! Who says what of a name.

use net::probe::{NameSaid, NameSource, Opinion};

use super::*;

const FIRST: &str = "192.0.2.53";
const SECOND: &str = "192.0.2.54";

fn server(address: &str, said: NameSaid) -> Opinion {
    Opinion {
        source: NameSource::Server(SocketAddr::new(address.parse().unwrap(), 53)),
        said,
    }
}

fn at(addresses: &[&str]) -> NameSaid {
    NameSaid::Addresses(addresses.iter().map(|one| one.parse().unwrap()).collect())
}

fn refused_with(opinions: Vec<Opinion>) -> ProbeReport {
    ProbeReport {
        dns: Some(DnsSeen {
            name: "a.test".to_owned(),
            addresses: vec![address().ip()],
            opinions,
            ..DnsSeen::default()
        }),
        ..failed(TcpError::Refused { address: address() })
    }
}

#[test]
fn a_horizon_is_split_by_contradiction_and_not_by_many_addresses() {
    let hosts = |said| Opinion {
        source: NameSource::Hosts,
        said,
    };
    let split = [
        [
            server(FIRST, at(&["198.51.100.1"])),
            server(SECOND, NameSaid::NoSuchName),
        ],
        [
            server(FIRST, NameSaid::NoAddress),
            server(SECOND, at(&["198.51.100.1"])),
        ],
        [
            server(FIRST, at(&["10.0.0.1"])),
            server(SECOND, at(&["198.51.100.1"])),
        ],
        [
            hosts(at(&["198.51.100.7"])),
            server(SECOND, at(&["198.51.100.1"])),
        ],
    ];
    for opinions in split {
        let seen = || refused_with(opinions.to_vec());
        let (_, what) = verdict_of("https://a.test", seen);
        assert_eq!(
            what,
            Some((Stage::Dns, Verdict::SplitHorizon)),
            "{opinions:?}"
        );
    }
    let one_mind = [
        [
            server(FIRST, at(&["198.51.100.1"])),
            server(SECOND, at(&["198.51.100.2"])),
        ],
        [
            server(FIRST, at(&["198.51.100.1"])),
            server(SECOND, NameSaid::Nothing),
        ],
        [
            server(FIRST, at(&["10.0.0.1"])),
            server(SECOND, at(&["10.0.0.2"])),
        ],
        [
            hosts(at(&["10.0.0.1"])),
            server(SECOND, at(&["10.0.0.1", "10.0.0.2"])),
        ],
    ];
    for opinions in one_mind {
        let seen = || refused_with(opinions.to_vec());
        let (_, what) = verdict_of("https://a.test", seen);
        assert_eq!(
            what,
            Some((Stage::Transport, Verdict::Refused)),
            "{opinions:?}"
        );
    }
}

#[test]
fn a_service_outside_with_an_address_inside_where_it_is_not_is_a_split_horizon() {
    let inside = |place: &str| ProbeReport {
        dns: Some(DnsSeen {
            addresses: vec![place.parse().unwrap()],
            servers: vec!["192.0.2.53:53".parse().unwrap()],
            ..DnsSeen::default()
        }),
        ..failed(TcpError::Refused { address: address() })
    };
    let report = of_sep(&direct(), |_, _| inside("10.1.2.3"));
    let finding = only(&report);
    assert_eq!(
        (finding.stage, finding.verdict, finding.who),
        (Stage::Dns, Verdict::SplitHorizon, Who::Dns)
    );
    let report = of_sep(&direct(), |_, _| inside("198.51.100.1"));
    assert!(
        report
            .findings
            .iter()
            .all(|one| one.stage == Stage::Transport)
    );
    // What somebody names may well be inside.
    let (_, what) = verdict_of("https://a.test", || inside("10.1.2.3"));
    assert_eq!(what, Some((Stage::Transport, Verdict::Refused)));
}

#[test]
fn a_hosts_file_out_of_date_is_mended_on_this_host() {
    let report = of_targets(&["https://a.test"], &direct(), |_, _| {
        let mut seen = refused_with(vec![
            Opinion {
                source: NameSource::Hosts,
                said: at(&["192.0.2.9"]),
            },
            server(FIRST, at(&["192.0.2.1"])),
        ]);
        if let Some(dns) = &mut seen.dns {
            dns.from_hosts = true;
        }
        seen
    });
    let finding = only(&report);
    assert_eq!(
        (finding.verdict, finding.who),
        (Verdict::SplitHorizon, Who::Host)
    );
    let line = finding.mend.lines.last().unwrap();
    assert!(
        line.starts_with("sed -i.bak '/[[:space:]]a\\.test"),
        "{line}"
    );
}

#[test]
fn who_lets_browsers_pass_and_not_us_blocks_the_user_agent() {
    let seen = |other: Option<u16>| ProbeReport {
        other_agent: other,
        ..http(403, &[], "")
    };
    let blocked = Some((Stage::Upper, Verdict::UserAgentBlocked));
    assert_eq!(verdict_of("http://a.test", || seen(Some(200))).1, blocked);
    for other in [None, Some(403), Some(500)] {
        assert_ne!(verdict_of("http://a.test", || seen(other)).1, blocked);
    }
    let by_proxy = |_: &str, through: bool| match through {
        true => ProbeReport {
            other_agent: Some(200),
            proxy: Some(ProxySeen {
                status: Some(403),
                ..ProxySeen::default()
            }),
            ..failed(ProxyError::Refused {
                proxy: "proxy.test:3128".parse().unwrap(),
                status: 403,
            })
        },
        false => failed(TcpError::Refused { address: address() }),
    };
    let report = of_targets(&["https://a.test"], &proxied(), by_proxy);
    let finding = only(&report);
    assert_eq!(
        (finding.verdict, finding.who),
        (Verdict::UserAgentBlocked, Who::Proxy)
    );
}
