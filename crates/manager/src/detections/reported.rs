//! What agents report about files. Called inside the transaction of a batch.

use ::store::Transaction;
use model::event::{Initiator, Remediation};
use model::{
    DefinitionRevision, DetectionId, EndpointPath, Hashes, QuarantineId, RuleMatch, ScanId,
    Timestamp,
};
use proto::api::Changed;

use super::{store, vault};
use crate::commands::About;
use crate::events::Batch;
use crate::refusal::Refusal;

/// A finding, as the event carries it.
pub(crate) struct Found<'e> {
    pub(crate) path: &'e EndpointPath,
    pub(crate) size: u64,
    pub(crate) hashes: Option<&'e Hashes>,
    pub(crate) matches: &'e [RuleMatch],
    pub(crate) definitions: DefinitionRevision,
    pub(crate) initiator: &'e Initiator,
    pub(crate) scan: Option<ScanId>,
    pub(crate) time: Timestamp,
}

/// A rule matched a file: a new detection, or one more sighting of one.
pub(crate) async fn found(
    tx: &mut Transaction,
    batch: &mut Batch,
    found: Found<'_>,
) -> Result<(), Refusal> {
    let id = store::upsert(tx, DetectionId::generate(), batch.device, &found).await?;
    batch.changed(Changed::Detection, id);
    batch.device_changed = true;
    Ok(())
}

/// Something was done with a file.
pub(crate) struct Remedied<'e> {
    pub(crate) remediation: Remediation,
    pub(crate) quarantine: QuarantineId,
    pub(crate) path: &'e EndpointPath,
    pub(crate) hashes: &'e Hashes,
    pub(crate) initiator: &'e Initiator,
    pub(crate) time: Timestamp,
}

/// A file was quarantined, restored or deleted.
pub(crate) async fn remedied(
    tx: &mut Transaction,
    batch: &mut Batch,
    remedied: Remedied<'_>,
) -> Result<(), Refusal> {
    let detection = match remedied.remediation {
        Remediation::Quarantined => vault::quarantine(tx, batch.device, &remedied).await?,
        Remediation::Restored => {
            vault::leave_quarantine(tx, batch.device, remedied.quarantine, "restored").await?
        }
        Remediation::Deleted => {
            vault::leave_quarantine(tx, batch.device, remedied.quarantine, "deleted").await?
        }
    };
    batch.changed(Changed::Quarantine, remedied.quarantine);
    if let Some(id) = detection {
        batch.changed(Changed::Detection, id);
    }
    batch.device_changed = true;
    Ok(())
}

/// A command about a file has ended. Where no report said what became of the file, it is where it
/// was before.
pub(crate) async fn command_ended(
    tx: &mut Transaction,
    about: About,
    failure: Option<&str>,
) -> Result<(), Refusal> {
    if let Some(id) = about.detection {
        store::end_pending_detection(tx, id, failure).await?;
    }
    if let Some(id) = about.quarantine {
        vault::end_pending_quarantine(tx, id).await?;
    }
    Ok(())
}
