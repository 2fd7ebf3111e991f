//! The routes of the API, with their description.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::site::Site;
use crate::web;
use crate::{
    access, audit, changes, cloud, connections, definitions, detections, devices, enrolment,
    groups, network, overview, policies, scans,
};

/// What stands at the head of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Garrison manager",
        description = "One site's devices, detections, policies and people. Errors are problem details (RFC 9457). Each operation names the smallest role that may call it in `x-garrison-role`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Credential),
    security(("api-token" = []))
)]
struct Head;

struct Credential;

impl utoipa::Modify for Credential {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        description
            .components
            .get_or_insert_with(Default::default)
            .add_security_scheme(
                "api-token",
                SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
            );
    }
}

/// The routes with their description.
pub(crate) fn routes() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::with_openapi(Head::openapi())
        .merge(overview::http::api())
        .merge(devices::http::api())
        .merge(detections::http::api())
        .merge(scans::http::api())
        .merge(groups::http::api())
        .merge(policies::http::api())
        .merge(enrolment::http::api())
        .merge(access::http::api())
        .merge(definitions::http::api())
        .merge(audit::http::api())
        .merge(network::http::api())
        .merge(connections::http::api())
        .merge(cloud::http::api())
        .merge(changes::http::api())
}

/// The description of the API and of the agent channel (OpenAPI 3.1).
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    let mut description = routes().into_openapi();
    description.merge(crate::agent_channel::routes().into_openapi());
    named(description)
}

/// Gives each operation an identifier of its own, such as `devices.revoke`.
fn named(mut description: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    for item in description.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            let tag = operation.tags.as_ref().and_then(|tags| tags.first());
            if let (Some(tag), Some(name)) = (tag, &operation.operation_id) {
                operation.operation_id = Some(format!("{tag}.{name}"));
            }
        }
    }
    description
}

/// Every route of the flow `api`.
pub fn router(site: Arc<Site>) -> Router {
    let (router, description) = routes().split_for_parts();
    let description = Arc::new(named(description));
    router
        .route(
            "/api/v1/openapi.json",
            get(move || async move { web::Json(description) }),
        )
        .fallback(web::not_found)
        .method_not_allowed_fallback(web::method_not_allowed)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&site),
            web::idempotency::once,
        ))
        .layer(middleware::from_fn(web::run::to_the_end))
        .with_state(site)
}
