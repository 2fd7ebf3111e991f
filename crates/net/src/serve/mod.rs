//! Serving a listener: connections, their limits, and their end.

mod accept;
mod activity;
mod connection;
mod connections;
mod handlers;
mod limits;
mod peer;

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use connections::{Connections, Counters};
pub use limits::ServeLimits;
pub use peer::{ConnectionId, PeerCertificate, PeerIdentity};

use crate::listen::Listener;
use crate::tls::ServerTls;
use accept::{Acceptor, Next};

/// Serves a router on a listener. Handlers find a [`PeerIdentity`] in the request's extensions.
///
/// Responses may take as long as they like; only their beginning is limited by what the client
/// is willing to wait for.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    shared: Shared,
}

/// What every connection of a server needs.
#[derive(Debug, Clone)]
struct Shared {
    tls: Option<ServerTls>,
    router: Router,
    limits: Arc<ServeLimits>,
    connections: Connections,
    shutdown: CancellationToken,
    /// Of connections and of the requests on them.
    tasks: TaskTracker,
}

impl Server {
    /// With the default limits. Without `tls` it speaks plain HTTP/1.1, for tests.
    #[must_use]
    pub fn new(listener: Listener, tls: Option<ServerTls>, router: Router) -> Self {
        let shared = Shared {
            tls,
            router,
            limits: Arc::new(ServeLimits::default()),
            connections: Connections::new(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self { listener, shared }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: ServeLimits) -> Self {
        self.shared.limits = Arc::new(limits);
        self
    }

    /// Enters its connections in a registry of the caller's, which several servers may share.
    #[must_use]
    pub fn with_connections(mut self, connections: Connections) -> Self {
        self.shared.connections = connections;
        self
    }

    /// The registry that its connections are entered in.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.shared.connections.clone()
    }

    /// Serves until `shutdown` is cancelled; then accepts no more, lets requests under way finish
    /// within the limit for draining, closes what is left, and returns when no task is left.
    /// Responses without an end should be ended by their handlers on the same token, otherwise
    /// they hold the shutdown up to the limit.
    pub async fn serve(mut self, shutdown: CancellationToken) {
        let flow = self.listener.flow().clone();
        tracing::info!(%flow, address = %self.listener.address(), "listening");
        self.shared.shutdown = shutdown.clone();
        let shared = Arc::new(self.shared);
        let slots = Arc::new(Semaphore::new(shared.limits.max_connections));
        let tasks = shared.tasks.clone();
        let mut acceptor = Acceptor::new(self.listener, shared.connections.clone());
        loop {
            let next = tokio::select! {
                () = shutdown.cancelled() => break,
                next = acceptor.next() => next,
            };
            let Next::Accepted { stream, address } = next else {
                continue;
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                shared.connections.count(|counters| &counters.turned_away);
                acceptor.warn_full(shared.limits.max_connections);
                continue;
            };
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                connection::serve(stream, address, &shared).await;
                drop(slot);
            });
        }
        drop(acceptor);
        tasks.close();
        // Each connection ends by itself within the limit for draining.
        tasks.wait().await;
        tracing::info!(%flow, "no longer listening");
    }
}
