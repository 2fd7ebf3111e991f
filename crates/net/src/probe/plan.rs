//! What to probe, and on which path.

use std::time::Duration;

use flows::FlowId;

use crate::dial::{Proxy, Timeouts};
use crate::endpoint::Endpoint;
use crate::tls::ClientIdentity;

/// One probe: one endpoint of one flow, on one path.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    pub flow: FlowId,
    pub endpoint: Endpoint,
    pub transport: ProbeTransport,
    pub route: ProbeRoute,
    pub trust: ProbeTrust,
    /// Shown to a server that asks for a certificate, once the server itself is trusted.
    pub identity: ClientIdentity,
    /// Offered to the server, in this order; none where empty.
    pub alpn: Vec<Vec<u8>>,
    /// Path and query of the HTTP request; `/` without.
    pub path: Option<String>,
    /// Where the server tells its own `tls-exporter` value (RFC 9266): asked on the same
    /// connection, after the request over TLS. Not asked without.
    pub binding_path: Option<String>,
    /// Sent with the HTTP request, and to the proxy; none without.
    pub user_agent: Option<String>,
    /// Where the answer is a refusal, the same is asked once more under this name.
    pub other_user_agent: Option<String>,
    pub revocation: RevocationCheck,
    /// Bytes of the answer's body that the report keeps; [`super::MAX_BODY`] unless set.
    pub keep_body: usize,
    pub timeouts: Timeouts,
}

/// How far up the probe goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeTransport {
    /// Connects, and closes.
    Tcp,
    /// Connects, agrees on TLS, and closes.
    Tls,
    /// Sends a request without TLS. Through a proxy it goes to the proxy itself, as browsers do.
    Http { ask: ProbeRequest },
    /// Sends a request over TLS, if the server is trusted.
    Https { ask: ProbeRequest },
    /// Sends one datagram and waits for an answer.
    Udp { payload: Vec<u8> },
}

/// The HTTP request of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeRequest {
    Head,
    Get,
    /// GET that asks for a WebSocket (RFC 6455).
    WebSocket,
}

/// Directly, or through a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeRoute {
    Direct,
    Proxy(Proxy),
}

/// Whom the server's certificate must come from. Whatever is said here, the report tells too what
/// the host's trust store and the public roots think of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeTrust {
    /// The host's trust store or the public roots.
    Public,
    /// The CA whose SubjectPublicKeyInfo has this SHA-256.
    Pinned { ca_pin: [u8; 32] },
    /// This CA (DER) alone.
    Ca { der: Vec<u8> },
}

/// Whether to ask the certificate's issuer if it is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationCheck {
    Skip,
    /// By OCSP, and by CRL where there is no OCSP responder or it does not answer.
    Ask,
}

impl ProbePlan {
    /// A direct probe with public trust, no revocation check, and [`ProbePlan::time_limits`].
    #[must_use]
    pub fn new(flow: FlowId, endpoint: Endpoint, transport: ProbeTransport) -> Self {
        Self {
            flow,
            endpoint,
            transport,
            route: ProbeRoute::Direct,
            trust: ProbeTrust::Public,
            identity: ClientIdentity::none(),
            alpn: Vec::new(),
            path: None,
            binding_path: None,
            user_agent: None,
            other_user_agent: None,
            revocation: RevocationCheck::Skip,
            keep_body: super::MAX_BODY,
            timeouts: Self::time_limits(),
        }
    }

    /// The time limits of a probe: shorter than a dialer's, because somebody waits for all of them.
    #[must_use]
    pub const fn time_limits() -> Timeouts {
        Timeouts {
            resolve: Duration::from_secs(5),
            proxy: Duration::from_secs(5),
            tcp: Duration::from_secs(4),
            tls: Duration::from_secs(5),
            http: Duration::from_secs(5),
            response: Duration::from_secs(5),
        }
    }
}
