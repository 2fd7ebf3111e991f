//! What this host itself does not let out.

use net::probe::RepeatedHellos;

use super::*;

fn resolver() -> SocketAddr {
    "192.0.2.53:53".parse().unwrap()
}

fn silent(port: u16) -> ProbeReport {
    failed(TcpError::TimedOut {
        address: SocketAddr::new(address().ip(), port),
        limit: Duration::from_secs(4),
    })
}

fn with_hellos(repeated: u64, held_back: u64) -> Context {
    Context {
        hellos: Some(RepeatedHellos {
            repeated,
            held_back,
        }),
        ..context()
    }
}

#[test]
fn what_the_own_filter_holds_back_is_one_finding_for_the_hosts_administrator() {
    let report = of_targets(
        &["https://a.test", "udp://b.test:514", "tcp://c.test:22"],
        &direct(),
        |host, _| match host {
            "a.test" => failed(ResolveError::Forbidden {
                name: host.to_owned(),
                server: resolver(),
            }),
            "b.test" => failed(UdpError::Forbidden {
                address: "[2001:db8::5]:514".parse().unwrap(),
            }),
            _ => failed(TcpError::Forbidden {
                address: "192.0.2.9:22".parse().unwrap(),
            }),
        },
    );
    let finding = only(&report);
    assert_eq!(
        (finding.stage, finding.verdict, finding.who),
        (Stage::Transport, Verdict::Refused, Who::Host)
    );
    assert_eq!(finding.flows.len(), 3);
    assert_eq!(finding.mend.product, "nftables");
    let (words, lines) = finding.mend.lines.split_first().unwrap();
    assert!(words.starts_with("# on this host"), "{words}");
    let lines: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("nft insert rule inet filter output "))
        .collect();
    assert_eq!(
        lines,
        [
            "ip daddr 192.0.2.53 tcp dport 53 accept",
            "ip daddr 192.0.2.53 udp dport 53 accept",
            "ip daddr 192.0.2.9 tcp dport 22 accept",
            "ip6 daddr 2001:db8::5 udp dport 514 accept",
        ]
    );
}

#[test]
fn silence_is_the_own_filters_where_no_packet_left_and_the_networks_where_one_did() {
    let targets = ["tcp://a.test:22", "tcp://b.test:443"];
    let seen = |host: &str, _: bool| silent(if host == "a.test" { 22 } else { 443 });
    let verdicts = |report: &Report| -> Vec<Option<Verdict>> {
        report.checks.iter().map(|check| check.verdict).collect()
    };
    let report = of_targets_in(&targets, &direct(), seen, &with_hellos(4, 4));
    assert_eq!(verdicts(&report), [Some(Verdict::Refused); 2]);
    let finding = only(&report);
    assert_eq!(finding.who, Who::Host);
    assert!(
        finding.mend.lines.join("\n").contains("tcp dport 443"),
        "{finding:#?}"
    );
    for context in [with_hellos(4, 3), with_hellos(1, 1), context()] {
        let report = of_targets_in(&targets, &direct(), seen, &context);
        assert_eq!(verdicts(&report), [Some(Verdict::TimeOut); 2]);
    }
}

#[test]
fn a_proxy_that_the_own_filter_hides_is_the_hosts_matter() {
    let report = of_targets(&["https://a.test"], &proxied(), |_, through| {
        if through {
            failed(ProxyError::Tcp {
                proxy: "proxy.test:3128".parse().unwrap(),
                source: TcpError::Forbidden {
                    address: "192.0.2.7:3128".parse().unwrap(),
                },
            })
        } else {
            silent(443)
        }
    });
    let finding = only(&report);
    assert_eq!(
        (finding.verdict, finding.who),
        (Verdict::Refused, Who::Host)
    );
    assert!(
        finding
            .mend
            .lines
            .join("\n")
            .contains("ip daddr 192.0.2.7 tcp dport 3128 accept"),
        "{finding:#?}"
    );
}
