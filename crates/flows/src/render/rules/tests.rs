use proptest::prelude::*;

use super::*;
use crate::party::PartyId;
use crate::render::How;
use crate::render::trial::{
    any_address, any_endpoints, any_name, asking, blank, selected, site, small,
};
use crate::site::Site;

/// A target that says everything.
struct All;

impl Target for All {
    fn host(&self, _: &Host, _: End, _: bool) -> Said {
        Said::EXACT
    }

    fn transport(&self, _: Transport) -> Said {
        Said::EXACT
    }
}

/// A target that knows addresses alone.
struct Addresses;

impl Target for Addresses {
    fn host(&self, host: &Host, _: End, _: bool) -> Said {
        match host {
            Host::Ip(_) | Host::Cidr(_) => Said::EXACT,
            _ => How::NotAtAll("no names".to_owned()).into(),
        }
    }

    fn transport(&self, _: Transport) -> Said {
        Said::EXACT
    }
}

fn rules(selection: &Selection<'_>, role: Option<&str>, target: &dyn Target) -> RuleSet {
    let options = Options {
        role: role.map(|role| PartyId::parse(role).unwrap()),
        ..Options::default()
    };
    RuleSet::of(selection, &options, Format::Plain, target).unwrap()
}

/// Whether some rule permits it.
fn permitted(rules: &[Rule], dialer: &str, host: &str, transport: Transport, port: u16) -> bool {
    rules.iter().any(|rule| {
        (rule.from.is_empty() || rule.from.iter().any(|from| from.covers(dialer)))
            && rule.hosts().any(|to| to.covers(host))
            && rule.transport == transport
            && (rule.ports.is_empty() || rule.ports.iter().any(|range| range.contains(port)))
    })
}

/// Whether some endpoint asks for it.
fn asked(
    endpoints: &[ResolvedEndpoint],
    dialer: &str,
    host: &str,
    transport: Transport,
    port: u16,
) -> bool {
    endpoints.iter().any(|endpoint| {
        (endpoint.from.is_empty() || endpoint.from.iter().any(|from| from.covers(dialer)))
            && endpoint.host.covers(host)
            && endpoint.transport == transport
            && (endpoint.ports.is_empty()
                || endpoint.ports.iter().any(|range| range.contains(port)))
    })
}

/// A destination of a rule with those who dial and the ports.
type Row = (Vec<Host>, Host, Transport, Vec<PortRange>);

/// The rows that could be left away by themselves: all who dial with one range of ports, and one
/// who dials with all of them.
fn rows(rules: &[Rule]) -> Vec<(usize, Row)> {
    let mut rows = Vec::new();
    let all = rules
        .iter()
        .flat_map(|rule| rule.hosts().map(move |host| (rule, host)));
    for (number, (rule, host)) in all.enumerate() {
        let row = |from: Vec<Host>, ports| (number, (from, host.clone(), rule.transport, ports));
        for from in &rule.from {
            rows.push(row(vec![from.clone()], rule.ports.clone()));
        }
        for port in &rule.ports {
            rows.push(row(rule.from.clone(), vec![*port]));
        }
        rows.push(row(rule.from.clone(), rule.ports.clone()));
    }
    rows
}

fn inside(narrow: &Row, broad: &Row) -> bool {
    let from = broad.0.is_empty()
        || (!narrow.0.is_empty()
            && narrow
                .0
                .iter()
                .all(|host| broad.0.iter().any(|broad| broad.includes(host))));
    let ports = narrow.3.iter().all(|range| {
        broad
            .3
            .iter()
            .any(|broad| broad.first() <= range.first() && range.last() <= broad.last())
    });
    from && ports && broad.1.includes(&narrow.1) && broad.2 == narrow.2
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_permit_what_the_endpoints_ask_for_and_nothing_else(
        endpoints in any_endpoints(), dialer in any_address(),
        host in prop_oneof![any_name(), any_address()], port in 1u16..18
    ) {
        let catalogue = blank(endpoints.len());
        let selection = asking(&catalogue, &endpoints);
        let set = rules(&selection, None, &All);
        for transport in [Transport::Tcp, Transport::Udp, Transport::Esp] {
            prop_assert_eq!(
                permitted(&set.rules, &dialer, &host, transport, port),
                asked(&endpoints, &dialer, &host, transport, port)
            );
        }
    }

    #[test]
    fn nothing_in_a_rule_is_permitted_by_another_already(endpoints in any_endpoints()) {
        let catalogue = blank(endpoints.len());
        let set = rules(&asking(&catalogue, &endpoints), None, &All);
        let rows = rows(&set.rules);
        for (own, row) in &rows {
            for (other, broad) in &rows {
                prop_assert!(own == other || !inside(row, broad), "{row:?} inside {broad:?}");
            }
        }
    }

    #[test]
    fn every_flow_that_asks_is_named_by_a_rule(endpoints in any_endpoints()) {
        let catalogue = blank(endpoints.len());
        let selection = asking(&catalogue, &endpoints);
        let set = rules(&selection, None, &All);
        for flow in &selection.flows {
            let named = set
                .rules
                .iter()
                .flat_map(|rule| rule.flows(&selection))
                .any(|named| named.id == flow.flow.id);
            prop_assert!(named, "{}", flow.flow.id);
        }
        prop_assert_eq!(set.report.len(), endpoints.len());
    }

    #[test]
    fn what_a_target_cannot_say_swallows_nothing(
        endpoints in any_endpoints(), dialer in any_address(), host in any_address(), port in 1u16..18
    ) {
        let catalogue = blank(endpoints.len());
        let set = rules(&asking(&catalogue, &endpoints), None, &Addresses);
        prop_assert_eq!(
            permitted(&set.rules, &dialer, &host, Transport::Tcp, port),
            asked(&endpoints, &dialer, &host, Transport::Tcp, port)
        );
    }
}

#[test]
fn nothing_retired_loopback_or_unknown_becomes_a_rule() {
    let catalogue = small();
    let selection = selected(&catalogue, &Site::default());
    let set = rules(&selection, None, &All);
    let how = |flow: &str, endpoint: usize| {
        set.report
            .iter()
            .find(|entry| entry.flow.as_str() == flow && entry.endpoint == endpoint)
            .map(|entry| entry.how.to_string())
            .unwrap()
    };
    assert_eq!(how("tray", 0), "not needed: it stays inside one host");
    assert!(how("old-updates", 0).starts_with("not needed: "));
    assert!(how("lost", 0).starts_with("not at all: "));
    assert!(how("lost", 1).contains("port"));
    assert!(how("policy", 0).contains("--set manager="));
    for rule in &set.rules {
        for flow in rule.flows(&selection) {
            assert!(!["tray", "old-updates", "lost", "policy"].contains(&flow.id.as_str()));
        }
    }
}

#[test]
fn a_broader_entry_takes_over_and_remembers_who_asked() {
    let catalogue = small();
    let selection = selected(&catalogue, &site());
    let set = rules(&selection, None, &All);
    let cdn = set
        .rules
        .iter()
        .find(|rule| rule.hosts().any(|host| host.value() == "cdn.example.net"))
        .unwrap();
    let ids: Vec<&str> = cdn
        .flows(&selection)
        .iter()
        .map(|flow| flow.id.as_str())
        .collect();
    assert_eq!(ids, ["updates", "reputation"]);
    assert!(
        !set.rules
            .iter()
            .any(|rule| rule.hosts().any(|host| host.value() == "a.cdn.example.net"))
    );
}

#[test]
fn a_host_in_a_role_gets_what_it_dials_and_what_it_listens_on() {
    let catalogue = small();
    let selection = selected(&catalogue, &site());
    let set = rules(&selection, Some("manager"), &All);
    let ids = |way: Way| -> Vec<&str> {
        set.rules
            .iter()
            .filter(|rule| rule.way == way)
            .flat_map(|rule| rule.flows(&selection))
            .map(|flow| flow.id.as_str())
            .collect()
    };
    assert_eq!(ids(Way::In), ["policy", "callback"]);
    assert_eq!(ids(Way::Out), ["updates", "updates", "wake", "names"]);
    assert!(ids(Way::Between).is_empty());
    let options = Options {
        role: Some(PartyId::parse("relay").unwrap()),
        ..Options::default()
    };
    let error = RuleSet::of(&selection, &options, Format::Plain, &All).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected the role of a host (client, manager, vendor, anyone), got relay"
    );
}
