//! Whether a certificate is revoked, as its issuer says.

use std::time::Duration;

/// What the issuer's services said of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationSeen {
    pub status: RevocationStatus,
    /// In the order in which they were made.
    pub tries: Vec<RevocationTry>,
}

/// The sum of all tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationStatus {
    Good,
    Revoked,
    /// The certificate names no service that could be asked.
    NotOffered,
    /// None of its services gave an answer that can be used.
    Unreachable,
}

/// One service that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationTry {
    pub service: RevocationService,
    pub url: String,
    pub elapsed: Duration,
    /// `Ok(true)` where it says that the certificate is revoked.
    pub outcome: Result<bool, String>,
}

/// How one learns of revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationService {
    /// RFC 6960.
    Ocsp,
    /// RFC 5280.
    Crl,
}
