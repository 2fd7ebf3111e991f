//! Commands: signed by the site for this device, carried out at most once, and none after it
//! expired.

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};

use model::event::{CommandOutcome, Initiator};
use model::policy::{Action, CommandDocument};
use model::{CommandId, DeviceId, EndpointPath, Sha256, Timestamp};
use proto::Signed;
use rustix::fs::{Mode, OFlags};
use trust::VerifyingKey;

use crate::core::Core;
use crate::manager_scan;
use crate::place::Place;
use crate::spool::CommandMemory;
use crate::vault::{Take, Vault};

/// Refused commands remembered at most, so that each is reported once.
const MOST_REFUSED: usize = 1000;

/// What the link has to do itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotate(pub(crate) CommandId);

/// Receives commands.
#[derive(Default)]
pub(crate) struct Commands {
    /// Signatures of commands that were refused since the start.
    refused: Mutex<BTreeSet<String>>,
}

/// What to do with a command whose signature is right.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Ours,
    /// Not ours to answer for.
    OtherDevice,
    Expired,
}

impl Commands {
    /// Takes a command in. What takes long happens on a lane; a rotation is the caller's.
    pub(crate) fn receive(&self, core: &Arc<Core>, signed: &Signed) -> Option<Rotate> {
        let (key, device) = core.site_key().zip(core.device())?;
        let document = match read(signed, key) {
            Ok(document) => document,
            Err(reason) => {
                self.refuse(core, signed, &reason);
                return None;
            }
        };
        let now = Timestamp::now();
        match judge(&document, device, now) {
            Verdict::Ours => {}
            Verdict::OtherDevice => {
                let reason = format!("it is for the device {}", document.device);
                self.refuse(core, signed, &reason);
                return None;
            }
            Verdict::Expired => {
                let fresh = remember(core, &document, now);
                if fresh {
                    let reason = format!(
                        "it expired at {} and arrived at {now}; give it again, or check this machine's clock",
                        document.expires
                    );
                    end(core, document.id, CommandOutcome::Refused { reason });
                }
                return None;
            }
        }
        if !remember(core, &document, now) {
            return None;
        }
        carry_out(core, document)
    }

    fn refuse(&self, core: &Core, signed: &Signed, reason: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MOST_REFUSED
            && refused.insert(signed.signature.sig.chars().take(100).collect())
        {
            core.journal.refused("a command", reason);
        }
    }
}

/// Reports commands that the last run of the agent did not end.
pub(crate) fn report_interrupted(core: &Core) {
    match core.journal.spool.begun_commands() {
        Ok(begun) => {
            for id in begun {
                let reason = "the agent was stopped before it ended; give it again".to_owned();
                end(core, id, CommandOutcome::Failed { reason });
            }
        }
        Err(error) => tracing::error!("{error}"),
    }
}

/// Records how a command ended.
pub(crate) fn end(core: &Core, id: CommandId, outcome: CommandOutcome) {
    tracing::info!(%id, ?outcome, "command ended");
    if let Err(error) = core
        .journal
        .spool
        .end_command(id, outcome, Timestamp::now())
    {
        tracing::error!("{error}");
    }
    core.journal.fresh.notify_one();
}

fn read(signed: &Signed, key: VerifyingKey) -> Result<CommandDocument, String> {
    trust::signing::verify(signed, Signed::COMMAND, &[key]).map_err(|error| error.to_string())
}

fn judge(document: &CommandDocument, device: DeviceId, now: Timestamp) -> Verdict {
    if document.device != device {
        Verdict::OtherDevice
    } else if document.expires <= now {
        Verdict::Expired
    } else {
        Verdict::Ours
    }
}

/// Whether the command is new and noted as begun.
fn remember(core: &Core, document: &CommandDocument, now: Timestamp) -> bool {
    let noted = core
        .journal
        .spool
        .begin_command(document.id, document.expires, now);
    match noted {
        Ok(CommandMemory::Fresh) => true,
        Ok(CommandMemory::Begun | CommandMemory::Ended) => false,
        Ok(CommandMemory::Full) => {
            tracing::error!(
                "too many commands that have not expired; {} waits",
                document.id
            );
            false
        }
        Err(error) => {
            tracing::error!("the command {} waits: {error}", document.id);
            false
        }
    }
}

fn carry_out(core: &Arc<Core>, document: CommandDocument) -> Option<Rotate> {
    let id = document.id;
    let worker = Arc::clone(core);
    let queued = match document.action {
        Action::RotateCertificate => return Some(Rotate(id)),
        Action::CheckNetwork => core.network.check_for(id),
        Action::Scan { scan, paths } => core.scans.push(move || {
            if let Some(outcome) = manager_scan::run(&worker, id, scan, &paths) {
                end(&worker, id, outcome);
            }
        }),
        Action::Quarantine { path, sha256 } => core.actions.push(move || {
            end(&worker, id, quarantine(&worker, id, &path, sha256));
        }),
        Action::Restore { quarantine } => core.actions.push(move || {
            let outcome = with_vault(&worker, |vault| {
                let restored = vault.restore(quarantine, &Initiator::Manager { command: id });
                restored.map(|restored| {
                    if !restored.missing.is_empty() {
                        tracing::warn!(
                            "{quarantine}: restored without {}",
                            restored.missing.join(", ")
                        );
                    }
                })
            });
            end(&worker, id, outcome);
        }),
        Action::Delete { quarantine } => core.actions.push(move || {
            let outcome = with_vault(&worker, |vault| {
                vault
                    .delete(quarantine, &Initiator::Manager { command: id })
                    .map(drop)
            });
            end(&worker, id, outcome);
        }),
    };
    if queued.is_err() {
        let reason = "too many commands wait on this device; give it again later".to_owned();
        end(core, id, CommandOutcome::Failed { reason });
    }
    None
}

fn with_vault(
    core: &Core,
    work: impl FnOnce(&Vault) -> Result<(), crate::vault::VaultError>,
) -> CommandOutcome {
    let Some(vault) = &core.vault else {
        let reason = "this device has no quarantine; its health says why".to_owned();
        return CommandOutcome::Failed { reason };
    };
    match work(vault) {
        Ok(()) => CommandOutcome::Done,
        Err(error) => CommandOutcome::Failed {
            reason: error.to_string(),
        },
    }
}

fn quarantine(core: &Core, id: CommandId, path: &EndpointPath, sha256: Sha256) -> CommandOutcome {
    let opened = Place::open(&path.to_path()).and_then(|place| {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(place.folder(), place.name(), flags, Mode::empty())?;
        Ok(file)
    });
    let file = match opened {
        Ok(file) => file,
        Err(error) => {
            let reason = format!("{path} can't be opened without following a link: {error}");
            return CommandOutcome::Failed { reason };
        }
    };
    with_vault(core, |vault| {
        vault
            .take(&Take {
                file: file.as_fd(),
                expected: Some(sha256),
                rules: Vec::new(),
                initiator: Initiator::Manager { command: id },
                now: Timestamp::now(),
            })
            .map(drop)
    })
}

#[cfg(test)]
mod tests {
    use trust::SigningKey;

    use super::*;

    fn document() -> CommandDocument {
        CommandDocument {
            id: CommandId::generate(),
            device: DeviceId::generate(),
            issued: Timestamp::from_millis(1_000),
            expires: Timestamp::from_millis(2_000),
            action: Action::RotateCertificate,
        }
    }

    #[test]
    fn only_the_sites_signature_on_a_command_is_believed() {
        let site = SigningKey::generate().unwrap();
        let document = document();
        let signed = trust::signing::sign(&site, Signed::COMMAND, &document).unwrap();
        assert_eq!(read(&signed, site.verifying_key()), Ok(document.clone()));
        let stranger = SigningKey::generate().unwrap();
        assert!(read(&signed, stranger.verifying_key()).is_err());
        // Nor is a policy's signature one for a command.
        let policy = trust::signing::sign(&site, Signed::POLICY, &document).unwrap();
        assert!(read(&policy, site.verifying_key()).is_err());
    }

    #[test]
    fn another_devices_command_and_an_expired_one_are_not_carried_out() {
        let document = document();
        let before = Timestamp::from_millis(1_500);
        assert_eq!(judge(&document, document.device, before), Verdict::Ours);
        assert_eq!(
            judge(&document, DeviceId::generate(), before),
            Verdict::OtherDevice
        );
        assert_eq!(
            judge(&document, document.device, document.expires),
            Verdict::Expired
        );
    }
}
