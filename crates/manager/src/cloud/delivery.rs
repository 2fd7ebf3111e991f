//! Delivering pings: an hour at a time, once, later when the cloud is out of reach.

use std::sync::Arc;

use model::Timestamp;
use proto::api::Changed;
use proto::site::PingReceipt;

use super::{client, hour_of, store};
use crate::refusal::Refusal;
use crate::site::Site;

/// Batches in one go; the rest waits for the next.
const MAX_BATCHES: usize = 20;

/// Delivers the pings of all hours that are over; with none of them, asks the cloud for a sign of
/// life, so that the link shows how it is. Does nothing for a site without a cloud.
///
/// # Errors
/// When the database fails. That the cloud is out of reach is no error: it shows on the link.
pub async fn deliver(site: &Arc<Site>) -> Result<(), Refusal> {
    let Some(seen) = site.cloud.seen() else {
        return Ok(());
    };
    let now = site.now();
    if now >= seen.certificate_expires.minus(RENEW_BEFORE)
        && let Err(error) = client::renew(site).await
    {
        tracing::warn!(%error, "the certificate for the cloud could not be renewed");
    }
    let _turn = site.cloud.turn.lock().await;
    store::close_hours(&site.database, hour_of(now)).await?;
    for sent in 0..MAX_BATCHES {
        let Some(batch) = store::next_batch(&site.database).await? else {
            if sent == 0 {
                greet(site).await;
            }
            break;
        };
        if !send(site, batch).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Any answer will do: it came over a connection that only the cloud can hold the other end of.
async fn greet(site: &Arc<Site>) {
    let answered = async {
        let client = client::client(site).await?;
        client::is_answered(&client).await
    }
    .await;
    let outcome = match answered {
        Ok(()) => Ok(None),
        Err(error) => {
            site.cloud.set_client(None);
            Err(error.to_string())
        }
    };
    note(site, outcome);
}

/// A certificate is renewed when this much of its life is left; it is asked for at each delivery.
const RENEW_BEFORE: std::time::Duration = std::time::Duration::from_secs(10 * 86_400);

/// Sends one batch; false when it is to be tried again later.
async fn send(site: &Arc<Site>, batch: proto::site::PingBatch) -> Result<bool, Refusal> {
    let sequence = batch.sequence;
    let sent = async {
        let client = client::client(site).await?;
        client::post::<PingReceipt>(&client, "/site/v1/pings", &batch).await
    }
    .await;
    match sent {
        Ok(receipt) => {
            store::delivered(&site.database, receipt.counted_through).await?;
            note(site, Ok(Some(site.now())));
            Ok(receipt.counted_through >= sequence)
        }
        Err(error) => {
            site.cloud.set_client(None);
            note(site, Err(error.to_string()));
            Ok(false)
        }
    }
}

fn note(site: &Site, outcome: Result<Option<Timestamp>, String>) {
    if site.cloud.note(outcome) {
        site.tell_list(Changed::Cloud);
    }
}
