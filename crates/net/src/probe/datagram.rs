//! One datagram, and what comes back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use super::MAX_UDP_ANSWER;
use crate::dial::{UdpError, is_forbidden_here, within};

/// Sends to the first address that takes a datagram. Gives where it went, and the answer.
pub(super) async fn send(
    addresses: &[SocketAddr],
    payload: &[u8],
    limit: Duration,
) -> Result<((SocketAddr, Vec<u8>), String), UdpError> {
    let mut last = UdpError::Failed {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source: io::Error::other("there is no address to try"),
    };
    for &address in addresses {
        match send_to(address, payload, limit).await {
            Ok(answer) => {
                let detail = format!("{address} answers with {} bytes", answer.len());
                return Ok(((address, answer), detail));
            }
            // Only without a route, the next address may be tried at no cost of time.
            Err(error @ UdpError::Unreachable { .. }) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

async fn send_to(
    address: SocketAddr,
    payload: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, UdpError> {
    let told = |source: io::Error| match source.kind() {
        io::ErrorKind::ConnectionRefused => UdpError::Refused { address },
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            UdpError::Unreachable { address, source }
        }
        _ if is_forbidden_here(&source, address) => UdpError::Forbidden { address },
        io::ErrorKind::PermissionDenied => UdpError::Unreachable { address, source },
        _ => UdpError::Failed { address, source },
    };
    let own = match address {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0u16; 8], 0)),
    };
    #[allow(
        clippy::disallowed_methods,
        reason = "one of the places where net opens a socket: a probe of a flow"
    )]
    let socket = UdpSocket::bind(own).await.map_err(told)?;
    // A connected socket hears of a closed port, and of nobody else.
    socket.connect(address).await.map_err(told)?;
    socket.send(payload).await.map_err(told)?;
    let mut answer = vec![0u8; MAX_UDP_ANSWER];
    let length = within(limit, socket.recv(&mut answer))
        .await
        .ok_or(UdpError::Unconfirmed { address, limit })?
        .map_err(told)?;
    answer.truncate(length);
    Ok(answer)
}
