//! A set of flows and its invariants.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::built_in;
use crate::check::{self, Problem};
use crate::flow::Flow;
use crate::id::FlowId;
use crate::nearest::advice_on_key;
use crate::origin::{Change, Source};
use crate::party::{Component, Feature, Party, PartyId, Place, Variable};
use crate::version::VersionRange;

/// A longer text is refused unread.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Of more problems than these an error only tells the number.
const SHOWN: usize = 20;

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
    #[error("the catalogue has {0} bytes, and {MAX_BYTES} are the limit; split it")]
    TooLarge(usize),
    #[error("{advice}\n{error}")]
    Syntax {
        error: Box<toml::de::Error>,
        advice: String,
    },
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
}

fn syntax(error: toml::de::Error) -> CatalogueError {
    CatalogueError::Syntax {
        advice: advice_on_key(&error)
            .unwrap_or_else(|| "the catalogue is no TOML of the expected shape".to_owned()),
        error: Box::new(error),
    }
}

fn listed(problems: &[Problem]) -> impl fmt::Display {
    let mut text = format!("the catalogue has {} problem(s)", problems.len());
    for problem in problems.iter().take(SHOWN) {
        text.push_str(&format!("\n  {problem}"));
    }
    let more = problems.len().saturating_sub(SHOWN);
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

impl Catalogue {
    /// Garrison's own flows, read once.
    #[must_use]
    pub fn garrison() -> &'static Self {
        #[expect(
            clippy::expect_used,
            reason = "a test finds the own catalogue among those that are built in"
        )]
        Self::built_in(built_in::GARRISON).expect("the own catalogue is built in")
    }

    /// A catalogue that is built in, read once.
    #[must_use]
    pub fn built_in(id: &str) -> Option<&'static Self> {
        built_in::catalogue(id)
    }

    /// Reads a catalogue and checks it.
    ///
    /// # Errors
    /// When the text is too long, is no catalogue, or contradicts itself: every problem.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        if text.len() > MAX_BYTES {
            return Err(CatalogueError::TooLarge(text.len()));
        }
        let catalogue: Self = toml::from_str(text).map_err(syntax)?;
        let problems = catalogue.check();
        if problems.is_empty() {
            Ok(catalogue)
        } else {
            Err(CatalogueError::Problems(problems))
        }
    }

    /// Everything that is wrong with it: references that lead nowhere, values that don't fit
    /// their kind, unknowns without a caveat.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        check::problems(self)
    }

    /// The flow of that name.
    #[must_use]
    pub fn flow(&self, id: &str) -> Option<&Flow> {
        self.flows.iter().find(|flow| flow.id.as_str() == id)
    }

    /// The flow of that name, or that once had it.
    #[must_use]
    pub fn flow_or_alias(&self, name: &str) -> Option<&Flow> {
        self.flow(name).or_else(|| {
            let has = |flow: &&Flow| flow.aliases.iter().any(|alias| alias == name);
            self.flows.iter().find(has)
        })
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

    /// Whether a host in that role takes the part of that party: its own, or that of anyone.
    #[must_use]
    pub fn plays(&self, role: &PartyId, party: &PartyId) -> bool {
        let anyone = || {
            self.party(party).is_some_and(|party| {
                party.place == Place::Anywhere && party.variable.is_none() && !party.product
            })
        };
        role == party || anyone()
    }

    /// Whether sockets are bound and dialed from its rows.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.id.as_str() == built_in::GARRISON
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::PortProfile;

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

    #[test]
    fn a_catalogue_without_end_is_refused_unread() {
        let text = "#".repeat(MAX_BYTES + 1);
        assert!(matches!(
            Catalogue::parse(&text),
            Err(CatalogueError::TooLarge(_))
        ));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let text = built_in::text(built_in::GARRISON).unwrap();
        let wrong = text.replacen("default_on = true", "default_on = true\nport = 1", 1);
        let error = Catalogue::parse(&wrong).unwrap_err().to_string();
        assert!(error.contains("port") && error.contains("line"), "{error}");
    }
}
