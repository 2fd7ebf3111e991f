//! Who is at the other end of a connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::crypto::sha256;

/// The number of a connection, unique in its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(super) u64);

/// The other end of a connection, in the extensions of each of its requests. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct PeerIdentity {
    pub connection: ConnectionId,
    pub address: SocketAddr,
    /// Verified against the listener's CAs (validity included) when the connection was opened.
    /// Absent when the peer presented none.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// `tls-exporter` (RFC 9266) of the connection; absent without TLS. The other end has the same
    /// value exactly if nothing in between opened the TLS connection. Servers tell it to whoever
    /// asks on that connection: it is neither a secret nor a proof of who the peer is.
    pub tls_exporter: Option<[u8; 32]>,
}

/// A verified client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The leaf.
    pub der: Vec<u8>,
    /// Of its SubjectPublicKeyInfo.
    pub spki_sha256: [u8; 32],
    /// Its end of validity, in seconds since 1970. A connection may outlive it.
    pub not_after: i64,
}

impl PeerCertificate {
    /// `None` when it can't be read.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            der: der.to_vec(),
            spki_sha256: sha256(parsed.tbs_certificate.subject_pki.raw),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }
}

impl ConnectionId {
    /// A number of the caller's own, for calling routes without a connection.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}
