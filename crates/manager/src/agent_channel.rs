//! The routes of the agent channel.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Extension, Router, middleware};
use net::PeerIdentity;
use proto::problem::ProblemKind;
use proto::{ChannelBinding, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::json_response;
use crate::{definitions, devices, enrolment, events, web};

/// The routes with their description.
pub(crate) fn routes() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(channel_binding))
        .merge(enrolment::http::agent_channel())
        .merge(devices::http::agent_channel())
        .merge(events::http::agent_channel())
        .merge(definitions::http::agent_channel())
}

/// Every route of the flow `agent-channel`.
pub fn router(site: Arc<Site>) -> Router {
    let (router, _description) = routes().split_for_parts();
    router
        .fallback(web::not_found)
        .method_not_allowed_fallback(web::method_not_allowed)
        .layer(middleware::from_fn(web::run::to_the_end))
        .with_state(site)
}

// Open to anybody; why that is safe says `proto::binding`.
/// How this end sees the connection, so that the other can tell whether TLS is opened in between.
#[utoipa::path(get, path = "/agent/v1/channel-binding", tag = "agent",
    extensions(("x-garrison-role" = json!("none"))),
    responses((status = 200, body = ChannelBinding), (status = "default", body = Problem)))]
async fn channel_binding(peer: Option<Extension<PeerIdentity>>) -> Result<Response, Refusal> {
    let value = peer.and_then(|Extension(peer)| peer.tls_exporter);
    let value = value.ok_or_else(|| {
        Refusal::new(
            ProblemKind::NotFound,
            "this connection has no channel binding; ask over TLS 1.3",
        )
    })?;
    let binding = ChannelBinding {
        tls_exporter: hex::encode(value),
    };
    let mut response = json_response(StatusCode::OK, &binding);
    // It is of this connection alone.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
