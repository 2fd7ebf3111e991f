//! Who is at the other end of the connection.

use std::net::IpAddr;

use axum::http::request::Parts;
use net::PeerIdentity;

/// The address of the one who dialed. Absent where routes are called without a connection.
#[must_use]
pub fn address(parts: &Parts) -> Option<IpAddr> {
    parts
        .extensions
        .get::<PeerIdentity>()
        .map(|peer| peer.address.ip())
}
