//! Fetching definitions that the manager offers.

use std::sync::Arc;
use std::time::Duration;

use model::health::Severity;
use proto::agent::DefinitionsOffer;

use super::{Link, LinkError};

/// The longest wait for the next piece.
const PIECE_TIME: Duration = Duration::from_secs(60);

impl Link {
    /// Fetches, checks and takes over what is offered; whatever fails, the old stay in use.
    pub(super) async fn fetch_definitions(&self, offer: DefinitionsOffer) {
        if self.core.definitions.revision() == Some(offer.revision) {
            return;
        }
        let Some(key) = self.core.definitions_key() else {
            return;
        };
        let revision = offer.revision;
        let fetched = self.fetch(offer, key).await;
        let refusal = match fetched {
            Ok(refusal) => refusal,
            Err(error) => {
                tracing::warn!("definitions {revision} wait: {error}");
                return;
            }
        };
        let Some(reason) = refusal else {
            tracing::info!(%revision, "definitions taken over");
            self.core.board.clear("definitions_refused");
            let core = Arc::clone(&self.core);
            let reloaded =
                tokio::task::spawn_blocking(move || core.engine.reload(&core.definitions, key));
            if let Ok(Err(error)) = reloaded.await {
                tracing::error!("running workers keep their definitions: {error}");
            }
            return;
        };
        let message = format!(
            "Definitions {revision} from the manager were refused, the old ones stay in use: {reason}"
        );
        let known = self.core.board.issues();
        if !known.iter().any(|issue| issue.message == message) {
            self.core
                .journal
                .refused(format!("definitions {revision}"), reason);
            self.core
                .board
                .set("definitions_refused", Severity::Critical, message);
        }
    }

    /// Answers why what came was refused, if it was.
    async fn fetch(
        &self,
        offer: DefinitionsOffer,
        key: scan::PublicKey,
    ) -> Result<Option<String>, LinkError> {
        let path = format!("/agent/v1/definitions/{}", offer.revision);
        let limit = offer.bytes;
        let mut download = match self.core.definitions.download(offer) {
            Ok(download) => download,
            Err(refusal) => return Ok(Some(refusal.to_string())),
        };
        let mut body = self.manager.get(&path).await?.into_body();
        loop {
            let piece = tokio::time::timeout(PIECE_TIME, body.chunk()).await;
            let piece = piece.map_err(|_| net::HttpError::TimedOut {
                waiting_for: "the next piece of the definitions",
                limit: PIECE_TIME,
            })??;
            let Some(piece) = piece else { break };
            if let Err(refusal) = download.write(&piece) {
                return Ok(Some(refusal.to_string()));
            }
        }
        tracing::debug!(bytes = limit, "definitions fetched");
        let core = Arc::clone(&self.core);
        let judged =
            tokio::task::spawn_blocking(move || core.definitions.accept(download, key)).await;
        match judged {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(refusal)) => Ok(Some(refusal.to_string())),
            Err(error) => Ok(Some(format!("checking them failed: {error}"))),
        }
    }
}
