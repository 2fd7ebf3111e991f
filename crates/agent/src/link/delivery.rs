//! Delivering events: batch after batch until the manager has all.

use proto::agent::EventReceipt;

use super::Link;

/// Batches in one go; then the loop looks at the rest of its work again.
const MOST_BATCHES: usize = 64;

impl Link {
    /// Delivers what is in the spool. Answers whether the manager took all that it was offered.
    pub(super) async fn deliver(&self) -> bool {
        for _ in 0..MOST_BATCHES {
            let spool = self.core.journal.spool.clone();
            let batch = match tokio::task::spawn_blocking(move || spool.batch()).await {
                Ok(Ok(Some(batch))) => batch,
                Ok(Ok(None)) => return true,
                Ok(Err(error)) => {
                    tracing::error!("{error}");
                    return false;
                }
                Err(error) => {
                    tracing::error!("reading the spool failed: {error}");
                    return false;
                }
            };
            let through = batch.through;
            let sent = self
                .manager
                .post_compressed::<EventReceipt>("/agent/v1/events", batch.compressed);
            let receipt = match sent.await {
                Ok(receipt) => receipt,
                Err(error) => {
                    tracing::warn!("events wait for delivery: {error}");
                    return false;
                }
            };
            let is_progress = receipt.spool == batch.spool && receipt.stored_through >= through;
            let spool = self.core.journal.spool.clone();
            let noted = tokio::task::spawn_blocking(move || spool.acknowledge(&receipt)).await;
            match noted {
                Ok(Ok(())) if is_progress => {}
                Ok(Ok(())) => {
                    tracing::warn!(
                        "the manager stored less than it was sent; the rest is sent again"
                    );
                    return false;
                }
                Ok(Err(error)) => {
                    tracing::error!("{error}");
                    return false;
                }
                Err(error) => {
                    tracing::error!("noting a receipt failed: {error}");
                    return false;
                }
            }
        }
        self.core.journal.fresh.notify_one();
        true
    }
}
