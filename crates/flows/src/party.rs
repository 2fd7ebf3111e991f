//! The ends of flows: roles, host sets, and what a site says about them.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{FlowId, FlowIdError};
use crate::text::Text;

/// The name of an end of flows; one of the catalogue's parties.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartyId(Cow<'static, str>);

impl PartyId {
    /// Reads a name: of the same letters as a flow's.
    ///
    /// # Errors
    /// When the text is no such name.
    pub fn parse(text: &str) -> Result<Self, FlowIdError> {
        FlowId::parse(text).map(|id| Self(Cow::Owned(id.as_str().to_owned())))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartyId({self})")
    }
}

impl TryFrom<String> for PartyId {
    type Error = FlowIdError;

    fn try_from(text: String) -> Result<Self, FlowIdError> {
        Self::parse(&text)
    }
}

impl From<PartyId> for String {
    fn from(id: PartyId) -> Self {
        id.0.into_owned()
    }
}

/// An end of flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    pub id: PartyId,
    pub name: Text,
    pub place: Place,
    /// The variable that holds its addresses, where the site can name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Whether it is a process of the catalogue's product that stays up.
    #[serde(default)]
    pub product: bool,
}

/// Where an end stands, seen from the site's perimeter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On the site's own hosts.
    Site,
    /// Outside, at the vendor or in a cloud.
    Outside,
    /// On the site or outside of it.
    Anywhere,
    Unknown,
}

/// A value that the site sets (`--set NAME=VALUE`, or a site file).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Lower-case letters, digits and hyphens.
    pub name: String,
    pub kind: VariableKind,
    pub description: Text,
    /// What holds while the site sets nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub default: Vec<String>,
}

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VariableKind {
    /// Names, addresses and networks, several with commas.
    Hosts,
    /// One port.
    Port,
}

/// Something that a product does, which a site may use or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    pub id: FlowId,
    pub name: Text,
    /// Whether rows of it are selected while the site says nothing.
    #[serde(default = "yes")]
    pub default_on: bool,
}

const fn yes() -> bool {
    true
}

/// A part of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    pub id: FlowId,
    pub name: Text,
}
