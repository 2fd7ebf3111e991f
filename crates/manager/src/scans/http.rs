//! Routes of scans.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::ScanId;
use proto::api::scan::{NewScan, Scan};
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ScanFilter;
use crate::access::{Operator, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, PathId, Query, json_response};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(find))
}

/// Scans, the last requested first.
#[utoipa::path(get, path = "/api/v1/scans", tag = "scans", params(ScanFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<Scan>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<ScanFilter>,
) -> Result<Json<Page<Scan>>, Refusal> {
    super::list(&site, &by, &filter).await.map(Json)
}

/// Asks devices to scan paths.
#[utoipa::path(post, path = "/api/v1/scans", tag = "scans", request_body = NewScan,
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = Scan), (status = "default", body = Problem)))]
async fn create(
    State(site): App,
    by: Permit<Operator>,
    Json(new): Json<NewScan>,
) -> Result<Response, Refusal> {
    let scan = super::create(&site, &by, new).await?;
    Ok(json_response(StatusCode::ACCEPTED, &scan))
}

/// One scan with its state on each device.
#[utoipa::path(get, path = "/api/v1/scans/{id}", tag = "scans", params(("id" = ScanId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Scan), (status = "default", body = Problem)))]
async fn find(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<ScanId>,
) -> Result<Json<Scan>, Refusal> {
    super::find(&site, &by, id).await.map(Json)
}
