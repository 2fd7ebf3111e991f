//! TLS on a flow.

use serde::{Deserialize, Serialize};

/// TLS on a flow. Between Garrison's own processes it is always version 1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Whose signature stands on the server's certificate.
    pub trust: Trust,
    /// Whether the one who dials accepts certain keys alone.
    #[serde(default)]
    pub pinned: Known,
    #[serde(default)]
    pub inspection: Inspection,
    #[serde(default)]
    pub client_certificate: ClientCertificate,
}

/// Whose signature stands on a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The site's own authority.
    SiteCa,
    /// The authority of the cloud that the site enrolled with.
    CloudCa,
    /// The authorities that browsers trust.
    Public,
    /// The vendor's own authority.
    Vendor,
    Unknown,
}

/// A fact that a source may leave open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    Yes,
    No,
    #[default]
    Unknown,
}

/// Whether a proxy may break the encryption open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inspection {
    /// The flow fails, or loses what it is for.
    Forbidden,
    /// The flow works all the same.
    Tolerated,
    #[default]
    Unknown,
}

/// What the listener does about a certificate of the one who dials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificate {
    /// No connection without one.
    Required,
    /// Verified where presented; routes decide whether they demand it.
    Optional,
    /// Never asked for.
    None,
    #[default]
    Unknown,
}
