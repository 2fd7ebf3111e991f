//! The route of the network.

use std::sync::Arc;

use axum::extract::State;
use proto::api::network::SiteFlow;
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Permit, Viewer};
use crate::site::Site;
use crate::web::Json;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(flows))
}

/// Every flow of the catalogue as it is at this site.
#[utoipa::path(get, path = "/api/v1/flows", tag = "network",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<SiteFlow>), (status = "default", body = Problem)))]
async fn flows(State(site): State<Arc<Site>>, by: Permit<Viewer>) -> Json<Page<SiteFlow>> {
    let items = super::flows(&site, &by);
    Json(Page {
        total: u64::try_from(items.len()).unwrap_or(u64::MAX),
        items,
        next_cursor: None,
    })
}
