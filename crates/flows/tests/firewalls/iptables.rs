//! The iptables rendering, as iptables-restore and the kernel judge it.

use flows::{Format, Options, PartyId};

use crate::namespace::{Namespace, Row, tcp, udp};
use crate::needs::can_load;
use crate::{sample, selection, site, site_of, text};

const PROGRAMS: [&str; 2] = ["iptables-restore", "ip6tables-restore"];

fn role(role: &str) -> Options {
    Options {
        role: Some(PartyId::parse(role).unwrap()),
        ..Options::default()
    }
}

fn load(host: &Namespace, rules: &str, more: &[&str]) {
    for program in PROGRAMS {
        let arguments: Vec<&str> = std::iter::once(program)
            .chain(more.iter().copied())
            .collect();
        host.must(&arguments, rules);
    }
}

#[test]
fn every_rendering_is_read_by_iptables_restore_and_loads_twice() {
    if !can_load(
        "every_rendering_is_read_by_iptables_restore_and_loads_twice",
        &PROGRAMS,
    ) {
        return;
    }
    let host = Namespace::new();
    let sample = sample();
    for catalogue in crate::catalogues(&sample) {
        let mut all = vec![Options::default()];
        all.extend(
            catalogue
                .parties
                .iter()
                .map(|party| role(party.id.as_str())),
        );
        let site = site_of(catalogue);
        for options in &all {
            let rules = text(&selection(catalogue, &site), Format::Iptables, options);
            load(&host, &rules, &["--test"]);
            for _ in 0..2 {
                load(&host, &rules, &["--noflush"]);
            }
        }
    }
}

#[test]
fn iptables_passes_between_hosts_what_a_flow_asks_for() {
    if !can_load(
        "iptables_passes_between_hosts_what_a_flow_asks_for",
        &PROGRAMS,
    ) {
        return;
    }
    let row = Row::new(&["192.0.2.10/32", "203.0.113.9/32", "2001:db8::10/128"]);
    let sample = sample();
    let rules = text(
        &selection(&sample, &site()),
        Format::Iptables,
        &Options::default(),
    );
    load(&row.router, &rules, &["--noflush"]);
    for program in ["iptables", "ip6tables"] {
        row.router.shell(&format!(
            "{program} -P FORWARD DROP
             {program} -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
             {program} -A FORWARD -m conntrack --ctstate NEW -j flows-sample"
        ));
    }
    let permitted = [
        tcp("192.0.2.10:8014"),
        tcp("[2001:db8::10]:443"),
        udp("203.0.113.9:4500", 0),
    ];
    assert_eq!(row.client.arrive(&permitted), [true; 3]);
    let refused = [
        tcp("192.0.2.10:22"),
        tcp("[2001:db8::10]:22"),
        udp("203.0.113.9:53", 0),
    ];
    assert_eq!(row.client.arrive(&refused), [false; 3]);
    assert_eq!(
        row.server.arrive(&[
            udp("198.51.100.5:8005", 39_999),
            udp("198.51.100.5:8005", 0)
        ]),
        [true, false]
    );
}

#[test]
fn iptables_holds_a_host_to_its_role() {
    if !can_load("iptables_holds_a_host_to_its_role", &PROGRAMS) {
        return;
    }
    let row = Row::new(&["192.0.2.10/32", "2001:db8::10/128"]);
    let sample = sample();
    let rules = text(
        &selection(&sample, &site()),
        Format::Iptables,
        &role("manager"),
    );
    load(&row.server, &rules, &[]);
    let attempts = [
        tcp("192.0.2.10:443"),
        tcp("[2001:db8::10]:443"),
        tcp("192.0.2.10:22"),
        tcp("[2001:db8::10]:22"),
    ];
    assert_eq!(row.client.arrive(&attempts), [true, true, false, false]);
    let dials = [udp("198.51.100.5:8000", 39_999), tcp("198.51.100.5:443")];
    assert_eq!(row.server.arrive(&dials), [true, false]);
    let listed = row.server.shell("iptables -nvL OUTPUT | head -1");
    assert!(!listed.contains("policy DROP 0 packets"), "{listed}");
}
