//! The open connections of one or several servers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::peer::{ConnectionId, PeerIdentity};

/// Who is connected. Clones are the same registry.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    last_id: AtomicU64,
    open: Mutex<HashMap<ConnectionId, Entry>>,
    counters: AtomicCounters,
}

#[derive(Debug)]
struct Entry {
    peer: PeerIdentity,
    close: CancellationToken,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// TCP connections that were taken.
    pub accepted: u64,
    /// Closed at once because the server was full.
    pub turned_away: u64,
    /// TLS handshakes that failed or took too long, refused certificates included.
    pub failed_handshakes: u64,
    /// Handshakes that failed because of the client's certificate.
    pub refused_certificates: u64,
    /// Times that the system could not hand out a connection (no descriptors, no memory).
    pub accept_errors: u64,
    /// Closed through [`Connections::close_where`].
    pub closed: u64,
}

#[derive(Debug, Default)]
pub(super) struct AtomicCounters {
    pub(super) accepted: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) failed_handshakes: AtomicU64,
    pub(super) refused_certificates: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    pub(super) closed: AtomicU64,
}

/// A connection's place in the registry, which it leaves when this is dropped.
pub(super) struct Registered {
    registry: Arc<Registry>,
    pub(super) id: ConnectionId,
    pub(super) close: CancellationToken,
}

impl Connections {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.open().len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes at once, without a goodbye, every connection whose peer `wanted` picks; gives their
    /// number. A handshake under way at this moment is not yet here: what it then asks for must
    /// be refused by whoever decides what peers may do.
    pub fn close_where(&self, wanted: impl Fn(&PeerIdentity) -> bool) -> usize {
        let open = self.0.open();
        let mut closed = 0;
        for entry in open.values().filter(|entry| wanted(&entry.peer)) {
            entry.close.cancel();
            closed += 1;
        }
        drop(open);
        let counted = u64::try_from(closed).unwrap_or(u64::MAX);
        self.0.counters.closed.fetch_add(counted, Ordering::Relaxed);
        closed
    }

    /// Closes every connection that presented a certificate with this key
    /// (see [`crate::spki_sha256`]); gives their number.
    pub fn close_key(&self, spki_sha256: &[u8; 32]) -> usize {
        self.close_where(|peer| {
            peer.certificate
                .as_ref()
                .is_some_and(|leaf| leaf.spki_sha256 == *spki_sha256)
        })
    }

    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let counters = &self.0.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            accepted: read(&counters.accepted),
            turned_away: read(&counters.turned_away),
            failed_handshakes: read(&counters.failed_handshakes),
            refused_certificates: read(&counters.refused_certificates),
            accept_errors: read(&counters.accept_errors),
            closed: read(&counters.closed),
        }
    }

    pub(super) fn count(&self, counter: impl Fn(&AtomicCounters) -> &AtomicU64) {
        counter(&self.0.counters).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn next_id(&self) -> ConnectionId {
        ConnectionId(self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn register(&self, peer: PeerIdentity) -> Registered {
        let id = peer.connection;
        let close = CancellationToken::new();
        self.0.open().insert(
            id,
            Entry {
                peer,
                close: close.clone(),
            },
        );
        Registered {
            registry: Arc::clone(&self.0),
            id,
            close,
        }
    }
}

impl Registry {
    fn open(&self) -> MutexGuard<'_, HashMap<ConnectionId, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.registry.open().remove(&self.id);
    }
}
