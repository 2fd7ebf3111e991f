//! Commands: signed, for one device, once, and not for ever.

mod store;

use std::sync::Arc;

use ::store::Transaction;
use model::event::CommandOutcome;
use model::policy::{Action, CommandDocument};
use model::{CommandId, DetectionId, DeviceId, GroupId, QuarantineId, ScanId, Timestamp};
use proto::Signed;
use proto::api::device::DeviceStanding;
use proto::api::scan::CommandAccepted;
use proto::problem::ProblemKind;

pub(crate) use store::TABLES;

use crate::access::Caller;
use crate::devices::Entry;
use crate::refusal::Refusal;
use crate::site::Site;

/// Commands that may wait for one device.
const MAX_WAITING: i64 = 100;
/// Commands in one answer.
const MAX_ANSWERED: i64 = 50;
/// Devices that one request may name.
pub(crate) const MAX_DEVICES: usize = 10_000;

/// What a command is about; its outcome is told to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) scan: Option<ScanId>,
    pub(crate) detection: Option<DetectionId>,
    pub(crate) quarantine: Option<QuarantineId>,
}

/// A signed command that is not stored yet.
pub(crate) struct Prepared {
    pub(crate) id: CommandId,
    pub(crate) device: DeviceId,
    expires: Timestamp,
    issued: Timestamp,
    kind: &'static str,
    signed: Signed,
    about: About,
    requested_by: String,
}

impl Prepared {
    pub(crate) const fn accepted(&self) -> CommandAccepted {
        CommandAccepted {
            command: self.id,
            expires: self.expires,
        }
    }
}

/// The devices that a request names, each once; of a group those that take commands.
///
/// # Errors
/// When it names both devices and a group, none, too many, or an unknown group.
pub(crate) fn chosen(
    site: &Site,
    devices: Option<&[DeviceId]>,
    group: Option<GroupId>,
) -> Result<Vec<DeviceId>, Refusal> {
    let mut devices = match (devices, group) {
        (Some(devices), None) => devices.to_vec(),
        (None, Some(group)) => {
            if site.groups.group(group).is_none() {
                return Err(Refusal::not_found("group", group));
            }
            taking(site, Some(group))
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::invalid("expected either devices or group"));
        }
    };
    devices.sort_unstable();
    devices.dedup();
    match devices.len() {
        0 => Err(Refusal::invalid(
            "expected at least one device; the group has none that is approved",
        )),
        1..=MAX_DEVICES => Ok(devices),
        count => Err(Refusal::invalid(format!(
            "expected at most {MAX_DEVICES} devices, got {count}"
        ))),
    }
}

/// The devices of a group, or of the site, that take commands.
pub(crate) fn taking(site: &Site, group: Option<GroupId>) -> Vec<DeviceId> {
    site.roster
        .all()
        .iter()
        .filter(|entry| {
            entry.with(|live| {
                live.standing == DeviceStanding::Approved
                    && group.is_none_or(|group| live.group == group)
            })
        })
        .map(|entry| entry.id)
        .collect()
}

/// Signs a command for a device.
///
/// # Errors
/// When the device takes no commands: it is revoked, suspended or not approved.
pub(crate) fn prepare(
    site: &Site,
    by: &Caller,
    device: DeviceId,
    action: Action,
    about: About,
) -> Result<Prepared, Refusal> {
    let entry = site
        .roster
        .find(device)
        .ok_or_else(|| Refusal::not_found("device", device))?;
    match entry.standing() {
        DeviceStanding::Approved => {}
        DeviceStanding::AwaitingApproval => {
            return Err(Refusal::conflict(
                "the device awaits approval; approve it first",
            ));
        }
        DeviceStanding::Suspended | DeviceStanding::Revoked => {
            return Err(Refusal::conflict(
                "the device is suspended or revoked and takes no commands",
            ));
        }
    }
    let issued = site.now();
    let document = CommandDocument {
        id: CommandId::generate(),
        device,
        issued,
        expires: issued.plus(site.config.command_lifetime()),
        action,
    };
    let signed = trust::signing::sign(&site.keys.signing, Signed::COMMAND, &document)
        .map_err(Refusal::internal("signing a command"))?;
    Ok(Prepared {
        id: document.id,
        device,
        expires: document.expires,
        issued,
        kind: kind(&document.action),
        signed,
        about,
        requested_by: by.name.clone(),
    })
}

const fn kind(action: &Action) -> &'static str {
    match action {
        Action::Scan { .. } => "scan",
        Action::Quarantine { .. } => "quarantine",
        Action::Restore { .. } => "restore",
        Action::Delete { .. } => "delete",
        Action::RotateCertificate => "rotate_certificate",
        Action::CheckNetwork => "check_network",
    }
}

/// Stores a command inside the transaction of what it is about. Call [`announce`] after.
///
/// # Errors
/// When too many wait for the device already.
pub(crate) async fn insert(tx: &mut Transaction, command: &Prepared) -> Result<(), Refusal> {
    if store::count_waiting(tx, command.device).await? >= MAX_WAITING {
        return Err(Refusal::new(
            ProblemKind::TooMany,
            format!(
                "{MAX_WAITING} commands wait for this device already; wait until it has come for them"
            ),
        ));
    }
    store::insert(tx, command).await
}

/// Whether a command of the same kind still waits for the same device.
pub(crate) async fn waits_already(
    tx: &mut Transaction,
    command: &Prepared,
) -> Result<bool, Refusal> {
    Ok(store::count_like(tx, command).await? > 0)
}

/// Tells the device that there is something for it.
pub(crate) fn announce(site: &Site, device: DeviceId) {
    if let Some(entry) = site.roster.find(device) {
        entry.change(|live| live.commands = true);
        entry.ask_to_check_in();
    }
}

/// Commands whose result hasn't arrived yet, the oldest first.
pub(crate) async fn waiting(site: &Arc<Site>, entry: &Entry) -> Result<Vec<Signed>, Refusal> {
    // Cleared before the look, so that one which comes in meanwhile is not forgotten.
    if !entry.change(|live| std::mem::take(&mut live.commands)) {
        return Ok(Vec::new());
    }
    let found = store::waiting(&site.database, entry.id, site.now(), MAX_ANSWERED).await;
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            entry.change(|live| live.commands = true);
            return Err(error.into());
        }
    };
    if !found.is_empty() {
        entry.change(|live| live.commands = true);
    }
    Ok(found)
}

/// An agent told what became of a command. Gives what it was about; `None` when the command is
/// not this device's, or its outcome was known already.
pub(crate) async fn resulted(
    tx: &mut Transaction,
    device: DeviceId,
    command: CommandId,
    outcome: &CommandOutcome,
    now: Timestamp,
) -> Result<Option<About>, Refusal> {
    let (state, failure) = match outcome {
        CommandOutcome::Done => ("done", None),
        CommandOutcome::Failed { reason } => ("failed", Some(reason.as_str())),
        CommandOutcome::Refused { reason } => ("refused", Some(reason.as_str())),
    };
    store::finish(tx, device, command, state, failure, now).await
}

/// Gives up commands that nobody came for. Gives what they were about.
pub(crate) async fn expire(
    tx: &mut Transaction,
    now: Timestamp,
) -> Result<Vec<(DeviceId, About)>, Refusal> {
    store::expire(tx, now).await
}
