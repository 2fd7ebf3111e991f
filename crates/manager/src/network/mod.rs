//! The site's network: its flows, where this manager serves and dials them, and the files for
//! firewalls and proxies that are made of them.

mod filter;
pub mod http;
mod renderings;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::OnceLock;

use flows::{FlowId, GarrisonFlow, Selection};
use net::Connections;
use proto::api::network::SiteFlow;

use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;

pub use filter::FlowFilter;
pub use renderings::{RenderedFile, Wanted, list as renderings, render};

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
    pub fn set_addresses(&self, addresses: BTreeMap<GarrisonFlow, SocketAddr>) {
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
            GarrisonFlow::ManagerCloud
            | GarrisonFlow::Dns
            | GarrisonFlow::Time
            | GarrisonFlow::DomainController => None,
        }
    }
}

/// The flows that are asked for, as they are at this site.
///
/// # Errors
/// When the filter names no role of the catalogue, or a value of it is none.
pub fn flows(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &FlowFilter,
) -> Result<Vec<SiteFlow>, Refusal> {
    let known = filter::flows_site(site, filter)?;
    let selection = filter::selection(&known, filter)?;
    Ok(selection
        .flows
        .iter()
        .map(|selected| {
            let standing = standing(site, &selected.flow.id);
            wire::site_flow(selected, filter.language(), standing)
        })
        .collect())
}

/// One flow as it is at this site.
///
/// # Errors
/// When there is none of that name, and as [`flows`].
pub fn flow(
    site: &Site,
    by: &Permit<Viewer>,
    id: &str,
    filter: &FlowFilter,
) -> Result<SiteFlow, Refusal> {
    let found = flows(site, by, filter)?
        .into_iter()
        .find(|flow| flow.id == id);
    found.ok_or_else(|| Refusal::not_found("flow", id.chars().take(80).collect::<String>()))
}

/// The catalogue with the site's own hosts and ports.
///
/// # Errors
/// When a value of the site is none that the catalogue takes.
pub(crate) fn selection(site: &Site) -> Result<Selection<'static>, Refusal> {
    let filter = FlowFilter::default();
    filter::selection(&filter::flows_site(site, &filter)?, &filter)
}

/// What this manager itself knows of a flow.
fn standing(site: &Site, id: &FlowId) -> wire::Standing {
    let Some(flow) = GarrisonFlow::ALL.into_iter().find(|flow| flow.id() == *id) else {
        return wire::Standing::default();
    };
    let listener = site.network.address(flow);
    let is_dialed = flow == GarrisonFlow::ManagerCloud;
    let connections = site.network.connections(flow);
    wire::Standing {
        address: match listener {
            Some(address) => Some(address.to_string()),
            None if is_dialed => site.cloud.address(),
            None => None,
        },
        listening: listener.is_some(),
        connections: connections.map_or(0, |connections| {
            u64::try_from(connections.len()).unwrap_or(u64::MAX)
        }),
        condition_holds: is_dialed && site.cloud.is_enrolled(),
    }
}

/// Where this manager is reached: what it listens on, and its further names.
fn manager_hosts(site: &Site) -> Vec<String> {
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
}

/// Where agents reach this manager: `host:port`, in the order to try.
pub(crate) fn agent_channel_addresses(site: &Site) -> Vec<String> {
    let Some(address) = site.network.address(GarrisonFlow::AgentChannel) else {
        return Vec::new();
    };
    manager_hosts(site)
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
