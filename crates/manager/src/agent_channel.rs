//! The routes of the agent channel.

use std::sync::Arc;

use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;

use crate::site::Site;
use crate::{definitions, devices, enrolment, events, web};

/// The routes with their description.
pub(crate) fn routes() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
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
