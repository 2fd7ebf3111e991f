//! Routes of detections and quarantine.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::{DetectionId, QuarantineId};
use proto::api::detection::{Detection, Quarantined, TriageChange};
use proto::api::scan::CommandAccepted;
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{DetectionFilter, QuarantineFilter};
use crate::access::{Operator, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, PathId, Query, json_response};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(find))
        .routes(routes!(triage))
        .routes(routes!(quarantine))
        .routes(routes!(restore))
        .routes(routes!(delete))
        .routes(routes!(quarantined))
        .routes(routes!(quarantined_file))
        .routes(routes!(restore_file))
        .routes(routes!(delete_file))
}

fn accepted(command: &CommandAccepted) -> Response {
    json_response(StatusCode::ACCEPTED, command)
}

/// Detections that pass the filter, the last seen first.
#[utoipa::path(get, path = "/api/v1/detections", tag = "detections", params(DetectionFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<Detection>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<DetectionFilter>,
) -> Result<Json<Page<Detection>>, Refusal> {
    super::list(&site, &by, &filter).await.map(Json)
}

/// One detection.
#[utoipa::path(get, path = "/api/v1/detections/{id}", tag = "detections",
    params(("id" = DetectionId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Detection), (status = "default", body = Problem)))]
async fn find(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<DetectionId>,
) -> Result<Json<Detection>, Refusal> {
    super::find(&site, &by, id).await.map(Json)
}

/// A person's judgement of a detection.
#[utoipa::path(post, path = "/api/v1/detections/{id}/triage", tag = "detections",
    params(("id" = DetectionId, Path)), request_body = TriageChange,
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 200, body = Detection), (status = "default", body = Problem)))]
async fn triage(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<DetectionId>,
    Json(change): Json<TriageChange>,
) -> Result<Json<Detection>, Refusal> {
    super::triage(&site, &by, id, change).await.map(Json)
}

/// Has the detected file moved to quarantine.
#[utoipa::path(post, path = "/api/v1/detections/{id}/quarantine", tag = "detections",
    params(("id" = DetectionId, Path)),
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = CommandAccepted), (status = "default", body = Problem)))]
async fn quarantine(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<DetectionId>,
) -> Result<Response, Refusal> {
    super::quarantine(&site, &by, id)
        .await
        .map(|command| accepted(&command))
}

/// Has the detection's quarantined file put back where it was.
#[utoipa::path(post, path = "/api/v1/detections/{id}/restore", tag = "detections",
    params(("id" = DetectionId, Path)),
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = CommandAccepted), (status = "default", body = Problem)))]
async fn restore(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<DetectionId>,
) -> Result<Response, Refusal> {
    super::restore(&site, &by, id)
        .await
        .map(|command| accepted(&command))
}

/// Has the detection's quarantined file deleted for good.
#[utoipa::path(post, path = "/api/v1/detections/{id}/delete", tag = "detections",
    params(("id" = DetectionId, Path)),
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = CommandAccepted), (status = "default", body = Problem)))]
async fn delete(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<DetectionId>,
) -> Result<Response, Refusal> {
    super::delete(&site, &by, id)
        .await
        .map(|command| accepted(&command))
}

/// Files that are or were in some device's quarantine.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "quarantine", params(QuarantineFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<Quarantined>), (status = "default", body = Problem)))]
async fn quarantined(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<QuarantineFilter>,
) -> Result<Json<Page<Quarantined>>, Refusal> {
    super::quarantined(&site, &by, &filter).await.map(Json)
}

/// One file that is or was in some device's quarantine.
#[utoipa::path(get, path = "/api/v1/quarantine/{id}", tag = "quarantine",
    params(("id" = QuarantineId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Quarantined), (status = "default", body = Problem)))]
async fn quarantined_file(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<QuarantineId>,
) -> Result<Json<Quarantined>, Refusal> {
    super::quarantined_file(&site, &by, id).await.map(Json)
}

/// Has a quarantined file put back where it was.
#[utoipa::path(post, path = "/api/v1/quarantine/{id}/restore", tag = "quarantine",
    params(("id" = QuarantineId, Path)),
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = CommandAccepted), (status = "default", body = Problem)))]
async fn restore_file(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<QuarantineId>,
) -> Result<Response, Refusal> {
    super::restore_file(&site, &by, id)
        .await
        .map(|command| accepted(&command))
}

/// Has a quarantined file deleted for good.
#[utoipa::path(post, path = "/api/v1/quarantine/{id}/delete", tag = "quarantine",
    params(("id" = QuarantineId, Path)),
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = CommandAccepted), (status = "default", body = Problem)))]
async fn delete_file(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<QuarantineId>,
) -> Result<Response, Refusal> {
    super::delete_file(&site, &by, id)
        .await
        .map(|command| accepted(&command))
}
