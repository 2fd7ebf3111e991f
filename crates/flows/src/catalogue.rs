//! A set of flows and its invariants.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::endpoint::Transport;
use crate::flow::Flow;
use crate::id::FlowId;
use crate::origin::{Change, Source};
use crate::party::{Component, Feature, Party, PartyId, Variable};
use crate::profile::PortProfile;
use crate::version::VersionRange;

/// The catalogue whose rows sockets are bound and dialed from.
const OWN: &str = "garrison";
const GARRISON: &str = include_str!("../catalogue/garrison.toml");

/// A catalogue of flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    pub id: FlowId,
    /// Of the catalogue, not of a product.
    pub version: String,
    pub vendor: String,
    pub product: String,
    /// Of the product, which the rows are about as a whole.
    #[serde(default, skip_serializing_if = "VersionRange::is_all")]
    pub product_versions: VersionRange,
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    #[serde(default, rename = "variable", skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variable>,
    #[serde(default, rename = "feature", skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    #[serde(default, rename = "component", skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    #[serde(rename = "party")]
    pub parties: Vec<Party>,
    #[serde(default, rename = "change", skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    #[serde(rename = "flow")]
    pub flows: Vec<Flow>,
}

/// A catalogue that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("the catalogue is no valid TOML of the expected shape")]
    Syntax(#[from] toml::de::Error),
    #[error("flow {0} occurs twice; give one of them another id")]
    Duplicate(FlowId),
    #[error("flow {flow} has no {missing}")]
    Missing { flow: FlowId, missing: &'static str },
    #[error(
        "flows {first} and {second} both want {transport} port {port} of {party} under the profile {profile}",
        transport = .transport.as_str(),
        party = .party
    )]
    SamePort {
        first: FlowId,
        second: FlowId,
        party: PartyId,
        transport: Transport,
        port: u16,
        profile: PortProfile,
    },
}

impl Catalogue {
    /// Garrison's own flows, parsed once.
    #[must_use]
    pub fn garrison() -> &'static Self {
        #[expect(
            clippy::expect_used,
            reason = "the text is built in, and a test parses the same text"
        )]
        static PARSED: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::parse(GARRISON).expect("the built-in catalogue is valid"));
        &PARSED
    }

    /// Reads a catalogue and checks it.
    ///
    /// # Errors
    /// When the text is no catalogue, or its rows contradict each other.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let catalogue: Self = toml::from_str(text)?;
        catalogue.check()?;
        Ok(catalogue)
    }

    /// The flow of that name.
    #[must_use]
    pub fn flow(&self, id: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.id.as_str() == id)
    }

    fn check(&self) -> Result<(), CatalogueError> {
        for (index, flow) in self.flows.iter().enumerate() {
            check_row(flow)?;
            if self
                .flows
                .iter()
                .skip(index + 1)
                .any(|other| other.id == flow.id)
            {
                return Err(CatalogueError::Duplicate(flow.id.clone()));
            }
        }
        if self.id.as_str() != OWN {
            return Ok(());
        }
        self.check_own()
    }

    /// The end of that name.
    #[must_use]
    pub fn party(&self, id: &PartyId) -> Option<&Party> {
        self.parties.iter().find(|party| party.id == *id)
    }

    /// Whether a process of the product listens at the flow's far end.
    #[must_use]
    pub fn has_own_listener(&self, flow: &Flow) -> bool {
        self.party(&flow.to).is_some_and(|party| party.product)
    }

    /// What holds for rows that sockets come from.
    fn check_own(&self) -> Result<(), CatalogueError> {
        for flow in &self.flows {
            let missing = if flow.breaks.is_empty() {
                "row that says what breaks without it"
            } else if self.has_own_listener(flow) && flow.tls.is_none() {
                "TLS, though a process of ours listens"
            } else if flow.port(PortProfile::Garrison).is_none() {
                "single port"
            } else {
                continue;
            };
            return Err(CatalogueError::Missing {
                flow: flow.id.clone(),
                missing,
            });
        }
        PortProfile::ALL
            .into_iter()
            .try_for_each(|profile| self.check_ports(profile))
    }

    fn check_ports(&self, profile: PortProfile) -> Result<(), CatalogueError> {
        let mut taken: HashMap<(&PartyId, Transport, u16), &FlowId> = HashMap::new();
        for flow in &self.flows {
            let Some(port) = flow.port(profile) else {
                continue;
            };
            for transport in flow.transports() {
                if let Some(first) = taken.insert((&flow.to, transport, port), &flow.id) {
                    return Err(CatalogueError::SamePort {
                        first: first.clone(),
                        second: flow.id.clone(),
                        party: flow.to.clone(),
                        transport,
                        port,
                        profile,
                    });
                }
            }
        }
        Ok(())
    }
}

fn check_row(flow: &Flow) -> Result<(), CatalogueError> {
    let missing = if flow.purpose.as_str().trim().is_empty() {
        "purpose"
    } else if flow.from.is_empty() {
        "party that dials (from)"
    } else if flow.endpoints.is_empty() {
        "endpoint"
    } else {
        return Ok(());
    };
    Err(CatalogueError::Missing {
        flow: flow.id.clone(),
        missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_valid() {
        let catalogue = Catalogue::parse(GARRISON).unwrap();
        assert_eq!(catalogue.id.as_str(), "garrison");
        assert_eq!(&catalogue, Catalogue::garrison());
    }

    #[test]
    fn profiles_give_the_declared_ports() {
        let ports = |profile| {
            ["agent-channel", "console", "api", "manager-cloud", "dns"].map(|id| {
                Catalogue::garrison()
                    .flow(id)
                    .unwrap()
                    .port(profile)
                    .unwrap()
            })
        };
        assert_eq!(ports(PortProfile::Auto), [443, 8443, 8446, 443, 53]);
        assert_eq!(ports(PortProfile::Garrison), [443, 8443, 8446, 443, 53]);
        assert_eq!(ports(PortProfile::Sep), [443, 8443, 8446, 443, 53]);
        assert_eq!(ports(PortProfile::Sangfor), [8083, 443, 8446, 443, 53]);
    }

    #[test]
    fn an_unknown_flow_is_no_flow() {
        assert!(Catalogue::garrison().flow("telnet").is_none());
    }

    fn altered(from: &str, to: &str) -> CatalogueError {
        assert!(GARRISON.contains(from), "{from:?} is in the text");
        Catalogue::parse(&GARRISON.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn two_listeners_of_one_party_cannot_share_a_port() {
        let error = altered("ports = [\"8443\"]", "ports = [\"443\"]");
        assert!(
            matches!(
                &error,
                CatalogueError::SamePort {
                    port: 443,
                    party,
                    ..
                } if party.as_str() == "manager"
            ),
            "{error}"
        );
    }

    #[test]
    fn an_id_occurs_once() {
        let error = altered("id = \"console\"", "id = \"api\"");
        assert!(
            matches!(&error, CatalogueError::Duplicate(id) if id.as_str() == "api"),
            "{error}"
        );
    }

    #[test]
    fn port_zero_is_refused() {
        let error = altered("ports = [\"8443\"]", "ports = [\"0\"]");
        assert!(matches!(error, CatalogueError::Syntax(_)), "{error}");
    }

    #[test]
    fn a_listener_of_ours_has_tls() {
        let error = altered(
            "tls = { trust = \"site-ca\", pinned = \"yes\", inspection = \"forbidden\", client_certificate = \"optional\" }\n",
            "",
        );
        assert!(matches!(error, CatalogueError::Missing { .. }), "{error}");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let error = altered("default_on = true", "default_on = true\nport = 1");
        assert!(matches!(error, CatalogueError::Syntax(_)), "{error}");
    }
}
