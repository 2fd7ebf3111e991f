//! What the site says of a catalogue's variables, put into its endpoints.

use std::collections::BTreeMap;

use crate::catalogue::Catalogue;
use crate::endpoint::{Endpoint, MatchKind, PortRange};
use crate::flow::Flow;
use crate::host::{Host, HostError};
use crate::nearest::advice;
use crate::party::{Variable, VariableKind};
use crate::profile::PortProfile;
use crate::select::{ResolvedEndpoint, SelectError};
use crate::site::Site;

/// The variables of a catalogue with what the site, or else their default, says.
pub(super) struct Values<'c> {
    hosts: BTreeMap<&'c str, Vec<Host>>,
    ports: BTreeMap<&'c str, PortRange>,
}

impl<'c> Values<'c> {
    pub(super) fn of(catalogue: &'c Catalogue, site: &Site) -> Result<Self, SelectError> {
        let known = || catalogue.variables.iter().map(|known| known.name.as_str());
        if let Some(name) = site
            .values
            .keys()
            .find(|name| !known().any(|known| known == name.as_str()))
        {
            return Err(SelectError::Variable {
                catalogue: catalogue.id.clone(),
                name: name.clone(),
                advice: advice(name, known().collect::<Vec<_>>()),
            });
        }
        let mut values = Self {
            hosts: BTreeMap::new(),
            ports: BTreeMap::new(),
        };
        for variable in &catalogue.variables {
            let set = site.values.get(&variable.name).unwrap_or(&variable.default);
            if set.is_empty() {
                continue;
            }
            match variable.kind {
                VariableKind::Hosts => {
                    values.hosts.insert(&variable.name, hosts(variable, set)?);
                }
                VariableKind::Port => {
                    values.ports.insert(&variable.name, port(variable, set)?);
                }
            }
        }
        Ok(values)
    }

    pub(super) fn endpoints(
        &self,
        catalogue: &Catalogue,
        flow: &Flow,
        site: &Site,
    ) -> Result<Vec<ResolvedEndpoint>, SelectError> {
        let from = self.from(catalogue, flow);
        let mut resolved = Vec::new();
        for (row, endpoint) in flow.endpoints.iter().enumerate() {
            let applies = |version| endpoint.versions.contains(version);
            if !site.version.as_ref().is_none_or(applies) {
                continue;
            }
            let hosts = self
                .hosts(endpoint)
                .map_err(|source| SelectError::Endpoint {
                    flow: flow.id.clone(),
                    source,
                })?;
            resolved.extend(hosts.into_iter().map(|host| ResolvedEndpoint {
                row,
                host,
                set_by: endpoint.set_by.clone(),
                transport: endpoint.transport,
                ports: self.ports(flow, endpoint, site.profile),
                protocol: endpoint.protocol.clone(),
                path: endpoint.path.clone(),
                from: from.clone(),
            }));
        }
        Ok(resolved)
    }

    fn hosts(&self, endpoint: &Endpoint) -> Result<Vec<Host>, HostError> {
        if endpoint.kind == MatchKind::Variable
            && let Some(hosts) = self.hosts.get(endpoint.value.as_str())
        {
            return Ok(hosts.clone());
        }
        if endpoint.kind == MatchKind::Unknown
            && let Some(hosts) = endpoint
                .set_by
                .as_ref()
                .and_then(|name| self.hosts.get(name.as_str()))
        {
            return Ok(hosts.clone());
        }
        Ok(vec![Host::of(endpoint.kind, &endpoint.value)?])
    }

    fn ports(&self, flow: &Flow, endpoint: &Endpoint, profile: PortProfile) -> Vec<PortRange> {
        let chosen = endpoint
            .port_variable
            .as_ref()
            .and_then(|name| self.ports.get(name.as_str()).copied());
        let of_profile = || {
            let port = flow.profiles.port(profile)?;
            PortRange::single(port).ok()
        };
        match chosen.or_else(of_profile) {
            Some(port) => vec![port],
            None => endpoint.ports.clone(),
        }
    }

    /// The addresses of those who dial; none as soon as one of them is anywhere.
    fn from(&self, catalogue: &Catalogue, flow: &Flow) -> Vec<Host> {
        let mut all = Vec::new();
        for party in &flow.from {
            let Some(hosts) = catalogue
                .party(party)
                .and_then(|party| self.hosts.get(party.variable.as_deref()?))
            else {
                return Vec::new();
            };
            for host in hosts {
                if !all.contains(host) {
                    all.push(host.clone());
                }
            }
        }
        all
    }
}

fn hosts(variable: &Variable, set: &[String]) -> Result<Vec<Host>, SelectError> {
    let host = |text: &String| {
        Host::parse(text).map_err(|source| SelectError::Value {
            name: variable.name.clone(),
            source,
        })
    };
    set.iter().map(host).collect()
}

fn port(variable: &Variable, set: &[String]) -> Result<PortRange, SelectError> {
    let one = match set {
        [one] => PortRange::parse(one).ok(),
        _ => None,
    };
    one.filter(|port| port.only().is_some())
        .ok_or_else(|| SelectError::Port {
            name: variable.name.clone(),
            got: set.join(",").chars().take(80).collect(),
        })
}
