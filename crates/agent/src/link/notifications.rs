//! The notification stream: it only ever says "check in now".

use std::sync::Arc;
use std::time::Duration;

use net::CancellationToken;
use proto::agent::Notification;
use proto::problem::ProblemKind;
use tokio::task::JoinHandle;

use super::backoff::{Backoff, random};
use super::manager::{LinkError, Manager};
use crate::core::Core;

/// A stream that is silent for longer is dead; the manager says something every 30 seconds.
const SILENCE: Duration = Duration::from_secs(75);
/// The longest wait before the stream is opened again.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// The longest line.
const MAX_LINE: usize = 4096;

/// Reads the stream in a task of its own until `stop`.
pub(super) fn spawn(
    core: Arc<Core>,
    manager: Arc<Manager>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut backoff = Backoff::new(LONGEST_WAIT);
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = listen(&core, &manager, &mut backoff) => ended,
            };
            if let Err(error) = ended {
                tracing::debug!("notification stream: {error}");
                // The check-in knows what to do about these, and should not wait for its turn. A
                // manager that is only busy gets no more requests for it.
                if matches!(
                    error.kind(),
                    Some(ProblemKind::DeviceRevoked | ProblemKind::IdentitySuspended)
                ) {
                    core.wake.notify_one();
                }
            }
            let wait = backoff.wait(random());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    })
}

async fn listen(core: &Core, manager: &Manager, backoff: &mut Backoff) -> Result<(), LinkError> {
    // Without a check-in that worked, a stream would only fail in the same way.
    if !core.link().connected {
        core.linked.notified().await;
    }
    let mut body = manager.get("/agent/v1/notifications").await?.into_body();
    backoff.reset();
    // What was said before the stream stood was not heard.
    core.wake.notify_one();
    let mut line = Vec::new();
    loop {
        let piece = tokio::time::timeout(SILENCE, body.chunk()).await;
        let piece = piece.map_err(|_| net::HttpError::TimedOut {
            waiting_for: "a sign of life on the notification stream",
            limit: SILENCE,
        })??;
        let Some(piece) = piece else { return Ok(()) };
        for byte in piece {
            if byte == b'\n' {
                if let Ok(Notification::CheckIn) = serde_json::from_slice(&line) {
                    core.wake.notify_one();
                }
                line.clear();
            } else if line.len() < MAX_LINE {
                line.push(byte);
            } else {
                return Err(LinkError::Foreign("a line without an end".to_owned()));
            }
        }
    }
}
