//! Checks of one endpoint of a flow.

use std::net::IpAddr;

use crate::catalogue::Catalogue;
use crate::check::catalogue::check_reference;
use crate::check::flow::check_range;
use crate::check::{Found, What};
use crate::endpoint::{Endpoint, MatchKind, PortRange, Transport};
use crate::flow::{Direction, Flow};
use crate::host::Host;
use crate::party::VariableKind;

pub(super) fn check(catalogue: &Catalogue, flow: &Flow, endpoint: &Endpoint, found: &mut Found) {
    let place = format!("flow {}", flow.id);
    match Host::of(endpoint.kind, &endpoint.value) {
        Ok(host) => check_host(catalogue, flow, &host, &place, found),
        Err(error) => {
            let what = format!("endpoint with match = \"{}\"", endpoint.kind.as_str());
            found.add(&place, What::Host { what, error });
        }
    }
    if let Some(name) = &endpoint.port_variable {
        check_reference(catalogue, name, VariableKind::Port, &place, found);
    }
    if let Some(name) = &endpoint.set_by {
        check_reference(catalogue, name, VariableKind::Hosts, &place, found);
        if endpoint.kind != MatchKind::Unknown {
            found.add(
                &place,
                What::Contradiction(
                    "a site fills in unknown hosts alone; remove \"set_by\", or write match = \"unknown\"",
                ),
            );
        }
    }
    let has_caveat = !flow.caveats.is_empty();
    if endpoint.transport == Transport::Unknown && !has_caveat {
        found.add(&place, What::NoCaveat("a transport"));
    }
    if endpoint.transport.has_ports() {
        if endpoint.ports.is_empty() && !has_caveat {
            found.add(&place, What::NoCaveat("a port"));
        }
    } else if endpoint.transport != Transport::Unknown && !endpoint.ports.is_empty() {
        found.add(&place, What::PortsWithout(endpoint.transport));
    }
    check_ports(&endpoint.ports, &place, found);
    check_range(&endpoint.versions, &place, found);
    if let Some(path) = endpoint.path.as_ref().filter(|path| !path.starts_with('/')) {
        found.add(
            &place,
            What::Expected {
                expected: "a path that begins with /",
                got: path.clone(),
            },
        );
    }
}

fn check_host(catalogue: &Catalogue, flow: &Flow, host: &Host, place: &str, found: &mut Found) {
    let inside = |address: IpAddr| address.to_canonical().is_loopback();
    match host {
        Host::Unset(name) => check_reference(catalogue, name, VariableKind::Hosts, place, found),
        Host::Unknown if flow.caveats.is_empty() => {
            found.add(place, What::NoCaveat("a host"));
        }
        Host::Ip(address) if inside(*address) != (flow.direction == Direction::Loopback) => {
            found.add(
                place,
                What::Contradiction(
                    "a loopback address and the direction \"loopback\" go together; correct one of them",
                ),
            );
        }
        Host::Ip(_)
        | Host::Unknown
        | Host::Exact(_)
        | Host::OneLabel(_)
        | Host::AnyDepth(_)
        | Host::ApexAndSubdomains(_)
        | Host::Cidr(_) => {}
    }
}

/// No port is written twice.
pub(super) fn check_ports(ports: &[PortRange], place: &str, found: &mut Found) {
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    for (low, high) in sorted.iter().zip(sorted.iter().skip(1)) {
        if high.first() <= low.last() {
            found.add(
                place,
                What::Overlap {
                    first: low.to_string(),
                    second: high.to_string(),
                },
            );
        }
    }
}
