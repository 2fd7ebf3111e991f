//! Which rows of a catalogue apply to a site, with their variables replaced by its hosts.

mod values;

use crate::catalogue::Catalogue;
use crate::endpoint::{PortRange, Transport};
use crate::flow::{Direction, Flow};
use crate::host::{Host, HostError};
use crate::id::FlowId;
use crate::nearest::advice;
use crate::origin::Date;
use crate::party::PartyId;
use crate::site::Site;
use crate::version::{Version, VersionRange};
use values::Values;

/// The rows that apply to a site, and the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<'c> {
    pub catalogue: &'c Catalogue,
    /// In the catalogue's order.
    pub flows: Vec<Selected<'c>>,
    /// In the catalogue's order.
    pub left_out: Vec<(&'c Flow, Reason)>,
}

/// A row that applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected<'c> {
    pub catalogue: &'c Catalogue,
    pub flow: &'c Flow,
    /// Whether the site's version does without it (or all do).
    pub retired: bool,
    /// Those of the site's version; a variable with several values gives several.
    pub endpoints: Vec<ResolvedEndpoint>,
}

/// A destination of a row, as it is at the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedEndpoint {
    /// Which of the flow's endpoints it comes from, counted from 0.
    pub row: usize,
    pub host: Host,
    /// Where the source does not name the host: the variable with which the site does.
    pub set_by: Option<String>,
    pub transport: Transport,
    pub ports: Vec<PortRange>,
    pub protocol: Option<String>,
    pub path: Option<String>,
    /// The addresses of the side that dials; empty: any.
    pub from: Vec<Host>,
}

/// Why a row was left out, or does not pass the perimeter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("it is for versions {range}, and the site has {site}")]
    Version {
        range: Box<VersionRange>,
        site: Version,
    },
    #[error("it is for {}, and the site is in {site}", .regions.join(", "))]
    Region { regions: Vec<String>, site: String },
    #[error("it is for {}, and the site is {site}", .deployments.join(", "))]
    Deployment {
        deployments: Vec<String>,
        site: String,
    },
    #[error("none of its features is on ({})", names(.0))]
    FeatureOff(Vec<FlowId>),
    #[error("it is needed from {0} on")]
    NotYet(Date),
    #[error("it is not used since {0}")]
    RetiredSince(Date),
    #[error("it is retired: {0}")]
    Retired(String),
    #[error("it stays inside one host")]
    Loopback,
    #[error("the source does not say who opens the connection")]
    DirectionUnknown,
    #[error("the source does not name the host")]
    HostUnknown,
    #[error("the source does not name the host; a site that knows it adds --set {0}=HOST")]
    HostToBeSet(String),
    #[error("the source does not name the transport")]
    TransportUnknown,
    #[error("the source does not name the port")]
    PortUnknown,
    #[error("the site does not say where {0} is; add --set {0}=ADDRESS")]
    Unset(String),
}

fn names(ids: &[FlowId]) -> String {
    let names: Vec<&str> = ids.iter().map(FlowId::as_str).collect();
    names.join(", ")
}

/// What a site says that its catalogue doesn't know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("catalogue {catalogue} has no variable {name:?}; {advice}")]
    Variable {
        catalogue: FlowId,
        name: String,
        advice: String,
    },
    #[error("the variable {name}")]
    Value {
        name: String,
        #[source]
        source: HostError,
    },
    #[error("the variable {name} is one port, such as 8443; got {got:?}")]
    Port { name: String, got: String },
    #[error("catalogue {catalogue} has no feature {name}; {advice}")]
    Feature {
        catalogue: FlowId,
        name: FlowId,
        advice: String,
    },
    #[error("the feature {0} is both on and off; say one of them")]
    OnAndOff(FlowId),
    #[error("catalogue {catalogue} knows no region {name:?}; {advice}")]
    Region {
        catalogue: FlowId,
        name: String,
        advice: String,
    },
    #[error("catalogue {catalogue} knows no deployment {name:?}; {advice}")]
    Deployment {
        catalogue: FlowId,
        name: String,
        advice: String,
    },
    #[error(
        "catalogue {catalogue} is about versions {range}, got {site}; say no version to have every row"
    )]
    Version {
        catalogue: FlowId,
        range: Box<VersionRange>,
        site: Version,
    },
    #[error("flow {flow} of the catalogue has an endpoint that can't be used")]
    Endpoint {
        flow: FlowId,
        #[source]
        source: HostError,
    },
}

/// Endpoints that a rule at the perimeter may be made of, and the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Perimeter<'s> {
    /// With their place in [`Selected::endpoints`].
    pub passing: Vec<(usize, &'s ResolvedEndpoint)>,
    /// With their place in [`Selected::endpoints`].
    pub held_back: Vec<(usize, Reason)>,
}

impl Selected<'_> {
    /// Whether a host in that role opens the flow's connections, or listens for them.
    #[must_use]
    pub fn takes_part(&self, role: &PartyId) -> bool {
        let mut parties = self.flow.from.iter().chain([&self.flow.to]);
        parties.any(|party| self.catalogue.plays(role, party))
    }

    /// The endpoints that may become rules. Every renderer of rules goes through here: nothing
    /// unknown, unset, loopback or retired passes.
    ///
    /// # Errors
    /// When no endpoint passes: why.
    pub fn perimeter(&self) -> Result<Perimeter<'_>, Reason> {
        if let Some(retired) = self.flow.retired.as_ref().filter(|_| self.retired) {
            return Err(Reason::Retired(retired.reason.as_str().to_owned()));
        }
        match self.flow.direction {
            Direction::Loopback => return Err(Reason::Loopback),
            Direction::Unknown => return Err(Reason::DirectionUnknown),
            Direction::Inbound | Direction::Outbound | Direction::Internal => {}
        }
        let mut perimeter = Perimeter {
            passing: Vec::new(),
            held_back: Vec::new(),
        };
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            match endpoint.gap() {
                Some(reason) => perimeter.held_back.push((place, reason)),
                None => perimeter.passing.push((place, endpoint)),
            }
        }
        match (perimeter.passing.is_empty(), perimeter.held_back.first()) {
            (true, Some((_, reason))) => Err(reason.clone()),
            (true, None) => Err(Reason::HostUnknown),
            (false, _) => Ok(perimeter),
        }
    }
}

impl ResolvedEndpoint {
    /// What is missing for a rule.
    #[must_use]
    pub fn gap(&self) -> Option<Reason> {
        match &self.host {
            Host::Unset(variable) => return Some(Reason::Unset(variable.clone())),
            Host::Unknown => {
                let variable = self.set_by.clone();
                return Some(variable.map_or(Reason::HostUnknown, Reason::HostToBeSet));
            }
            Host::Exact(_)
            | Host::OneLabel(_)
            | Host::AnyDepth(_)
            | Host::ApexAndSubdomains(_)
            | Host::Ip(_)
            | Host::Cidr(_) => {}
        }
        if self.transport == Transport::Unknown {
            return Some(Reason::TransportUnknown);
        }
        (self.transport.has_ports() && self.ports.is_empty()).then_some(Reason::PortUnknown)
    }
}

/// The rows of a catalogue that apply to a site.
///
/// # Errors
/// When the site speaks of variables, features, regions or deployments that the catalogue
/// doesn't know, or a value is none.
pub fn select<'c>(catalogue: &'c Catalogue, site: &Site) -> Result<Selection<'c>, SelectError> {
    check_site(catalogue, site)?;
    let values = Values::of(catalogue, site)?;
    let mut selection = Selection {
        catalogue,
        flows: Vec::new(),
        left_out: Vec::new(),
    };
    for flow in &catalogue.flows {
        if let Some(reason) = inapplicable(catalogue, flow, site) {
            selection.left_out.push((flow, reason));
            continue;
        }
        let endpoints = values.endpoints(catalogue, flow, site)?;
        selection.flows.push(Selected {
            catalogue,
            flow,
            retired: flow.is_retired(site.version.as_ref()),
            endpoints,
        });
    }
    Ok(selection)
}

fn check_site(catalogue: &Catalogue, site: &Site) -> Result<(), SelectError> {
    let known = || catalogue.features.iter().map(|known| known.id.as_str());
    for name in site.features_on.iter().chain(&site.features_off) {
        if !known().any(|id| id == name.as_str()) {
            return Err(SelectError::Feature {
                catalogue: catalogue.id.clone(),
                name: name.clone(),
                advice: advice(name.as_str(), known().collect::<Vec<_>>()),
            });
        }
    }
    if let Some(both) = site.features_on.intersection(&site.features_off).next() {
        return Err(SelectError::OnAndOff(both.clone()));
    }
    if let Some(region) = &site.region {
        listed(catalogue, region, |flow| &flow.regions).map_err(|advice| SelectError::Region {
            catalogue: catalogue.id.clone(),
            name: region.clone(),
            advice,
        })?;
    }
    if let Some(deployment) = &site.deployment {
        listed(catalogue, deployment, |flow| &flow.deployments).map_err(|advice| {
            SelectError::Deployment {
                catalogue: catalogue.id.clone(),
                name: deployment.clone(),
                advice,
            }
        })?;
    }
    match &site.version {
        Some(version) if !catalogue.product_versions.contains(version) => {
            Err(SelectError::Version {
                catalogue: catalogue.id.clone(),
                range: Box::new(catalogue.product_versions.clone()),
                site: version.clone(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether some flow names the word; else what to say instead.
fn listed(
    catalogue: &Catalogue,
    word: &str,
    words: impl Fn(&Flow) -> &Vec<String>,
) -> Result<(), String> {
    let mut known: Vec<&str> = catalogue
        .flows
        .iter()
        .flat_map(|flow| words(flow).iter().map(String::as_str))
        .collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&word) {
        Ok(())
    } else {
        Err(advice(word, known))
    }
}

fn inapplicable(catalogue: &Catalogue, flow: &Flow, site: &Site) -> Option<Reason> {
    if let Some(version) = &site.version {
        let of_endpoints = || flow.endpoints.iter().map(|endpoint| &endpoint.versions);
        let range = if flow.versions.contains(version) {
            (!of_endpoints().any(|range| range.contains(version)))
                .then(|| of_endpoints().next().cloned().unwrap_or_default())
        } else {
            Some(flow.versions.clone())
        };
        if let Some(range) = range {
            return Some(Reason::Version {
                range: Box::new(range),
                site: version.clone(),
            });
        }
    }
    if let Some(region) = &site.region
        && !flow.regions.is_empty()
        && !flow.regions.contains(region)
    {
        return Some(Reason::Region {
            regions: flow.regions.clone(),
            site: region.clone(),
        });
    }
    if let Some(deployment) = &site.deployment
        && !flow.deployments.is_empty()
        && !flow.deployments.contains(deployment)
    {
        return Some(Reason::Deployment {
            deployments: flow.deployments.clone(),
            site: deployment.clone(),
        });
    }
    if !flow.features.is_empty() && !flow.features.iter().any(|id| is_on(catalogue, id, site)) {
        return Some(Reason::FeatureOff(flow.features.clone()));
    }
    let on = site.on.as_ref()?;
    if let Some(effective) = flow.effective.as_ref().filter(|effective| on < effective) {
        return Some(Reason::NotYet(effective.clone()));
    }
    let since = flow.retired.as_ref()?.since.as_ref()?;
    (since <= on).then(|| Reason::RetiredSince(since.clone()))
}

fn is_on(catalogue: &Catalogue, id: &FlowId, site: &Site) -> bool {
    let by_default = || {
        catalogue
            .features
            .iter()
            .find(|feature| feature.id == *id)
            .is_none_or(|feature| feature.default_on)
    };
    site.features_on.contains(id) || (!site.features_off.contains(id) && by_default())
}

#[cfg(test)]
mod tests;
