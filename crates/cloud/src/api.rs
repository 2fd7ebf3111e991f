//! The list of routes.

use axum::Router;
use axum::http::{HeaderValue, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::SecurityScheme;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::CloudState;
use crate::{binding, health, pings, sites, web};

/// The name of the security scheme of every route that demands a site's certificate.
pub const SITE_CERTIFICATE: &str = "site_certificate";

#[derive(OpenApi)]
#[openapi(info(
    title = "Garrison cloud",
    description = "Manager ↔ cloud, over the flow manager-cloud. Errors are problem details (RFC 9457)."
))]
struct Document;

/// The OpenAPI document, made from the very routes that are served.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes_and_document().split_for_parts().1;
    let scheme = SecurityScheme::MutualTls {
        description: Some("The certificate that the cloud issued to the site".to_owned()),
        extensions: None,
        deprecated: None,
    };
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(SITE_CERTIFICATE, scheme);
    document
}

/// Every route, with a problem for whatever has none.
pub fn router(state: CloudState) -> Router {
    let (router, _) = routes_and_document().split_for_parts();
    let no_store = HeaderValue::from_static("no-store");
    router
        .fallback(web::not_found)
        .method_not_allowed_fallback(web::method_not_allowed)
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            no_store,
        ))
        .layer(CatchPanicLayer::custom(web::panicked))
        .with_state(state)
}

fn routes_and_document() -> OpenApiRouter<CloudState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::health))
        .routes(routes!(binding::channel_binding))
        .routes(routes!(sites::http::enrol))
        .routes(routes!(sites::http::renew))
        .routes(routes!(pings::http::count))
        .routes(routes!(pings::http::rules))
}
