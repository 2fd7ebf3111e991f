//! The parts of a running agent, and what it says of itself.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::health::{AgentState, HealthIssue, HostFacts, Severity};
use model::{DeviceId, Timestamp};
use proto::local::AgentStatus;
use sandbox::ProtectionState;
use scan::PublicKey;
use tokio::sync::Notify;
use trust::VerifyingKey;

use crate::definitions::InUse;
use crate::folder::Folder;
use crate::health::Board;
use crate::identity::{IdentityFolder, SiteRecord};
use crate::journal::Journal;
use crate::lane::Lane;
use crate::network::Network;
use crate::policy::InForce;
use crate::scanning::Engine;
use crate::vault::Vault;
use crate::walk::{Omit, own_key};

/// Everything that the slices share.
pub(crate) struct Core {
    pub(crate) folder: Folder,
    pub(crate) identity: IdentityFolder,
    pub(crate) host: HostFacts,
    pub(crate) journal: Journal,
    /// Absent when its folder can't be used; a health issue says so.
    pub(crate) vault: Option<Vault>,
    pub(crate) board: Board,
    pub(crate) policy: InForce,
    pub(crate) definitions: InUse,
    pub(crate) engine: Engine,
    pub(crate) network: Network,
    pub(crate) link: Mutex<LinkStatus>,
    /// "Check in now"; several in a row count once.
    pub(crate) wake: Notify,
    /// A check-in worked.
    pub(crate) linked: Notify,
    pub(crate) scans: Lane,
    pub(crate) actions: Lane,
    /// The end is near: scans stop at the next file.
    pub(crate) stopping: AtomicBool,
}

/// Where the agent stands with its manager.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkStatus {
    pub(crate) site: Option<SiteRecord>,
    pub(crate) manager: Option<String>,
    pub(crate) connected: bool,
    pub(crate) last_check_in: Option<Timestamp>,
    pub(crate) certificate_expires: Option<Timestamp>,
}

impl Core {
    pub(crate) fn link(&self) -> MutexGuard<'_, LinkStatus> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn device(&self) -> Option<DeviceId> {
        self.link().site.as_ref().map(|site| site.device)
    }

    /// The key that signs policies and commands.
    pub(crate) fn site_key(&self) -> Option<VerifyingKey> {
        let link = self.link();
        VerifyingKey::parse(&link.site.as_ref()?.site_key).ok()
    }

    /// The same key, in the form in which `scan` takes it.
    pub(crate) fn definitions_key(&self) -> Option<PublicKey> {
        self.site_key()
            .map(|key| PublicKey::from_bytes(key.bytes()))
    }

    /// What a scan leaves alone: the vault and the database.
    pub(crate) fn own_data(&self) -> Omit {
        let own = [self.folder.vault(), self.folder.database()];
        Omit {
            excluded: Vec::new(),
            own: own.iter().filter_map(|path| own_key(path).ok()).collect(),
        }
    }

    /// The state that a check-in carries.
    pub(crate) fn state(&self) -> AgentState {
        let spool = self.journal.spool.state();
        let policy = self.policy.current();
        let mut issues = BTreeMap::new();
        let mut add = |kind: &str, severity, message: String| {
            let issue = HealthIssue {
                kind: kind.to_owned(),
                severity,
                message,
            };
            issues.insert(kind.to_owned(), issue);
        };
        if self.definitions.revision().is_none() {
            add(
                "no_definitions",
                Severity::Critical,
                "There are no definitions yet, so nothing can be scanned; they come with a check-in."
                    .to_owned(),
            );
        }
        if !self.host.privileged {
            add(
                "not_privileged",
                Severity::Informative,
                "The agent runs without root's rights and scans only what its user can read; start it as root for the rest."
                    .to_owned(),
            );
        }
        if let Some(reason) = &spool.failing {
            add(
                "spool_unwritable",
                Severity::Critical,
                format!("Events can't be written ({reason}); make room on the agent's disk."),
            );
        }
        if let Some(path) = spool.moved_aside.last() {
            add(
                "spool_replaced",
                Severity::Warning,
                format!(
                    "The agent's database was damaged and is now {}; undelivered events in it are lost to the manager. Keep or delete it.",
                    path.display()
                ),
            );
        }
        if spool.bytes > policy.policy.spool_bytes / 10 * 8 {
            add(
                "spool_near_budget",
                Severity::Warning,
                format!(
                    "Undelivered events take {} of {} bytes; connect the agent to its manager or raise spool_bytes in the policy.",
                    spool.bytes, policy.policy.spool_bytes
                ),
            );
        }
        let (_, missing) = self.sandbox();
        if !missing.is_empty() {
            add(
                "sandbox_partial",
                Severity::Informative,
                format!(
                    "The scanner's cage lacks on this host: {}.",
                    missing.join("; ")
                ),
            );
        }
        for issue in self.board.issues() {
            issues.insert(issue.kind.clone(), issue);
        }
        AgentState {
            host: self.host.clone(),
            policy_revision: policy.revision,
            definitions: self.definitions.revision(),
            issues: issues.into_values().collect(),
            losses: spool.losses,
            spooled_bytes: spool.bytes,
            spooled_events: spool.events,
            quarantined: self.vault.as_ref().map_or(0, Vault::count),
            network: self.network.state(),
        }
    }

    /// What the local command shows.
    pub(crate) fn status(&self) -> AgentStatus {
        let link = self.link().clone();
        let (sandbox, sandbox_missing) = self.sandbox();
        AgentStatus {
            device: link.site.as_ref().map(|site| site.device),
            manager: link.manager,
            connected: link.connected,
            last_check_in: link.last_check_in,
            awaiting_approval: link.site.is_some_and(|site| site.awaiting_approval),
            certificate_expires: link.certificate_expires,
            state: self.state(),
            sandbox,
            sandbox_missing,
            network: self.network.report(),
        }
    }

    fn sandbox(&self) -> (Vec<String>, Vec<String>) {
        let (mut active, mut missing) = (Vec::new(), Vec::new());
        for protection in self.engine.protections() {
            match protection.state {
                ProtectionState::Active => active.push(protection.name),
                ProtectionState::Partial { reason } | ProtectionState::Missing { reason } => {
                    missing.push(format!("{} ({reason})", protection.name));
                }
            }
        }
        (active, missing)
    }
}
