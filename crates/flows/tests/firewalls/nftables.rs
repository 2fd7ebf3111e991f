//! The nftables rendering, as nft and the kernel judge it.

use flows::{Format, Options, PartyId};

use crate::namespace::{Namespace, Packet, Row, tcp, udp};
use crate::needs::can_load;
use crate::{sample, selection, site, site_of, text};

const FORWARD: &str = "table inet filter {
    counter dropped { }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state new jump flows-sample
        counter name \"dropped\" drop
    }
}";

fn role(role: &str) -> Options {
    Options {
        role: Some(PartyId::parse(role).unwrap()),
        ..Options::default()
    }
}

/// How many packets a named counter of a table has seen.
fn counted(host: &Namespace, table: &str, counter: &str) -> usize {
    let text = host.must(&["nft", "list", "counter", "inet", table, counter], "");
    let after = text.split("packets ").nth(1).unwrap();
    after.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn every_rendering_is_read_by_nft_and_loads_twice() {
    if !can_load("every_rendering_is_read_by_nft_and_loads_twice", &["nft"]) {
        return;
    }
    let host = Namespace::new();
    let mut given = Options::default();
    for (name, networks) in [
        (
            "update.example.com",
            vec!["192.0.2.80/32", "2001:db8:80::/64"],
        ),
        ("*.cdn.example.net", vec!["203.0.113.64/26"]),
    ] {
        let networks = networks.iter().map(|one| one.parse().unwrap()).collect();
        given.addresses.insert(name.to_owned(), networks);
    }
    let sample = sample();
    for catalogue in crate::catalogues(&sample) {
        let mut all = vec![Options::default()];
        if catalogue.id.as_str() == "sample" {
            all.push(given.clone());
        }
        all.extend(
            catalogue
                .parties
                .iter()
                .map(|party| role(party.id.as_str())),
        );
        for options in &all {
            let site = site_of(catalogue);
            let rules = text(&selection(catalogue, &site), Format::Nftables, options);
            for _ in 0..2 {
                host.must(&["nft", "-c", "-f", "-"], &rules);
                host.must(&["nft", "-f", "-"], &rules);
            }
        }
    }
}

#[test]
fn between_hosts_only_what_a_flow_asks_for_passes() {
    if !can_load("between_hosts_only_what_a_flow_asks_for_passes", &["nft"]) {
        return;
    }
    let row = Row::new(&[
        "192.0.2.10/32",
        "192.0.2.11/32",
        "192.0.2.80/32",
        "203.0.113.9/32",
        "2001:db8::10/128",
        "2001:db8::11/128",
    ]);
    let sample = sample();
    let selection = selection(&sample, &site());
    let mut options = Options::default();
    options.addresses.insert(
        "update.example.com".to_owned(),
        vec!["192.0.2.80/32".parse().unwrap()],
    );
    let rules = text(&selection, Format::Nftables, &options);
    row.router.must(&["nft", "-f", "-"], &rules);
    row.router.must(&["nft", "-f", "-"], FORWARD);
    let permitted = [
        tcp("192.0.2.10:8014"),
        tcp("192.0.2.10:443"),
        tcp("[2001:db8::10]:443"),
        tcp("192.0.2.10:9443"),
        tcp("192.0.2.80:80"),
        udp("203.0.113.9:4500", 0),
    ];
    assert_eq!(row.client.arrive(&permitted), [true; 6]);
    assert_eq!(counted(&row.router, "filter", "dropped"), 0);
    let refused = [
        tcp("192.0.2.10:22"),
        tcp("192.0.2.11:443"),
        tcp("[2001:db8::10]:22"),
        tcp("[2001:db8::11]:443"),
        tcp("192.0.2.80:8014"),
        udp("203.0.113.9:53", 0),
    ];
    assert_eq!(row.client.arrive(&refused), [false; 6]);
    let dropped = counted(&row.router, "filter", "dropped");
    assert!(dropped >= refused.len(), "{dropped} packets dropped");
    // The manager wakes clients from its own port alone.
    let wake: [Packet; 2] = [
        udp("198.51.100.5:8005", 39_999),
        udp("198.51.100.5:8011", 39_999),
    ];
    assert_eq!(row.server.arrive(&wake[..1]), [true]);
    assert_eq!(row.server.arrive(&wake[1..]), [false]);
    assert_eq!(row.server.arrive(&[udp("198.51.100.5:8005", 0)]), [false]);
    // A name whose set is empty is out of reach until the set is filled, as the file says.
    let cdn = [tcp("192.0.2.11:443")];
    row.router
        .shell("nft add element inet filter flows-sample-reputation-4 '{ 192.0.2.11 }'");
    assert_eq!(row.client.arrive(&cdn), [true]);
}

#[test]
fn a_host_in_a_role_drops_and_counts_what_no_flow_asks_for() {
    if !can_load(
        "a_host_in_a_role_drops_and_counts_what_no_flow_asks_for",
        &["nft"],
    ) {
        return;
    }
    let row = Row::new(&["192.0.2.10/32", "192.0.2.80/32", "2001:db8::10/128"]);
    let sample = sample();
    let selection = selection(&sample, &site());
    let mut options = role("manager");
    options.addresses.insert(
        "update.example.com".to_owned(),
        vec!["198.51.100.1/32".parse().unwrap()],
    );
    let rules = text(&selection, Format::Nftables, &options);
    row.server.must(&["nft", "-f", "-"], &rules);
    let (table, dropped_in, dropped_out) = ("flows-sample-manager", "dropped-in", "dropped-out");
    // Neighbours are found over IPv6, too.
    let listeners = [
        tcp("192.0.2.10:443"),
        tcp("192.0.2.10:8014"),
        tcp("192.0.2.10:9443"),
        tcp("[2001:db8::10]:443"),
    ];
    assert_eq!(row.client.arrive(&listeners), [true; 4]);
    assert_eq!(counted(&row.server, table, dropped_in), 0);
    let others = [
        tcp("192.0.2.10:22"),
        tcp("[2001:db8::10]:22"),
        udp("192.0.2.10:443", 0),
    ];
    assert_eq!(row.client.arrive(&others), [false; 3]);
    assert!(counted(&row.server, table, dropped_in) >= others.len());
    // The router's address near the clients is none of the clients'.
    assert_eq!(row.router.arrive(&[tcp("192.0.2.10:443")]), [false]);
    let dials = [tcp("198.51.100.1:80"), udp("198.51.100.5:8000", 39_999)];
    assert_eq!(row.server.arrive(&dials), [true; 2]);
    let before = counted(&row.server, table, dropped_out);
    let strangers = [tcp("198.51.100.1:22"), tcp("198.51.100.5:443")];
    assert_eq!(row.server.arrive(&strangers), [false; 2]);
    assert!(counted(&row.server, table, dropped_out) >= before + strangers.len());
    // Itself it reaches.
    assert_eq!(row.server.arrive(&[tcp("127.0.0.1:9")]), [true]);
}
