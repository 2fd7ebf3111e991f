//! Notices when the network around this machine changes: links, addresses, routes (netlink,
//! rtnetlink(7)) and the name servers in use (resolv.conf(5), by inotify(7)).
//!
//! Only what makes a difference to a connection counts: a lease that is renewed, a router that
//! advertises itself again or a radio that reports its signal changes nothing. What is watched is
//! the namespace that this process is in.

mod names;
mod routes;

use names::NamesWatch;
use routes::RoutesWatch;

/// The file that names the name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetworkChange {
    /// A link went up or down, came or went.
    Link,
    /// An address came or went.
    Address,
    /// A route came or went.
    Route,
    /// The name servers, or what is searched.
    NameServers,
    /// Too much at once to say.
    Many,
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct ChangeWatch {
    routes: Option<RoutesWatch>,
    names: Option<NamesWatch>,
    missing: Vec<String>,
}

impl ChangeWatch {
    /// Begins to watch, inside a runtime. What can't be watched here is in [`Self::missing`], and
    /// the rest is watched.
    #[must_use]
    pub fn begin() -> Self {
        let mut missing = Vec::new();
        let routes = RoutesWatch::begin()
            .map_err(|error| missing.push(format!("links, addresses and routes ({error})")));
        let names = NamesWatch::begin(RESOLV_CONF.as_ref())
            .map_err(|error| missing.push(format!("{RESOLV_CONF} ({error})")));
        Self {
            routes: routes.ok(),
            names: names.ok(),
            missing,
        }
    }

    /// What can't be watched on this machine, each with the reason.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Waits for the next change. Dropping the future loses nothing. Where nothing can be watched
    /// it waits for ever.
    pub async fn changed(&mut self) -> NetworkChange {
        tokio::select! {
            change = of_routes(&mut self.routes) => change,
            () = of_names(&mut self.names) => NetworkChange::NameServers,
        }
    }
}

async fn of_routes(watch: &mut Option<RoutesWatch>) -> NetworkChange {
    if let Some(routes) = watch {
        match routes.changed().await {
            Ok(change) => return change,
            Err(error) => {
                tracing::warn!("links, addresses and routes are no longer watched: {error}");
                *watch = None;
            }
        }
    }
    std::future::pending().await
}

async fn of_names(watch: &mut Option<NamesWatch>) {
    if let Some(names) = watch {
        match names.changed().await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!("{RESOLV_CONF} is no longer watched: {error}");
                *watch = None;
            }
        }
    }
    std::future::pending().await
}
