//! What agents report about scans. Called inside the transaction of a batch.

use ::store::Transaction;
use model::event::Initiator;
use model::verdict::ScanTotals;
use model::{DeviceId, EndpointPath, ScanId, Timestamp};
use proto::api::Changed;

use super::store;
use crate::events::Batch;
use crate::refusal::Refusal;

/// A scan began (no totals) or ended.
pub(crate) struct Activity<'e> {
    pub(crate) scan: ScanId,
    pub(crate) initiator: &'e Initiator,
    pub(crate) paths: &'e [EndpointPath],
    pub(crate) totals: Option<ScanTotals>,
    pub(crate) cancelled: bool,
    pub(crate) time: Timestamp,
}

/// A scan began or ended on the device. A scan that nobody here asked for is a local one; one that
/// is another device's is left alone.
pub(crate) async fn activity(
    tx: &mut Transaction,
    batch: &mut Batch,
    activity: Activity<'_>,
) -> Result<(), Refusal> {
    if let Initiator::LocalUser { uid } = activity.initiator {
        let by = format!("local user {uid} on {}", batch.hostname);
        store::insert(
            tx,
            activity.scan,
            &by,
            activity.time,
            activity.paths,
            Some(batch.device),
        )
        .await?;
        if store::is_local_to(tx, activity.scan, batch.device).await? {
            store::insert_device(tx, activity.scan, batch.device).await?;
        }
    }
    match activity.totals {
        None => store::began(tx, activity.scan, batch.device, activity.time).await?,
        Some(totals) => {
            let state = if activity.cancelled {
                "cancelled"
            } else {
                "done"
            };
            store::ended(
                tx,
                activity.scan,
                batch.device,
                state,
                &totals,
                activity.time,
            )
            .await?;
        }
    }
    batch.changed(Changed::Scan, activity.scan);
    Ok(())
}

/// A finding belongs to a scan.
pub(crate) async fn count_detection(
    tx: &mut Transaction,
    batch: &mut Batch,
    scan: ScanId,
) -> Result<(), Refusal> {
    store::count_detection(tx, scan, batch.device).await?;
    batch.changed(Changed::Scan, scan);
    Ok(())
}

/// The command of a scan has failed.
pub(crate) async fn command_ended(
    tx: &mut Transaction,
    scan: ScanId,
    device: DeviceId,
    failure: Option<&str>,
    now: Timestamp,
) -> Result<(), Refusal> {
    if let Some(failure) = failure {
        store::failed(tx, scan, device, "failed", failure, now).await?;
    }
    Ok(())
}

/// Nobody came for the command of a scan.
pub(crate) async fn expired(
    tx: &mut Transaction,
    scan: ScanId,
    device: DeviceId,
    now: Timestamp,
) -> Result<(), Refusal> {
    store::failed(
        tx,
        scan,
        device,
        "expired",
        "the device did not come for the command before it expired",
        now,
    )
    .await?;
    Ok(())
}
