//! TLS: whom we trust, who we are, and what went wrong.
//!
//! Session resumption is off on both sides: a resumed session would carry a certificate past its
//! verification, and a full handshake costs a fraction of a millisecond.

mod client;
mod error;
mod identity;
mod pinned;
mod server;

pub use client::{ClientTls, TlsTrust};
pub use error::{TlsError, TlsSetupError};
pub use identity::{ClientIdentity, ServerIdentity};
pub(crate) use pinned::PinnedCa;
pub use server::{ClientAuth, ServerTls};

/// RFC 9266, section 2.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// The value `tls-exporter` (RFC 9266), the same at both ends of one TLS connection. Only of TLS
/// 1.3: older versions bind it to the connection only with an extension that can't be asked about.
pub(crate) fn tls_exporter<D>(connection: &rustls::ConnectionCommon<D>) -> Option<[u8; 32]> {
    if connection.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
        return None;
    }
    connection
        .export_keying_material([0u8; 32], EXPORTER_LABEL, Some(b""))
        .ok()
}

/// Offered in this order; a peer that knows neither still gets HTTP/1.1.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";
pub(crate) const ALPN_HTTP1: &[u8] = b"http/1.1";
