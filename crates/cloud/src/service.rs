//! The cloud as a service: how it starts, and how it stops.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flows::{FlowId, GarrisonFlow};
use model::Timestamp;
use net::listen::ListenOrBookError;
use net::{
    CancellationToken, ClientAuth, Listener, PortBook, PortBookError, ServeLimits, Server,
    ServerIdentity, ServerTls, TlsSetupError,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Serialize;
use store::{Database, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use trust::keyfile::{self, KeyFileError};
use trust::{CertificateAuthority, ServerCertificate};

use crate::authority::{self, AuthorityError};
use crate::config::{Config, ConfigError};
use crate::folder::{CLOUD_DB, Folder, FolderError, FolderLock, PORTS, READY};
use crate::sites::{self, TokenError};
use crate::state::CloudState;
use crate::{api, pings, tables};

/// How often the certificate's age and the pings' are looked at.
const UPKEEP_EVERY: Duration = Duration::from_secs(3600);
/// Sites are few.
const MAX_CONNECTIONS: usize = 4096;

/// The cloud.
#[derive(Debug)]
pub struct Cloud;

/// A cloud that serves. Dropping it begins its end, without waiting for it.
#[derive(Debug)]
pub struct Running {
    addresses: BTreeMap<FlowId, SocketAddr>,
    shutdown: DropGuard,
    server: JoinHandle<()>,
    tasks: TaskTracker,
    database: DatabaseAtEnd,
    folder: Folder,
    lock: Arc<FolderLock>,
}

/// Not printed.
struct DatabaseAtEnd(Database);

/// The cloud can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the cloud's configuration")]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ports(#[from] PortBookError),
    #[error(transparent)]
    Listen(#[from] ListenOrBookError),
    #[error("the listener's TLS")]
    Tls(#[from] TlsSetupError),
    #[error("the first site token")]
    Token(#[from] TokenError),
    #[error("the file that says that the cloud is ready")]
    Ready(#[source] KeyFileError),
}

/// The content of `ready.json`.
#[derive(Serialize)]
struct Ready<'a> {
    service: &'static str,
    pid: u32,
    addresses: &'a BTreeMap<FlowId, SocketAddr>,
    version: &'static str,
}

impl Cloud {
    /// Starts the cloud in the configuration's folder, and returns once it serves.
    ///
    /// # Errors
    /// When another cloud works in the folder, the configuration or something in the folder can't
    /// be used, or the port can't be had.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        config.check()?;
        net::install_crypto();
        let now = Timestamp::now();
        let folder = Folder::at(&config.folder);
        folder.make()?;
        let lock = Arc::new(folder.lock()?);
        // Of a cloud that was killed: nobody is ready here now.
        let _ = std::fs::remove_file(folder.path(READY));
        let authority = authority::open_or_create(&folder, &config, now)?;
        let (chain, key) = parts(authority::server_certificate(&authority, &config, now)?);
        let identity = ServerIdentity::new(chain, key)?;
        let tls = ServerTls::new(&identity, clients(&authority))?;
        let database = Database::open(&folder.path(CLOUD_DB), tables::MIGRATIONS).await?;
        let listener = bind(&config, &folder)?;
        let addresses = BTreeMap::from([(listener.flow().clone(), listener.address())]);
        let port = listener.address().port();
        sites::keep_addresses(&database, dialed_as(&config, port)).await?;
        let pin = authority.pin_hex();
        if let Some(token) = sites::write_first_token(&database, &folder, &pin, now).await? {
            tracing::info!(file = %token.file.display(), "a token for the first site is ready");
        }
        let state = CloudState::new(database.clone(), authority, config);
        let shutdown = CancellationToken::new();
        let limits = ServeLimits {
            max_connections: MAX_CONNECTIONS,
            ..ServeLimits::default()
        };
        let server =
            Server::new(listener, Some(tls), api::router(state.clone())).with_limits(limits);
        let (serving, held) = (server.serve(shutdown.clone()), Arc::clone(&lock));
        let server = tokio::spawn(async move {
            serving.await;
            drop(held);
        });
        let tasks = TaskTracker::new();
        tasks.spawn(upkeep(state, identity, shutdown.clone()));
        tasks.close();
        write_ready(&folder, &addresses)?;
        Ok(Running {
            addresses,
            shutdown: shutdown.drop_guard(),
            server,
            tasks,
            database: DatabaseAtEnd(database),
            folder,
            lock,
        })
    }
}

impl Running {
    /// Where each flow's listener is.
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<FlowId, SocketAddr> {
        &self.addresses
    }

    /// Returns when the listener has ended by itself, which only a defect makes it do.
    pub async fn wait(&mut self) {
        // Polled again after its end a handle panics; `shutdown` may follow.
        if !self.server.is_finished() {
            let _ = (&mut self.server).await;
        }
    }

    /// Takes no more requests, lets those under way finish, and closes the database. Gives
    /// `false` when that took longer than `limit`; nothing that was answered is lost then either.
    pub async fn shutdown(self, limit: Duration) -> bool {
        drop(self.shutdown);
        let ready = self.folder.path(READY);
        if let Err(error) = std::fs::remove_file(&ready) {
            tracing::warn!(file = %ready.display(), %error, "cannot be removed");
        }
        let abort = self.server.abort_handle();
        let ended = tokio::time::timeout(limit, async {
            if !self.server.is_finished() {
                let _ = self.server.await;
            }
            self.tasks.wait().await;
            self.database.0.close().await;
        })
        .await
        .is_ok();
        abort.abort();
        drop(self.lock);
        ended
    }
}

impl std::fmt::Debug for DatabaseAtEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Database").field(&self.0.path()).finish()
    }
}

fn bind(config: &Config, folder: &Folder) -> Result<Listener, StartError> {
    let mut book = PortBook::open(folder.path(PORTS))?;
    let flow = GarrisonFlow::ManagerCloud.flow();
    Ok(net::listen::listen(
        flow,
        config.bind,
        config.ports,
        &mut book,
    )?)
}

/// Without a certificate only enrolment and health answer; the routes see to that.
fn clients(authority: &CertificateAuthority) -> ClientAuth {
    ClientAuth::Optional {
        cas: vec![authority.certificate_der().to_vec().into()],
    }
}

fn dialed_as(config: &Config, port: u16) -> Vec<String> {
    let bracketed = |name: &String| match name.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) => format!("{name}:{port}"),
    };
    config.reached_as().iter().map(bracketed).collect()
}

fn write_ready(
    folder: &Folder,
    addresses: &BTreeMap<FlowId, SocketAddr>,
) -> Result<(), StartError> {
    let ready = Ready {
        service: "cloud",
        pid: std::process::id(),
        addresses,
        version: env!("CARGO_PKG_VERSION"),
    };
    let path = folder.path(READY);
    let text = serde_json::to_vec(&ready).map_err(|error| {
        StartError::Ready(KeyFileError::Io {
            path: path.clone(),
            doing: "writing",
            source: io::Error::other(error),
        })
    })?;
    keyfile::write(&path, &text).map_err(StartError::Ready)
}

/// Exchanges the listener's certificate long before it ends, and forgets old pings.
async fn upkeep(state: CloudState, identity: ServerIdentity, shutdown: CancellationToken) {
    let mut issued = Timestamp::now();
    loop {
        let now = Timestamp::now();
        if now >= issued.plus(authority::SERVER_LIFETIME / 2) {
            match renew(&state, &identity, now) {
                Ok(()) => issued = now,
                Err(error) => tracing::error!(%error, "the server certificate can't be renewed"),
            }
        }
        match pings::prune(&state, now).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old pings are forgotten"),
            Err(error) => tracing::error!(%error, "old pings can't be forgotten"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(UPKEEP_EVERY) => {}
        }
    }
}

fn renew(state: &CloudState, identity: &ServerIdentity, now: Timestamp) -> Result<(), StartError> {
    let made = authority::server_certificate(state.authority(), state.config(), now)?;
    let (chain, key) = parts(made);
    Ok(identity.replace(chain, key)?)
}

fn parts(made: ServerCertificate) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = made.chain_der.into_iter().map(Into::into).collect();
    (chain, PrivatePkcs8KeyDer::from(made.key_pkcs8_der).into())
}
