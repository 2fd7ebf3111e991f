//! The route of the audit log.

use std::sync::Arc;

use axum::extract::State;
use proto::api::audit::AuditLine;
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AuditFilter;
use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, Query};

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lines of the audit log, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<AuditLine>), (status = "default", body = Problem)))]
async fn list(
    State(site): State<Arc<Site>>,
    by: Permit<Viewer>,
    Query(filter): Query<AuditFilter>,
) -> Result<Json<Page<AuditLine>>, Refusal> {
    super::list(&site, &by, &filter).await.map(Json)
}
