//! Hosts as packet filters see them: addresses of two families.

use ipnet::IpNet;

use super::super::Options;
use crate::host::Host;

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn of(network: &IpNet) -> Self {
        match network {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }
}

/// The network that a host is, where it is no name. IPv4 addresses inside IPv6 ones come out.
pub(crate) fn network(host: &Host) -> Option<IpNet> {
    match host {
        Host::Ip(address) => Some(IpNet::from(address.to_canonical())),
        Host::Cidr(network) => Some(*network),
        Host::Exact(_)
        | Host::OneLabel(_)
        | Host::AnyDepth(_)
        | Host::ApexAndSubdomains(_)
        | Host::Unset(_)
        | Host::Unknown => None,
    }
}

/// The addresses of a host: its own, or those that the options give for its name.
pub(crate) fn addresses(host: &Host, options: &Options) -> Vec<IpNet> {
    if let Some(network) = network(host) {
        return vec![network];
    }
    let wildcard = |name: &dyn std::fmt::Display| format!("*.{name}");
    let keys = match host {
        Host::Exact(name) => vec![name.to_string()],
        Host::OneLabel(name) | Host::AnyDepth(name) => vec![wildcard(name)],
        Host::ApexAndSubdomains(name) => vec![name.to_string(), wildcard(name)],
        Host::Ip(_) | Host::Cidr(_) | Host::Unset(_) | Host::Unknown => Vec::new(),
    };
    let given = keys.iter().filter_map(|key| options.addresses.get(key));
    reduced(given.flatten().map(IpNet::trunc).collect())
}

/// The networks in order, without those inside others.
pub(crate) fn reduced(mut networks: Vec<IpNet>) -> Vec<IpNet> {
    networks.sort_unstable();
    networks.dedup();
    let all = networks.clone();
    networks.retain(|network| {
        !all.iter()
            .any(|broad| broad != network && broad.contains(network))
    });
    networks
}

/// The network without its prefix length where it is one address.
pub(crate) fn shown(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}
