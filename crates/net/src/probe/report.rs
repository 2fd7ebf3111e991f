//! What a probe saw.

use std::net::SocketAddr;

use super::revocation::RevocationSeen;
pub use crate::dial::{ProxySeen, SignInScheme};
use crate::dial::{StageFailure, Stages};
pub use crate::dns::{DnsSeen, NameSaid, NameSource, Opinion};
use crate::tls::TlsError;

/// Everything that one probe saw, up to the stage that failed.
///
/// An HTTP status is never a failure here, nor is a refused upgrade: the caller knows what the
/// flow expects.
#[derive(Debug, Default)]
pub struct ProbeReport {
    pub stages: Stages,
    /// The first stage that failed, and why.
    pub failure: Option<StageFailure>,
    /// Of the endpoint's name, or of the proxy's where one is used.
    pub dns: Option<DnsSeen>,
    pub proxy: Option<ProxySeen>,
    /// Where the TCP connection went, or the datagram.
    pub peer: Option<SocketAddr>,
    pub tls: Option<TlsSeen>,
    pub http: Option<HttpSeen>,
    /// What the other side said first above TCP and TLS, at most [`super::MAX_FIRST_BYTES`] bytes
    /// of it: what it is where it is not HTTP.
    pub first_bytes: Vec<u8>,
    /// What came back to the datagram, at most [`super::MAX_UDP_ANSWER`] bytes of it.
    pub udp_answer: Option<Vec<u8>>,
    /// The value `tls-exporter` (RFC 9266) that the server says to have, to be compared with
    /// [`TlsSeen::exporter`]; `None` where it was not asked or did not say.
    pub server_exporter: Option<[u8; 32]>,
    pub revocation: Option<RevocationSeen>,
    /// The status of the answer under the other user agent, where it was asked for and none of the
    /// stages failed.
    pub other_agent: Option<u16>,
}

/// What the TLS handshake showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSeen {
    pub ended: TlsEnd,
    /// Such as `TLS 1.3`.
    pub version: Option<&'static str>,
    pub suite: Option<String>,
    pub alpn: Option<Vec<u8>>,
    /// In DER, the leaf first; empty where none came.
    pub chain: Vec<Vec<u8>>,
    /// What the host's trust store makes of the chain; `None` where none came.
    pub host_trusts: Option<Result<(), TlsError>>,
    /// What the public roots make of the chain; `None` where none came.
    pub public_trusts: Option<Result<(), TlsError>>,
    /// Whether the pinned key was presented; `None` where nothing is pinned.
    pub pin_matches: Option<bool>,
    /// Signed certificate timestamps (RFC 6962) in the leaf.
    pub scts: usize,
    pub ocsp_stapled: bool,
    /// `tls-exporter` (RFC 9266); only of a finished handshake.
    pub exporter: Option<[u8; 32]>,
    pub client_certificate_wanted: bool,
    /// What the other side said first, at most [`super::MAX_FIRST_BYTES`] bytes.
    pub first_bytes: Vec<u8>,
}

/// How the handshake ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsEnd {
    Established,
    /// We refused the server's certificate.
    Refused,
    /// A reset before the other side had said anything.
    ResetAfterHello,
    /// The other side closed before it had said anything.
    ClosedAfterHello,
    /// A reset or a close within the handshake.
    Cut,
    /// The other side's alert, such as `HandshakeFailure`.
    Alert(String),
    NotTls,
    TimedOut,
    /// Anything else; the failure tells.
    Failed,
}

/// What the answer to the HTTP request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSeen {
    /// Such as `HTTP/1.1`.
    pub version: &'static str,
    pub status: u16,
    /// With names in lower case; at most [`super::MAX_HEADERS`] of them.
    pub headers: Vec<(String, String)>,
    /// At most [`super::ProbePlan::keep_body`] bytes.
    pub head_of_body: Vec<u8>,
    pub body: BodyEnd,
    /// `None` where no upgrade was asked for.
    pub upgrade: Option<UpgradeSeen>,
}

/// How far the body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    Complete,
    /// Longer than what a probe reads ([`super::MAX_READ`] bytes).
    Longer,
    /// It ended before its announced length.
    Truncated,
    /// It stopped coming.
    TimedOut,
}

/// What became of the upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeSeen {
    /// 101 with the right Sec-WebSocket-Accept.
    Accepted,
    /// 101 from something that did not understand the request.
    WrongAccept,
    /// Any other status.
    Refused,
}

impl HttpSeen {
    /// The first header of this name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.as_str())
    }
}
