//! Stage 3: a TCP connection to the first address that answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::error::{TcpError, is_forbidden_here};
use super::within;

/// Tries the addresses in the resolver's order, each within `limit`.
pub(crate) async fn connect(
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<(TcpStream, String), TcpError> {
    let mut last = None;
    for &address in addresses {
        match connect_one(address, limit).await {
            Ok(stream) => return Ok((stream, address.to_string())),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| TcpError::Failed {
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source: io::Error::other("there is no address to try"),
    }))
}

async fn connect_one(address: SocketAddr, limit: Duration) -> Result<TcpStream, TcpError> {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where TCP is dialed"
    )]
    let connecting = TcpStream::connect(address);
    let connected = within(limit, connecting)
        .await
        .ok_or(TcpError::TimedOut { address, limit })?;
    let stream = connected.map_err(|source| match source.kind() {
        io::ErrorKind::ConnectionRefused => TcpError::Refused { address },
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            TcpError::Unreachable { address, source }
        }
        io::ErrorKind::TimedOut => TcpError::TimedOut { address, limit },
        _ if is_forbidden_here(&source, address) => TcpError::Forbidden { address },
        io::ErrorKind::PermissionDenied => TcpError::Unreachable { address, source },
        _ => TcpError::Failed { address, source },
    })?;
    // Small requests go out at once.
    stream
        .set_nodelay(true)
        .map_err(|source| TcpError::Failed { address, source })?;
    Ok(stream)
}
