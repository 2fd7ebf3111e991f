//! The TLS handshake under observation.

use std::io;
use std::sync::{Arc, PoisonError};

use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::facts::CertificateFacts;
use super::plan::{ProbePlan, ProbeRequest, ProbeTransport};
use super::recorded::{Record, Recorded};
use super::report::{TlsEnd, TlsSeen};
use super::roots::ProbeRoots;
use super::verifier::{RecordingIdentity, RecordingVerifier, SharedShown};
use crate::crypto;
use crate::dial::{server_name, within};
use crate::tls::{ALPN_HTTP2, TlsError, tls_exporter};

/// The first byte of a TLS record that holds a handshake or an alert (RFC 8446, section 5.1).
const RECORD_TYPES: [u8; 2] = [22, 21];

pub(super) type Stream = TlsStream<Recorded<TcpStream>>;

/// Speaks TLS and says what it saw, whether or not it came to an end.
pub(super) async fn observe(
    tcp: TcpStream,
    plan: &ProbePlan,
    roots: &ProbeRoots,
) -> (TlsSeen, Result<Stream, TlsError>) {
    let shown = SharedShown::default();
    let (tcp, record) = Record::of(tcp);
    let limit = plan.timeouts.tls;
    let (end, result) = match connector(plan, roots, &shown) {
        Err(error) => (TlsEnd::Failed, Err(error)),
        Ok((connector, name)) => match within(limit, connector.connect(name, tcp)).await {
            Some(Ok(stream)) => (TlsEnd::Established, Ok(stream)),
            Some(Err(error)) => {
                let pin = pin(plan);
                let told = TlsError::from_handshake(&error, pin.as_ref());
                let end = ended(&error, &told, &record);
                let told = if end == TlsEnd::NotTls {
                    TlsError::NotTls
                } else {
                    told
                };
                (end, Err(told))
            }
            None if !record.first_bytes().is_empty() && !speaks_tls(&record) => {
                (TlsEnd::NotTls, Err(TlsError::NotTls))
            }
            None => (TlsEnd::TimedOut, Err(TlsError::TimedOut { limit })),
        },
    };
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let leaf = shown
        .chain
        .first()
        .and_then(|der| CertificateFacts::read(der));
    let mut seen = TlsSeen {
        ended: end,
        version: None,
        suite: None,
        alpn: None,
        scts: leaf.map_or(0, |leaf| leaf.scts),
        chain: shown.chain,
        host_trusts: shown.host,
        public_trusts: shown.public,
        pin_matches: shown.pin_matches,
        ocsp_stapled: shown.ocsp_stapled,
        exporter: None,
        client_certificate_wanted: shown.client_certificate_wanted,
        first_bytes: record.first_bytes(),
    };
    if let Ok(stream) = &result {
        agreed(&mut seen, stream);
    }
    (seen, result)
}

fn connector(
    plan: &ProbePlan,
    roots: &ProbeRoots,
    shown: &SharedShown,
) -> Result<(TlsConnector, rustls::pki_types::ServerName<'static>), TlsError> {
    let failed = |error: &dyn std::error::Error| TlsError::Protocol {
        reason: error.to_string(),
    };
    let verifier = RecordingVerifier::new(&plan.trust, roots, Arc::clone(shown))
        .map_err(|error| failed(&error))?;
    let identity = RecordingIdentity::new(&plan.identity, Arc::clone(shown));
    let mut config = ClientConfig::builder_with_provider(crypto::provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| failed(&error))?
        // The name is rustls' for any verifier that is not its own; ours verifies by rustls' own
        // verifiers, and accepts nothing that none of them accepts.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(identity));
    config.alpn_protocols.clone_from(&plan.alpn);
    if let ProbeTransport::Https {
        ask: ProbeRequest::WebSocket,
    } = plan.transport
    {
        // The upgrade is one of HTTP/1.1 (RFC 6455, section 4.1).
        config
            .alpn_protocols
            .retain(|protocol| protocol != ALPN_HTTP2);
    }
    config.resumption = Resumption::disabled();
    let name = server_name(&plan.endpoint.host)?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn agreed(seen: &mut TlsSeen, stream: &Stream) {
    let (_, connection) = stream.get_ref();
    seen.version = connection.protocol_version().map(|version| match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "another version of TLS",
    });
    let suite = connection.negotiated_cipher_suite();
    seen.suite = suite.map(|suite| format!("{:?}", suite.suite()));
    seen.alpn = connection.alpn_protocol().map(<[u8]>::to_vec);
    seen.exporter = tls_exporter(connection);
}

fn ended(error: &io::Error, told: &TlsError, record: &Record) -> TlsEnd {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(rustls::Error::AlertReceived(alert)) => TlsEnd::Alert(format!("{alert:?}")),
        Some(rustls::Error::InvalidCertificate(_)) => TlsEnd::Refused,
        Some(_) if *told == TlsError::NotTls => TlsEnd::NotTls,
        Some(_) => TlsEnd::Failed,
        None if !record.first_bytes().is_empty() => {
            if speaks_tls(record) {
                TlsEnd::Cut
            } else {
                TlsEnd::NotTls
            }
        }
        None => match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => TlsEnd::ResetAfterHello,
            _ => TlsEnd::ClosedAfterHello,
        },
    }
}

fn speaks_tls(record: &Record) -> bool {
    let first = record.first_bytes();
    first
        .first()
        .is_some_and(|byte| RECORD_TYPES.contains(byte))
}

fn pin(plan: &ProbePlan) -> Option<[u8; 32]> {
    match &plan.trust {
        super::ProbeTrust::Pinned { ca_pin } => Some(*ca_pin),
        super::ProbeTrust::Public | super::ProbeTrust::Ca { .. } => None,
    }
}
