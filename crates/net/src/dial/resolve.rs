//! Stage 1: the host's addresses.

use std::net::SocketAddr;
use std::time::Duration;

use super::error::ResolveError;
use super::within;
use crate::endpoint::{Endpoint, Host};

/// More addresses than these are not tried.
const MAX_ADDRESSES: usize = 8;

/// An address is taken as it is; a name goes to the system's resolver (the flow `dns`).
pub(super) async fn addresses(
    endpoint: &Endpoint,
    limit: Duration,
) -> Result<(Vec<SocketAddr>, String), ResolveError> {
    let name = match &endpoint.host {
        Host::Address(address) => {
            let address = SocketAddr::new(*address, endpoint.port);
            return Ok((vec![address], "an address, nothing to look up".to_owned()));
        }
        Host::Name(name) => name,
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where names are resolved"
    )]
    let lookup = tokio::net::lookup_host((name.as_str(), endpoint.port));
    let found: Vec<SocketAddr> = within(limit, lookup)
        .await
        .ok_or_else(|| ResolveError::TimedOut {
            name: name.clone(),
            limit,
        })?
        .map_err(|source| ResolveError::Failed {
            name: name.clone(),
            source,
        })?
        .take(MAX_ADDRESSES)
        .collect();
    if found.is_empty() {
        return Err(ResolveError::NoAddress { name: name.clone() });
    }
    let detail: Vec<String> = found
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    Ok((found, detail.join(", ")))
}
