//! Quarantine, restore and delete, by a person: each becomes a signed command.

use model::policy::Action;
use model::{DetectionId, DeviceId, QuarantineId};
use proto::api::Changed;
use proto::api::detection::FileState;
use proto::api::scan::CommandAccepted;

use super::rules::{FileAction, allows};
use super::{read, read_quarantined, store};
use crate::access::{Operator, Permit};
use crate::audit;
use crate::commands::{self, About};
use crate::refusal::Refusal;
use crate::site::Site;

/// Asks the device to move a detected file to quarantine, if it still has the same content.
///
/// # Errors
/// When there is none such, the file is not in place, or its hash is not known.
pub async fn quarantine(
    site: &Site,
    by: &Permit<Operator>,
    id: DetectionId,
) -> Result<CommandAccepted, Refusal> {
    let detection = read(site, id).await?;
    allows(detection.file, FileAction::Quarantine)?;
    let hashes = detection.hashes.ok_or_else(|| {
        Refusal::conflict(
            "the file was too large to be read whole, so its hash is not known and it can't be quarantined from here",
        )
    })?;
    let action = Action::Quarantine {
        path: detection.path,
        sha256: hashes.sha256,
    };
    let about = About {
        detection: Some(id),
        ..About::default()
    };
    send(
        site,
        by,
        detection.device,
        FileAction::Quarantine,
        action,
        about,
        detection.file,
    )
    .await
}

/// Asks the device to put a detection's quarantined file back.
///
/// # Errors
/// When there is none such, or the file is not in quarantine.
pub async fn restore(
    site: &Site,
    by: &Permit<Operator>,
    id: DetectionId,
) -> Result<CommandAccepted, Refusal> {
    let file = quarantined_of(site, id, FileAction::Restore).await?;
    restore_file(site, by, file).await
}

/// Asks the device to delete a detection's quarantined file for good.
///
/// # Errors
/// When there is none such, or the file is not in quarantine.
pub async fn delete(
    site: &Site,
    by: &Permit<Operator>,
    id: DetectionId,
) -> Result<CommandAccepted, Refusal> {
    let file = quarantined_of(site, id, FileAction::Delete).await?;
    delete_file(site, by, file).await
}

/// Asks the device to put a quarantined file back.
///
/// # Errors
/// When there is none such, or it is not in quarantine any more.
pub async fn restore_file(
    site: &Site,
    by: &Permit<Operator>,
    id: QuarantineId,
) -> Result<CommandAccepted, Refusal> {
    act_on_quarantined(
        site,
        by,
        id,
        FileAction::Restore,
        Action::Restore { quarantine: id },
    )
    .await
}

/// Asks the device to delete a quarantined file for good.
///
/// # Errors
/// When there is none such, or it is not in quarantine any more.
pub async fn delete_file(
    site: &Site,
    by: &Permit<Operator>,
    id: QuarantineId,
) -> Result<CommandAccepted, Refusal> {
    act_on_quarantined(
        site,
        by,
        id,
        FileAction::Delete,
        Action::Delete { quarantine: id },
    )
    .await
}

async fn quarantined_of(
    site: &Site,
    id: DetectionId,
    action: FileAction,
) -> Result<QuarantineId, Refusal> {
    let detection = read(site, id).await?;
    allows(detection.file, action)?;
    detection.quarantine.ok_or_else(|| {
        Refusal::conflict("the detection's file is in no quarantine that is known here")
    })
}

async fn act_on_quarantined(
    site: &Site,
    by: &Permit<Operator>,
    id: QuarantineId,
    kind: FileAction,
    action: Action,
) -> Result<CommandAccepted, Refusal> {
    let file = read_quarantined(site, id).await?;
    allows(file.file, kind)?;
    let about = About {
        detection: file.detection,
        quarantine: Some(id),
        ..About::default()
    };
    send(site, by, file.device, kind, action, about, file.file).await
}

async fn send(
    site: &Site,
    by: &Permit<Operator>,
    device: DeviceId,
    kind: FileAction,
    action: Action,
    about: About,
    expected: FileState,
) -> Result<CommandAccepted, Refusal> {
    let command = commands::prepare(site, by, device, action, about)?;
    let accepted = command.accepted();
    let object = match (about.detection, about.quarantine) {
        (Some(detection), _) => format!("detection {detection}"),
        (None, Some(quarantine)) => format!("quarantined file {quarantine}"),
        (None, None) => format!("device {device}"),
    };
    let line = audit::Line::new(
        site,
        by,
        &format!("file.{}", kind.name()),
        object,
        format!("on device {device}, command {}", accepted.command),
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                // The state is judged again here: of two people who press at once, one is told.
                if !store::set_pending(tx, about, expected).await? {
                    return Err(Refusal::conflict(
                        "the file's state has just changed; look again",
                    ));
                }
                commands::insert(tx, &command).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    commands::announce(site, device);
    tell(site, about);
    audit::tell(site);
    Ok(accepted)
}

pub(super) fn tell(site: &Site, about: About) {
    if let Some(id) = about.detection {
        site.tell(Changed::Detection, id);
    }
    if let Some(id) = about.quarantine {
        site.tell(Changed::Quarantine, id);
    }
}
