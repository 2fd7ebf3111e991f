//! What holds for the rows that sockets are bound and dialed from.

use std::collections::HashMap;

use crate::built_in;
use crate::catalogue::Catalogue;
use crate::check::{Found, What};
use crate::endpoint::Transport;
use crate::id::FlowId;
use crate::nearest::advice;
use crate::party::PartyId;
use crate::profile::PortProfile;

pub(super) fn check(catalogue: &Catalogue, found: &mut Found) {
    for flow in &catalogue.flows {
        let mut missing = |what| found.add(format!("flow {}", flow.id), What::Missing(what));
        if flow.breaks.is_empty() {
            missing("row that says what breaks without it");
        }
        if catalogue.has_own_listener(flow) && flow.tls.is_none() {
            missing("TLS, because a process of ours listens,");
        }
        if flow.port(PortProfile::Garrison).is_none() {
            missing("single port");
        }
    }
    for profile in [PortProfile::Sep, PortProfile::Sangfor] {
        check_sources(catalogue, profile, found);
    }
    for profile in [
        PortProfile::Garrison,
        PortProfile::Sep,
        PortProfile::Sangfor,
    ] {
        check_ports(catalogue, profile, found);
    }
}

/// The vendor's flow that a profile's number comes from exists, and has one port.
fn check_sources(catalogue: &Catalogue, profile: PortProfile, found: &mut Found) {
    for flow in &catalogue.flows {
        let Some((vendor, id)) = flow.profiles.source(profile) else {
            continue;
        };
        if flow.profiles.port(profile).is_some() {
            continue;
        }
        let with_one_port = built_in::catalogue(vendor)
            .iter()
            .flat_map(|vendor| &vendor.flows)
            .filter(|flow| flow.own_port().is_some())
            .map(|flow| flow.id.as_str())
            .collect::<Vec<_>>();
        found.add(
            format!("flow {}", flow.id),
            What::NoSuch {
                what: "flow with one port in the vendor's catalogue named",
                id: id.to_string(),
                advice: advice(id.as_str(), with_one_port),
            },
        );
    }
}

fn check_ports(catalogue: &Catalogue, profile: PortProfile, found: &mut Found) {
    let mut taken: HashMap<(&PartyId, Transport, u16), &FlowId> = HashMap::new();
    for flow in &catalogue.flows {
        let Some(port) = flow.port(profile) else {
            continue;
        };
        for transport in flow.transports() {
            if let Some(first) = taken.insert((&flow.to, transport, port), &flow.id) {
                found.add(
                    "catalogue",
                    What::SamePort {
                        first: first.clone(),
                        second: flow.id.clone(),
                        party: flow.to.clone(),
                        transport,
                        port,
                        profile,
                    },
                );
            }
        }
    }
}
