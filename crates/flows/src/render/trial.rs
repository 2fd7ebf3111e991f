//! What tests render: a small catalogue, and selections made at random.

use proptest::prelude::*;

use crate::catalogue::Catalogue;
use crate::endpoint::{MatchKind, PortRange, Transport};
use crate::host::Host;
use crate::select::{ResolvedEndpoint, Selected, Selection, select};
use crate::site::Site;

const SMALL: &str = include_str!("../../tests/catalogues/sample.toml");

pub(crate) fn small() -> Catalogue {
    Catalogue::parse(SMALL).unwrap()
}

/// The site of documents: the manager at two addresses, the clients in two networks.
pub(crate) fn site() -> Site {
    let mut site = Site::default();
    site.set("manager=192.0.2.10,2001:db8::10").unwrap();
    site.set("clients=198.51.100.0/24,2001:db8:51::/64")
        .unwrap();
    site
}

pub(crate) fn selected<'c>(catalogue: &'c Catalogue, site: &Site) -> Selection<'c> {
    select(catalogue, site).unwrap()
}

/// A catalogue of as many flows as needed, all alike.
pub(crate) fn blank(flows: usize) -> Catalogue {
    use std::fmt::Write;

    let mut text = "id = \"blank\"\nversion = \"1\"\nvendor = \"v\"\nproduct = \"p\"\n\
        [[party]]\nid = \"here\"\nname = \"here\"\nplace = \"site\"\n\
        [[party]]\nid = \"there\"\nname = \"there\"\nplace = \"outside\"\n"
        .to_owned();
    for number in 0..flows {
        write!(
            text,
            "[[flow]]\nid = \"flow-{number}\"\npurpose = \"Number {number}.\"\nfrom = [\"here\"]\n\
             to = \"there\"\ndirection = \"outbound\"\nneed = \"required\"\n\
             endpoints = [{{ match = \"exact\", value = \"a.example\", transport = \"tcp\", ports = [\"1\"] }}]\n"
        )
        .unwrap();
    }
    Catalogue::parse(&text).unwrap()
}

/// One endpoint for each flow of a blank catalogue.
pub(crate) fn asking<'c>(
    catalogue: &'c Catalogue,
    endpoints: &[ResolvedEndpoint],
) -> Selection<'c> {
    Selection {
        catalogue,
        flows: catalogue
            .flows
            .iter()
            .zip(endpoints)
            .map(|(flow, endpoint)| Selected {
                catalogue,
                flow,
                endpoints: vec![endpoint.clone()],
                retired: false,
            })
            .collect(),
        left_out: Vec::new(),
    }
}

const NAME: &str = "[ab]{1,2}(\\.[ab]){1,2}";

/// A name of hosts: few letters, so that it is often one that an endpoint covers.
pub(crate) fn any_name() -> impl Strategy<Value = String> {
    "[ab]{1,2}(\\.[ab]{1,2}){0,4}"
}

fn name_set() -> impl Strategy<Value = Host> {
    let of = |kind: MatchKind| NAME.prop_map(move |name| Host::of(kind, &name).unwrap());
    prop_oneof![
        of(MatchKind::Exact),
        of(MatchKind::OneLabel),
        of(MatchKind::AnyDepth),
        of(MatchKind::ApexAndSubdomains),
    ]
}

pub(crate) fn address_set() -> impl Strategy<Value = Host> {
    prop_oneof![
        (0u8..8).prop_map(|last| Host::parse(&format!("192.0.2.{last}")).unwrap()),
        (29u8..32).prop_map(|length| Host::parse(&format!("192.0.2.0/{length}")).unwrap()),
        (0u8..8).prop_map(|last| Host::parse(&format!("2001:db8::{last}")).unwrap()),
        (125u8..128).prop_map(|length| Host::parse(&format!("2001:db8::/{length}")).unwrap()),
    ]
}

fn any_ports() -> impl Strategy<Value = Vec<PortRange>> {
    let range =
        (1u16..12, 0u16..4).prop_map(|(first, more)| PortRange::new(first, first + more).unwrap());
    proptest::collection::vec(range, 1..4)
}

/// An endpoint that a rule can be made of.
pub(crate) fn any_endpoint() -> impl Strategy<Value = ResolvedEndpoint> {
    let host = prop_oneof![name_set(), address_set()];
    let transport = prop_oneof![
        4 => Just(Transport::Tcp),
        1 => Just(Transport::Udp),
        1 => Just(Transport::Esp),
    ];
    let from = proptest::collection::vec(address_set(), 0..3);
    let protocol = prop_oneof![
        Just(Some("HTTPS".to_owned())),
        Just(Some("LDAP".to_owned())),
        Just(None)
    ];
    (host, transport, any_ports(), from, protocol).prop_map(
        |(host, transport, ports, from, protocol)| ResolvedEndpoint {
            row: 0,
            host,
            set_by: None,
            transport,
            ports: if transport.has_ports() {
                ports
            } else {
                Vec::new()
            },
            protocol,
            path: None,
            from,
        },
    )
}

pub(crate) fn any_endpoints() -> impl Strategy<Value = Vec<ResolvedEndpoint>> {
    proptest::collection::vec(any_endpoint(), 1..8)
}

/// An address as the sets of this module know them.
pub(crate) fn any_address() -> impl Strategy<Value = String> {
    prop_oneof![
        (0u8..10).prop_map(|last| format!("192.0.2.{last}")),
        (0u8..10).prop_map(|last| format!("2001:db8::{last}")),
    ]
}
