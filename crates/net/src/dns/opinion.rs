//! What everyone who may know a name says of it.
//!
//! A resolver takes the first answer that is one. Where name servers, or the hosts file, are not
//! of one mind, a name works or fails by who happens to be asked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::Resolver;
use super::exchange::{Reply, ask};

/// What one of them says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    pub source: NameSource,
    pub said: NameSaid,
}

/// Who knows names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameSource {
    /// The hosts file.
    Hosts,
    Server(SocketAddr),
}

/// What is said of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameSaid {
    /// In order, each once.
    Addresses(Vec<IpAddr>),
    NoAddress,
    NoSuchName,
    /// Nothing that can be used.
    Nothing,
}

impl Resolver {
    /// Asks the hosts file and each name server alone for a name, all at the same time and within
    /// `limit`. Nobody is asked where there is only one who could say anything, nor for a name of
    /// one label: what is searched for it may differ.
    pub async fn opinions(&self, name: &str, limit: Duration) -> Vec<Opinion> {
        let settings = &self.0.settings;
        let of_hosts = settings.hosts.get(name);
        let sources = settings.servers.len() + usize::from(of_hosts.is_some());
        if sources < 2 || !name.contains('.') {
            return Vec::new();
        }
        // The places are never closed; without one it would only be less patient.
        let place = self.0.places.acquire().await.ok();
        let mut under_way = tokio::task::JoinSet::new();
        for &server in &settings.servers {
            let name = name.to_owned();
            under_way.spawn(async move {
                let (v4, v6) = tokio::join!(
                    ask(server, &name, RecordType::A, limit),
                    ask(server, &name, RecordType::AAAA, limit),
                );
                Opinion {
                    source: NameSource::Server(server),
                    said: said(v4, v6),
                }
            });
        }
        let hosts = of_hosts.map(|addresses| Opinion {
            source: NameSource::Hosts,
            said: NameSaid::Addresses(sorted(addresses.clone())),
        });
        let mut opinions: Vec<Opinion> = hosts.into_iter().collect();
        while let Some(joined) = under_way.join_next().await {
            // A task that broke down has no opinion.
            opinions.extend(joined.ok());
        }
        drop(place);
        opinions.sort_by_key(|opinion| opinion.source);
        opinions
    }
}

fn sorted(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn said(v4: Reply, v6: Reply) -> NameSaid {
    let mut addresses = Vec::new();
    for reply in [&v4, &v6] {
        if let Reply::Found(found) = reply {
            addresses.extend(&found.addresses);
        }
    }
    match (v4, v6) {
        (Reply::Found(_), _) | (_, Reply::Found(_)) => NameSaid::Addresses(sorted(addresses)),
        (Reply::NoSuchName, _) | (_, Reply::NoSuchName) => NameSaid::NoSuchName,
        (Reply::Empty, Reply::Empty) => NameSaid::NoAddress,
        (Reply::Empty | Reply::Failed(_) | Reply::Forbidden | Reply::TimedOut, _) => {
            NameSaid::Nothing
        }
    }
}
