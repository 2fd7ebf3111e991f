//! How the manager starts, serves and stops.

mod identity;
mod upkeep;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::store::{Database, StoreError};
use flows::GarrisonFlow;
use net::{ClientAuth, Listener, PortBook, Server, ServerIdentity, ServerTls};
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::first_start::{self, AccountsError, KeysError};
use crate::lock::{FolderLock, LockError};
use crate::refusal::Refusal;
use crate::site::{Clock, Site};
use crate::tables::MIGRATIONS;

/// The flows that the manager listens on.
const LISTENERS: [GarrisonFlow; 3] = [
    GarrisonFlow::AgentChannel,
    GarrisonFlow::Console,
    GarrisonFlow::Api,
];

/// The manager as a whole.
pub struct Manager;

/// A site whose folder is taken, and that serves nobody yet.
pub struct Opened {
    pub site: Arc<Site>,
    lock: FolderLock,
}

/// A manager that serves. Dropping it ends it at once; [`Running::shutdown`] ends it properly.
pub struct Running {
    site: Arc<Site>,
    tasks: TaskTracker,
    addresses: BTreeMap<GarrisonFlow, SocketAddr>,
    _lock: FolderLock,
}

/// Why the manager doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{path}: the manager's folder can't be made: {source}", path = path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error(transparent)]
    Port(Box<dyn std::error::Error + Send + Sync>),
    #[error("the manager's certificate can't be made: {0}")]
    Certificate(Box<dyn std::error::Error + Send + Sync>),
    #[error("{path}: can't be written: {source}", path = path.display())]
    Ready { path: PathBuf, source: io::Error },
}

impl Manager {
    /// Starts the manager: takes the folder, opens the database, binds the listeners, serves.
    ///
    /// # Errors
    /// The first thing that is in the way; each error says what to do about it.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        Self::start_with_clock(config, Clock::system()).await
    }

    /// Everything but the network: takes the folder, makes what the first start makes, opens the
    /// database.
    ///
    /// # Errors
    /// Those of [`Manager::start`] that have nothing to do with the network.
    pub async fn open(config: Config, clock: Clock) -> Result<Opened, StartError> {
        net::install_crypto();
        let (lock, site) = open(config, clock).await?;
        Ok(Opened {
            site: Arc::new(site),
            lock,
        })
    }

    /// Does now what a running manager does by itself every half minute: ends what has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn upkeep(site: &Arc<Site>) -> Result<(), Refusal> {
        upkeep::sweep(site).await
    }

    /// As [`Manager::start`], by another clock.
    ///
    /// # Errors
    /// Those of [`Manager::start`].
    pub async fn start_with_clock(config: Config, clock: Clock) -> Result<Running, StartError> {
        let Opened { site, lock } = Self::open(config, clock).await?;
        let identity = identity::make(&site).map_err(StartError::Certificate)?;
        let listeners = bind(&site)?;
        let addresses: BTreeMap<GarrisonFlow, SocketAddr> = listeners
            .iter()
            .map(|(flow, listener)| (*flow, listener.address()))
            .collect();
        site.network.set_addresses(addresses.clone());
        let tasks = TaskTracker::new();
        for (flow, listener) in listeners {
            let server = serve(&site, flow, listener, &identity)?;
            tasks.spawn(server.serve(site.shutdown.clone()));
        }
        upkeep::start(&site, &tasks, identity);
        write_ready(&site, &addresses)?;
        Ok(Running {
            site,
            tasks,
            addresses,
            _lock: lock,
        })
    }
}

/// Everything before the network.
async fn open(config: Config, clock: Clock) -> Result<(FolderLock, Site), StartError> {
    let folder = config.folder.clone();
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|source| StartError::Folder {
            path: folder.clone(),
            source,
        })?;
    let lock = FolderLock::take(&folder)?;
    let _ = std::fs::remove_file(folder.join(READY));
    let keys = first_start::keys(&folder, &config.name, clock.now())?;
    let database = Database::open(&folder.join("garrison.db"), MIGRATIONS).await?;
    first_start::defaults(&database, clock.now()).await?;
    let site = Site::assemble(config, keys, database, clock).await?;
    first_start::accounts(&site).await?;
    Ok((lock, site))
}

fn bind(site: &Site) -> Result<Vec<(GarrisonFlow, Listener)>, StartError> {
    let mut book = PortBook::open(site.folder().join("ports.json"))
        .map_err(|error| StartError::Port(error.into()))?;
    LISTENERS
        .into_iter()
        .map(|flow| {
            net::listen(flow.flow(), site.config.bind, site.config.ports, &mut book)
                .map(|listener| (flow, listener))
                .map_err(|error| StartError::Port(error.into()))
        })
        .collect()
}

fn serve(
    site: &Arc<Site>,
    flow: GarrisonFlow,
    listener: Listener,
    identity: &ServerIdentity,
) -> Result<Server, StartError> {
    let (clients, router) = match flow {
        GarrisonFlow::AgentChannel => {
            let ca = site.keys.ca.certificate_der().to_vec().into();
            (
                ClientAuth::Optional { cas: vec![ca] },
                crate::agent_channel::router(Arc::clone(site)),
            )
        }
        GarrisonFlow::Console => (ClientAuth::None, crate::console::router(Arc::clone(site))),
        GarrisonFlow::Api
        | GarrisonFlow::ManagerCloud
        | GarrisonFlow::Dns
        | GarrisonFlow::Time
        | GarrisonFlow::DomainController => {
            (ClientAuth::None, crate::api::router(Arc::clone(site)))
        }
    };
    let tls =
        ServerTls::new(identity, clients).map_err(|error| StartError::Certificate(error.into()))?;
    let server = Server::new(listener, Some(tls), router);
    Ok(match site.network.connections(flow) {
        Some(connections) => server.with_connections(connections.clone()),
        None => server,
    })
}

const READY: &str = "ready.json";

/// Tells whoever started the manager where it serves.
fn write_ready(
    site: &Site,
    addresses: &BTreeMap<GarrisonFlow, SocketAddr>,
) -> Result<(), StartError> {
    let addresses: BTreeMap<String, String> = addresses
        .iter()
        .map(|(flow, address)| (flow.id().to_string(), address.to_string()))
        .collect();
    let ready = serde_json::json!({
        "service": "manager",
        "pid": std::process::id(),
        "addresses": addresses,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let path = site.folder().join(READY);
    replace(&path, &ready.to_string()).map_err(|source| StartError::Ready { path, source })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("json.new");
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, path)
}

impl Running {
    /// Where each flow is served, by the flow's id.
    #[must_use]
    pub fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        self.addresses
            .iter()
            .map(|(flow, address)| (flow.id().to_string(), *address))
            .collect()
    }

    /// The address of one flow.
    #[must_use]
    pub fn address(&self, flow: GarrisonFlow) -> Option<SocketAddr> {
        self.addresses.get(&flow).copied()
    }

    /// What the slices work on.
    #[must_use]
    pub const fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// The file with the first administrator's password. It may be gone: nothing needs it.
    #[must_use]
    pub fn first_password_file(&self) -> PathBuf {
        self.site.folder().join(first_start::FIRST_PASSWORD)
    }

    /// The file with the local operator's API token.
    #[must_use]
    pub fn local_token_file(&self) -> PathBuf {
        self.site.folder().join(first_start::LOCAL_TOKEN)
    }

    /// Returns when the manager has ended, which it does only after [`Running::shutdown`] began.
    pub async fn wait(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Takes no more requests, finishes those under way within the limit, and closes the
    /// database.
    pub async fn shutdown(self, limit: Duration) {
        self.site.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some requests did not end in time and were cut off");
        }
        let _ = std::fs::remove_file(self.site.folder().join(READY));
        self.site.database.close().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.site.shutdown.cancel();
    }
}
