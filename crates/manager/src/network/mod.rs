//! The site's network: which flows this manager serves, and where.

pub mod http;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::OnceLock;

use flows::{GarrisonFlow, Need, PartyId, Transport};
use net::Connections;
use proto::api::network::SiteFlow;

use crate::access::{Permit, Viewer};
use crate::site::Site;

/// Where this manager listens, and who is connected.
#[derive(Debug, Default)]
pub struct Network {
    addresses: OnceLock<BTreeMap<GarrisonFlow, SocketAddr>>,
    agent_channel: Connections,
    console: Connections,
    api: Connections,
}

impl Network {
    /// Set once, after the listeners were bound.
    pub(crate) fn set_addresses(&self, addresses: BTreeMap<GarrisonFlow, SocketAddr>) {
        let _ = self.addresses.set(addresses);
    }

    /// The address of a listener of this manager.
    #[must_use]
    pub fn address(&self, flow: GarrisonFlow) -> Option<SocketAddr> {
        self.addresses.get()?.get(&flow).copied()
    }

    /// The connections of a listener of this manager.
    #[must_use]
    pub const fn connections(&self, flow: GarrisonFlow) -> Option<&Connections> {
        match flow {
            GarrisonFlow::AgentChannel => Some(&self.agent_channel),
            GarrisonFlow::Console => Some(&self.console),
            GarrisonFlow::Api => Some(&self.api),
            GarrisonFlow::ManagerCloud | GarrisonFlow::Dns | GarrisonFlow::Time => None,
        }
    }
}

/// Every flow of the catalogue as it is at this site.
#[must_use]
pub fn flows(site: &Site, _by: &Permit<Viewer>) -> Vec<SiteFlow> {
    GarrisonFlow::ALL
        .into_iter()
        .map(|id| site_flow(site, id))
        .collect()
}

fn site_flow(site: &Site, id: GarrisonFlow) -> SiteFlow {
    let flow = id.flow();
    let listener = site.network.address(id);
    let dialed = match id {
        GarrisonFlow::ManagerCloud => site.cloud.address(),
        GarrisonFlow::AgentChannel
        | GarrisonFlow::Console
        | GarrisonFlow::Api
        | GarrisonFlow::Dns
        | GarrisonFlow::Time => None,
    };
    let dialed_port = dialed
        .as_deref()
        .and_then(|address| address.rsplit_once(':')?.1.parse().ok());
    let words = |parties: &[PartyId]| {
        let names: Vec<&str> = parties.iter().map(PartyId::as_str).collect();
        names.join(", ")
    };
    let transports: Vec<&str> = flow
        .transports()
        .into_iter()
        .map(Transport::as_str)
        .collect();
    let protocol = flow
        .endpoints
        .first()
        .and_then(|endpoint| endpoint.protocol.clone())
        .unwrap_or_default();
    SiteFlow {
        id: id.id().to_string(),
        purpose: flow.purpose.to_string(),
        from: words(&flow.from),
        to: flow.to.to_string(),
        transport: transports.join(", "),
        port: listener
            .map(|address| address.port())
            .or(dialed_port)
            .or_else(|| flow.port(site.config.ports))
            .unwrap_or_default(),
        address: listener.map(|address| address.to_string()).or(dialed),
        upper_layer: protocol,
        required: match &flow.need {
            Need::Required => true,
            Need::Optional | Need::Unknown => false,
            Need::Conditional(_) => id == GarrisonFlow::ManagerCloud && site.cloud.is_enrolled(),
        },
        breaks: flow
            .breaks
            .iter()
            .map(|broken| format!("{}: {}", broken.feature, broken.symptom))
            .collect(),
        listening: listener.is_some(),
        connections: site.network.connections(id).map_or(0, |connections| {
            u64::try_from(connections.len()).unwrap_or(u64::MAX)
        }),
    }
}

/// Where agents reach this manager: `host:port`, in the order to try.
pub(crate) fn agent_channel_addresses(site: &Site) -> Vec<String> {
    let Some(address) = site.network.address(GarrisonFlow::AgentChannel) else {
        return Vec::new();
    };
    let mut hosts: Vec<String> = site.config.names.clone();
    if address.ip().is_unspecified() {
        hosts.extend(hostname());
    } else {
        hosts.insert(0, address.ip().to_string());
    }
    hosts.truncate(16);
    hosts
        .into_iter()
        .map(|host| match host.parse::<std::net::Ipv6Addr>() {
            Ok(_) => format!("[{host}]:{}", address.port()),
            Err(_) => format!("{host}:{}", address.port()),
        })
        .collect()
}

/// This machine's name, when it can stand in a certificate.
pub(crate) fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let good = !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(plain)
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        });
    good.then_some(name)
}
