//! How the cloud sees the connection on which it is asked: for anybody, and why that is safe says
//! [`proto::binding`].

use axum::Extension;
use net::PeerIdentity;
use proto::problem::ProblemKind;
use proto::{ChannelBinding, Problem};

use crate::refusal::Refusal;
use crate::web::Json;

/// How this end sees the connection, so that the other can tell whether TLS is opened in between.
#[utoipa::path(
    get,
    path = "/site/v1/channel-binding",
    tag = "health",
    responses(
        (status = 200, body = ChannelBinding),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn channel_binding(
    peer: Option<Extension<PeerIdentity>>,
) -> Result<Json<ChannelBinding>, Refusal> {
    let value = peer.and_then(|Extension(peer)| peer.tls_exporter);
    let value = value.ok_or_else(|| {
        Refusal::new(
            ProblemKind::NotFound,
            "this connection has no channel binding; ask over TLS 1.3",
        )
    })?;
    Ok(Json(ChannelBinding {
        tls_exporter: hex::encode(value),
    }))
}
