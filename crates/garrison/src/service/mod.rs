//! The services as processes: configuration, readiness, and when to end.

pub(crate) mod cloud;
pub(crate) mod lifeline;
pub(crate) mod manager;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::folder::{Lock, LockError, make_private};
use crate::up::ready::ServiceReady;
use lifeline::EndSignals;

/// How long to wait for a service that is just ending on the same folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How long a service may take to finish what it has begun.
pub(crate) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// Makes a service's folder and keeps others from running on it.
pub(crate) async fn take_folder(folder: &Path) -> anyhow::Result<Lock> {
    make_private(folder)?;
    let path = folder.join("service.lock");
    let lock: Result<Lock, LockError> =
        tokio::task::spawn_blocking(move || Lock::take(&path, LOCK_PATIENCE)).await?;
    Ok(lock?)
}

/// Lets the process have as many connections as the system allows.
pub(crate) fn raise_file_limit() {
    if let Err(error) = net::raise_file_limit() {
        tracing::warn!("the limit on open files stays as it is: {error}");
    }
}

/// Tells the log, and whoever named a file, where the service listens.
pub(crate) fn announce(
    service: &str,
    addresses: &BTreeMap<impl ToString, SocketAddr>,
    ready_file: Option<&Path>,
) -> anyhow::Result<()> {
    let addresses: BTreeMap<String, SocketAddr> = addresses
        .iter()
        .map(|(flow, address)| (flow.to_string(), *address))
        .collect();
    if let Some(path) = ready_file {
        let ready = ServiceReady {
            service: service.to_owned(),
            pid: std::process::id(),
            addresses,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        ready.write(path)?;
    }
    Ok(())
}

/// What asks this service to end.
#[derive(Debug)]
pub(crate) struct End {
    signals: EndSignals,
    lifeline: Option<oneshot::Receiver<()>>,
}

impl End {
    /// Begins to watch.
    ///
    /// # Errors
    /// When signals can't be watched.
    pub(crate) fn watch(with_lifeline: bool) -> anyhow::Result<Self> {
        Ok(Self {
            signals: EndSignals::watch()?,
            lifeline: with_lifeline.then(lifeline::closed),
        })
    }

    /// Why to end, once it is time.
    pub(crate) async fn wanted(&mut self) -> &'static str {
        match &mut self.lifeline {
            Some(closed) => tokio::select! {
                signal = self.signals.next() => signal,
                _ = closed => "the parent is gone",
            },
            None => self.signals.next().await,
        }
    }
}
