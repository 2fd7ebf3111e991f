//! The route of events.

use std::io::Read as _;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use proto::Problem;
use proto::agent::{EventBatch, EventReceipt, batch_limits};
use proto::problem::ProblemKind;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::devices::ApprovedDevice;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::Json;
use crate::web::extract::{parse, read_body};

/// Routes of the agent channel.
pub(crate) fn agent_channel() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(deliver))
}

/// The largest window that a batch's compression may ask memory for: 8 MiB.
const WINDOW_LOG: u32 = 23;

/// Events from a spool, as JSON compressed by zstd.
#[utoipa::path(post, path = "/agent/v1/events", tag = "agent",
    request_body(content = EventBatch, content_type = "application/json", description = "with content-encoding zstd"),
    extensions(("x-garrison-role" = json!("device"))),
    responses((status = 200, body = EventReceipt), (status = "default", body = Problem)))]
async fn deliver(
    State(site): State<Arc<Site>>,
    device: ApprovedDevice,
    request: Request,
) -> Result<Json<EventReceipt>, Refusal> {
    let encoding = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none");
    if encoding != "zstd" {
        return Err(Refusal::new(
            ProblemKind::UnsupportedMedia,
            format!("expected a body with content-encoding zstd, got {encoding:?}"),
        ));
    }
    let compressed = read_body(request, batch_limits::COMPRESSED_BYTES).await?;
    let batch: EventBatch = parse(&decompress(&compressed)?)?;
    super::ingest(&site, &device, batch).await.map(Json)
}

/// Unpacks a batch, and no more than a batch.
pub(super) fn decompress(compressed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let broken = |error: std::io::Error| Refusal::invalid(format!("the body is no zstd: {error}"));
    let mut decoder = zstd::stream::read::Decoder::new(compressed).map_err(broken)?;
    decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
    let limit = batch_limits::PLAIN_BYTES;
    let mut plain = Vec::new();
    decoder
        .take(u64::try_from(limit).unwrap_or(u64::MAX) + 1)
        .read_to_end(&mut plain)
        .map_err(broken)?;
    if plain.len() > limit {
        return Err(Refusal::new(
            ProblemKind::TooLarge,
            format!("expected a batch of at most {limit} bytes when unpacked"),
        ));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = zstd::encode_all(std::io::repeat(b' ').take(1 << 28), 3).unwrap();
        assert!(bomb.len() < batch_limits::COMPRESSED_BYTES);
        let refusal = decompress(&bomb).unwrap_err();
        assert_eq!(refusal.kind(), ProblemKind::TooLarge);
    }
}
