//! TLS 1.3: whom we trust, who we are, and what went wrong.
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
pub use server::{ClientAuth, ServerTls};

/// Offered in this order; a peer that knows neither still gets HTTP/1.1.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";
pub(crate) const ALPN_HTTP1: &[u8] = b"http/1.1";
