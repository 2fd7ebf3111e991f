//! Taking connections from the kernel, also when it has none to give.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::connections::Connections;
use crate::listen::Listener;

/// The first wait after the system could not hand out a connection; it doubles up to the second.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// At most one warning in this time.
const WARN_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Acceptor {
    listener: Listener,
    connections: Connections,
    /// Before the next try.
    wait: Duration,
    warned: Option<Instant>,
}

pub(super) enum Next {
    Accepted {
        stream: TcpStream,
        address: SocketAddr,
    },
    Nothing,
}

impl Acceptor {
    pub(super) fn new(listener: Listener, connections: Connections) -> Self {
        Self {
            listener,
            connections,
            wait: Duration::ZERO,
            warned: None,
        }
    }

    /// The next connection, or nothing when the system had none to give. May be cancelled.
    pub(super) async fn next(&mut self) -> Next {
        if !self.wait.is_zero() {
            tokio::time::sleep(self.wait).await;
        }
        match self.listener.socket.accept().await {
            Ok((stream, address)) => {
                self.wait = Duration::ZERO;
                self.connections.count(|counters| &counters.accepted);
                Next::Accepted { stream, address }
            }
            Err(error) if concerns_one_connection(&error) => Next::Nothing,
            Err(error) => {
                self.connections.count(|counters| &counters.accept_errors);
                self.wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
                if self.may_warn() {
                    tracing::warn!(flow = %self.listener.flow(), %error, "cannot take connections; raise the limit on open files, or lower that on connections");
                }
                Next::Nothing
            }
        }
    }

    pub(super) fn warn_full(&mut self, limit: usize) {
        if self.may_warn() {
            tracing::warn!(flow = %self.listener.flow(), limit, "all connections are in use; new ones are turned away");
        }
    }

    fn may_warn(&mut self) -> bool {
        let now = Instant::now();
        let may = self
            .warned
            .is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if may {
            self.warned = Some(now);
        }
        may
    }
}

/// accept(2) also reports what went wrong on the connection that it would have given.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::TimedOut
            | io::ErrorKind::Interrupted
    )
}
