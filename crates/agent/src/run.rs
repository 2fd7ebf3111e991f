//! A running agent: its parts put together, kept going, and ended.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::event::EventBody;
use model::health::{HostFacts, Severity};
use net::{CancellationToken, Proxy, ProxyEnvironment, ProxySetting};
use proto::EnrolmentToken;
use proto::agent::EnrolAnswer;
use sandbox::WorkerCommand;
use tokio::sync::Notify;
use trust::VerifyingKey;

use crate::config::{Config, ConfigError};
use crate::core::{Core, LinkStatus};
use crate::definitions::InUse;
use crate::enrolment::{self, EnrolError};
use crate::folder::{Folder, FolderError};
use crate::health::Board;
use crate::identity::{Identity, IdentityError, IdentityFolder};
use crate::journal::Journal;
use crate::lane::Lane;
use crate::link::backoff::{Backoff, random};
use crate::link::{self, LinkSetupError};
use crate::local::Server;
use crate::network::{self, CheckCommand, Network, Surroundings};
use crate::policy::InForce;
use crate::scanning::Engine;
use crate::spool::Spool;
use crate::vault::{Recorder, Vault};
use crate::{command, host};

/// Scans that wait for the one that runs, at most.
const SCANS_WAITING: usize = 32;
/// Quarantines, restores and deletions that wait, at most.
const ACTIONS_WAITING: usize = 256;
/// The longest wait between tries to enrol.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// What is under way at the end may take this long.
const ENDING: Duration = Duration::from_secs(10);

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The agent's folder.
    pub data: PathBuf,
    /// A file with an enrolment token, for a folder that isn't enrolled yet.
    pub token_file: Option<PathBuf>,
    /// How to start a worker.
    pub worker: WorkerCommand,
    /// How to have the network checked.
    pub network_check: CheckCommand,
    /// Where to enter this agent for local commands; by default where they look.
    pub registry: Option<PathBuf>,
}

/// Why an agent can't start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Link(#[from] LinkSetupError),
    #[error(
        "agent.toml: proxy: expected \"direct\", \"environment\" or a proxy such as \"http://proxy.example:3128\": {0}"
    )]
    Proxy(#[from] net::ProxyParseError),
    #[error("the agent stopped working: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// An agent that has its folder, and has not begun to talk.
pub struct Agent {
    core: Arc<Core>,
    proxy: ProxySetting,
    /// As in `agent.toml`.
    proxy_words: String,
    network_check: CheckCommand,
    token_file: Option<PathBuf>,
    registry: Option<PathBuf>,
    enrolled: Option<Identity>,
}

impl Agent {
    /// Opens the folder and everything in it.
    ///
    /// # Errors
    /// When the folder is in use or can't be used, or configuration or identity are damaged.
    pub fn open(options: Options) -> Result<Self, RunError> {
        net::install_crypto();
        if let Err(error) = net::raise_file_limit() {
            tracing::debug!("the limit on open files stays: {error}");
        }
        let folder = Folder::open(&options.data)?;
        let config = Config::read(folder.root())?;
        let proxy = proxy(&config)?;
        let identity = IdentityFolder::new(folder.identity());
        let enrolled = identity.load()?;
        let board = Board::default();
        let site = enrolled.as_ref().map(|identity| identity.site.clone());
        let key = site
            .as_ref()
            .and_then(|site| VerifyingKey::parse(&site.site_key).ok());
        let policy = InForce::load(folder.policy(), key, site.as_ref().map(|site| site.group));
        let settings = policy.current().policy.clone();
        let journal = Journal::new(Spool::open(folder.database(), settings.spool_bytes));
        let vault = open_vault(&folder, settings.quarantine_bytes, &journal, &board);
        let (definitions, refusal) = InUse::load(
            folder.definitions(),
            key.map(|key| scan::PublicKey::from_bytes(key.bytes())),
        );
        if let Some(refusal) = refusal {
            board.set(
                "definitions_damaged",
                Severity::Critical,
                format!("The stored definitions can't be used ({refusal}); new ones come with a check-in."),
            );
        }
        let engine = Engine::new(options.worker, config.scan_workers);
        let link = LinkStatus {
            site,
            ..LinkStatus::default()
        };
        let network = Network::load(folder.network(), &settings);
        let core = Core {
            folder,
            identity,
            host: host::facts(),
            journal,
            vault,
            board,
            policy,
            definitions,
            engine,
            network,
            link: Mutex::new(link),
            wake: Notify::new(),
            linked: Notify::new(),
            scans: Lane::new("scans", SCANS_WAITING),
            actions: Lane::new("actions", ACTIONS_WAITING),
            stopping: AtomicBool::new(false),
        };
        Ok(Self {
            core: Arc::new(core),
            proxy,
            proxy_words: config.proxy,
            network_check: options.network_check,
            token_file: options.token_file,
            registry: options.registry,
            enrolled,
        })
    }

    /// Runs until `stop` is cancelled. `ready` is called once local commands are served; what is
    /// needed to enrol is checked before.
    ///
    /// # Errors
    /// When enrolment is refused for good, or the identity can't be used.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        ready: impl FnOnce(&Path),
    ) -> Result<(), RunError> {
        let token = self.token()?;
        command::report_interrupted(&self.core);
        self.core.journal.record(EventBody::AgentStarted {
            agent_version: self.core.host.agent_version.clone(),
        });
        let server = match Server::start(Arc::clone(&self.core), self.registry.as_deref()) {
            Ok(server) => Some(server),
            Err(error) => {
                self.core.board.set(
                    "no_local_commands",
                    Severity::Warning,
                    format!("Local commands can't reach this agent: {error}"),
                );
                None
            }
        };
        ready(self.core.folder.root());
        let outcome = self.work(token, &stop).await;
        let core = Arc::clone(&self.core);
        core.stopping.store(true, Ordering::Relaxed);
        let ending = tokio::task::spawn_blocking(move || {
            if let Some(server) = server {
                server.stop();
            }
            core.scans.close(ENDING);
            core.actions.close(ENDING);
        });
        ending.await?;
        outcome
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The state that the next check-in would carry.
    #[must_use]
    pub fn state(&self) -> model::health::AgentState {
        self.core.state()
    }

    async fn work(
        &mut self,
        token: Option<EnrolmentToken>,
        stop: &CancellationToken,
    ) -> Result<(), RunError> {
        let identity = match (self.enrolled.take(), token) {
            (Some(identity), _) => identity,
            (None, Some(token)) => match self.enrol_patiently(&token, stop).await? {
                Some(identity) => identity,
                None => return Ok(()),
            },
            (None, None) => {
                self.core.board.set(
                    "not_enrolled",
                    Severity::Critical,
                    "This agent has no manager; stop it and enrol it with \"garrison-agent enrol --token-file FILE\".",
                );
                stop.cancelled().await;
                return Ok(());
            }
        };
        let surroundings = Surroundings {
            addresses: identity.site.addresses.clone(),
            ca_certificate: identity.ca_certificate.clone(),
            proxy: self.proxy_words.clone(),
        };
        let linked = link::run(Arc::clone(&self.core), identity, &self.proxy, stop.clone());
        // One that ends takes the other with it.
        let checking = network::run(&self.core, &surroundings, &self.network_check, stop);
        tokio::pin!(linked, checking);
        tokio::select! {
            linked = &mut linked => Ok(linked?),
            () = &mut checking => Ok(linked.await?),
        }
    }

    fn token(&self) -> Result<Option<EnrolmentToken>, RunError> {
        match &self.token_file {
            Some(path) if self.enrolled.is_none() => Ok(Some(enrolment::read_token(path)?)),
            Some(_) | None => Ok(None),
        }
    }

    /// Tries until it works, is refused for good, or the agent is stopped.
    async fn enrol_patiently(
        &self,
        token: &EnrolmentToken,
        stop: &CancellationToken,
    ) -> Result<Option<Identity>, RunError> {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        loop {
            let tried = tokio::select! {
                () = stop.cancelled() => return Ok(None),
                tried = enrolment::enrol(&self.core.identity, &self.core.host, token, &self.proxy) => tried,
            };
            match tried {
                Ok(answer) => {
                    tracing::info!(device = %answer.device, "enrolled");
                    self.core.board.clear("not_enrolled");
                    return Ok(self.core.identity.load()?);
                }
                Err(error) if error.is_passing() => {
                    self.core.board.set(
                        "not_enrolled",
                        Severity::Critical,
                        format!("Enrolment is tried again and again: {error}"),
                    );
                }
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(backoff.wait(random())) => {}
            }
        }
    }
}

/// Enrols the agent of a folder, once, and answers what it became.
///
/// # Errors
/// When the folder is in use, the token can't be read, or the manager can't be reached or refuses.
pub async fn enrol(data: &Path, token_file: &Path) -> Result<EnrolAnswer, RunError> {
    net::install_crypto();
    let token = enrolment::read_token(token_file)?;
    let folder = Folder::open(data)?;
    let config = Config::read(folder.root())?;
    let identity = IdentityFolder::new(folder.identity());
    let host: HostFacts = host::facts();
    Ok(enrolment::enrol(&identity, &host, &token, &proxy(&config)?).await?)
}

/// How the agent of a configuration reaches its manager.
///
/// # Errors
/// When the proxy that it or the environment names is none.
pub fn proxy(config: &Config) -> Result<ProxySetting, net::ProxyParseError> {
    match config.proxy.as_str() {
        "direct" => Ok(ProxySetting::Direct),
        "environment" => Ok(ProxySetting::Environment(ProxyEnvironment::read()?)),
        other => Ok(ProxySetting::Explicit(Proxy::parse(other)?)),
    }
}

fn open_vault(folder: &Folder, budget: u64, journal: &Journal, board: &Board) -> Option<Vault> {
    let journal = journal.clone();
    let recorder: Recorder = Box::new(move |body| journal.record(body));
    match Vault::open(&folder.vault(), budget, recorder) {
        Ok(vault) => Some(vault),
        Err(error) => {
            board.set(
                "no_quarantine",
                Severity::Critical,
                format!("Nothing can be quarantined: {error}"),
            );
            None
        }
    }
}
