//! What the manager does by itself, now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::network::Outcome;
use net::ServerIdentity;
use proto::api::Changed;
use tokio_util::task::TaskTracker;

use super::identity;
use crate::connections::{Checked, Destination, Look, OwnSchedule};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{commands, detections, scans};

/// How often things that expire are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Events removed in one transaction.
const PRUNED_AT_ONCE: i64 = 5000;
/// How often it is looked whether the manager's own connections are to be checked.
const CHECK_LOOK: Duration = Duration::from_secs(5);
/// How long after the start the cloud is first spoken to.
const DELIVER_FIRST: Duration = Duration::from_secs(5);

/// Starts the tasks; they end with the site.
pub(super) fn start(site: &Arc<Site>, tasks: &TaskTracker, identity: ServerIdentity) {
    let sweeping = Arc::clone(site);
    tasks.spawn(async move {
        while wait(&sweeping, SWEEP_EVERY).await {
            if let Err(error) = sweep(&sweeping).await {
                tracing::warn!(%error, "upkeep failed; it is tried again");
            }
        }
    });
    let delivering = Arc::clone(site);
    tasks.spawn(async move {
        let mut pause = DELIVER_FIRST;
        while wait(&delivering, pause).await {
            if let Err(error) = crate::cloud::deliver(&delivering).await {
                tracing::warn!(%error, "delivery to the cloud failed; it is tried again");
            }
            pause = delivering.cloud.pause();
        }
    });
    let checking = Arc::clone(site);
    tasks.spawn(async move {
        let mut schedule = OwnSchedule::default();
        while wait(&checking, CHECK_LOOK).await {
            let destination = match crate::cloud::destination(&checking).await {
                Ok(destination) => destination,
                Err(error) => {
                    tracing::warn!(%error, "the cloud's address could not be read");
                    continue;
                }
            };
            let look = Look {
                now: Instant::now(),
                destination,
                delivery: checking.cloud.delivery(),
            };
            if schedule.is_due(&look) {
                let checked = check_own(&checking, look.destination.as_ref()).await;
                schedule.checked(look, checked);
            }
        }
    });
    let renewing = Arc::clone(site);
    tasks.spawn(async move {
        while wait(&renewing, identity::RENEW_EVERY).await {
            if let Err(error) = identity::renew(&renewing, &identity) {
                tracing::error!(%error, "the manager's certificate could not be renewed");
            }
        }
    });
}

/// Checks the manager's own connections, where it has any.
async fn check_own(site: &Arc<Site>, wanted: Option<&Destination>) -> Checked {
    let outcome = match (wanted, &site.config.doctor) {
        (Some(wanted), Some(doctor)) => tokio::select! {
            () = site.shutdown.cancelled() => return Checked::Badly,
            outcome = crate::connections::check_own(site, doctor, wanted) => outcome,
        },
        (Some(_), None) => return Checked::Well,
        (None, _) => crate::connections::forget_own(site)
            .await
            .map(|()| Outcome::Ok),
    };
    match outcome {
        Ok(Outcome::Ok) => Checked::Well,
        Ok(Outcome::Skipped | Outcome::Unknown | Outcome::Degraded | Outcome::Broken) => {
            Checked::Badly
        }
        Err(error) => {
            tracing::warn!(%error, "the manager's own connections could not be checked");
            Checked::Badly
        }
    }
}

/// Waits; false when the site ends.
async fn wait(site: &Site, duration: Duration) -> bool {
    tokio::select! {
        () = site.shutdown.cancelled() => false,
        () = tokio::time::sleep(duration) => true,
    }
}

/// Everything that ends by itself.
pub(super) async fn sweep(site: &Arc<Site>) -> Result<(), Refusal> {
    crate::access::prune_sessions(site).await?;
    crate::web::idempotency::prune(site).await?;
    expire_commands(site).await?;
    prune_events(site).await?;
    crate::connections::prune(site).await
}

/// Commands that nobody came for, and what they were about.
async fn expire_commands(site: &Arc<Site>) -> Result<(), Refusal> {
    let now = site.now();
    let expired = site
        .database
        .write(|tx| {
            Box::pin(async move {
                let expired = commands::expire(tx, now).await?;
                for (device, about) in &expired {
                    let failure = "the device did not come for the command before it expired";
                    detections::command_ended(tx, *about, Some(failure)).await?;
                    if let Some(scan) = about.scan {
                        scans::expired(tx, scan, *device, now).await?;
                    }
                }
                Ok::<_, Refusal>(expired)
            })
        })
        .await?;
    for (_, about) in expired {
        if let Some(id) = about.scan {
            site.tell(Changed::Scan, id);
        }
        if let Some(id) = about.detection {
            site.tell(Changed::Detection, id);
        }
        if let Some(id) = about.quarantine {
            site.tell(Changed::Quarantine, id);
        }
    }
    Ok(())
}

/// Events beyond their budget, some at a time, so that nobody waits long for the writer.
async fn prune_events(site: &Arc<Site>) -> Result<(), Refusal> {
    let before = site.now().minus(Duration::from_secs(
        u64::from(site.config.event_days) * 86_400,
    ));
    let keep = site.config.event_count;
    site.database
        .write(|tx| {
            Box::pin(async move {
                crate::events::prune(tx, before, keep, PRUNED_AT_ONCE).await?;
                Ok::<_, Refusal>(())
            })
        })
        .await
}
