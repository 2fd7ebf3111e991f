use proptest::prelude::*;
use serde_json::Value;

use super::super::sample::{hosts, ports, rendered, selection, text};
use super::*;

/// The service's own rules: a star covers one or more labels; networks are CIDR; ports are lists
/// of numbers and ranges.
fn permits(service: &Value, host: &str, port: u16) -> bool {
    service["endpoints"].as_array().unwrap().iter().any(|set| {
        let list = |key: &str| set[key].as_array().cloned().unwrap_or_default();
        let named = list("urls").iter().any(|url| {
            let url = url.as_str().unwrap();
            match url.strip_prefix('*') {
                Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
                None => host == url,
            }
        });
        let addressed = list("ips").iter().any(|network| {
            let network: ipnet::IpNet = network.as_str().unwrap().parse().unwrap();
            host.parse()
                .is_ok_and(|address: std::net::IpAddr| network.contains(&address))
        });
        let open = set["tcpPorts"].as_str().is_some_and(|ports| {
            ports.split(',').any(|range| {
                crate::endpoint::PortRange::parse(range)
                    .unwrap()
                    .contains(port)
            })
        });
        (named || addressed) && open
    })
}

proptest! {
    #[test]
    fn the_service_names_what_the_flows_want_and_more_only_where_it_says_so(
        host in hosts(), port in ports()
    ) {
        let service: Value = serde_json::from_str(&text(Format::M365)).unwrap();
        let selection = selection();
        let report = rendered(Format::M365).report;
        let mut wanted = false;
        let mut maybe_more = false;
        for ((selected, endpoint), entry) in
            super::super::sample::destinations(&selection).iter().zip(&report)
        {
            let Ok(perimeter) = selected.perimeter() else { continue };
            let passes = perimeter.passing.iter().any(|(_, one)| std::ptr::eq(*one, *endpoint));
            if !passes || endpoint.transport != Transport::Tcp {
                continue;
            }
            let open = endpoint.ports.iter().any(|ports| ports.contains(port));
            wanted |= open && endpoint.host.covers(&host);
            if let (How::Widened(_), Host::OneLabel(name)) = (&entry.how, &endpoint.host) {
                maybe_more |= open && Host::AnyDepth(name.clone()).covers(&host);
            }
        }
        let permitted = permits(&service, &host, port);
        prop_assert!(!wanted || permitted, "{} {} is missing", host, port);
        prop_assert!(!permitted || wanted || maybe_more, "{} {} is too much", host, port);
    }
}

#[test]
fn ids_are_positive_differ_and_stay() {
    let service: Value = serde_json::from_str(&text(Format::M365)).unwrap();
    let ids: Vec<u64> = service["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["id"].as_u64().unwrap())
        .collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
    assert!(ids.iter().all(|id| (1..=0x7fff_ffff).contains(id)));
    // A row that goes away leaves the others their ids.
    let mut fewer = selection();
    fewer.flows.remove(0);
    let options = Options::default();
    let fewer = super::super::render(Format::M365, &fewer, &options).unwrap();
    let fewer: Value = serde_json::from_slice(&fewer.bytes).unwrap();
    for set in fewer["endpoints"].as_array().unwrap() {
        assert!(ids.contains(&set["id"].as_u64().unwrap()), "{set}");
    }
}

#[test]
fn the_feed_of_changes_has_versions_of_ten_digits() {
    let service: Value = serde_json::from_str(&text(Format::M365)).unwrap();
    assert_eq!(service["version"]["latest"], "2024111100");
    let change = &service["changes"][0];
    assert_eq!(change["version"], "2024110100");
    assert_eq!(change["disposition"], "Add");
    assert_ne!(change["endpointSetId"], 0);
}
