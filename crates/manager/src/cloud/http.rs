//! Routes of the link to the cloud.

use std::sync::Arc;

use axum::extract::State;
use proto::Problem;
use proto::api::network::{CloudEnrolment, CloudLink};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Administrator, Operator, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::Json;

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(state, enrol))
        .routes(routes!(deliver_now))
}

/// How the link to the cloud is.
#[utoipa::path(get, path = "/api/v1/cloud", tag = "cloud",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = CloudLink), (status = "default", body = Problem)))]
async fn state(State(site): App, by: Permit<Viewer>) -> Result<Json<CloudLink>, Refusal> {
    super::state(&site, &by).await.map(Json)
}

/// Enrols this site in a cloud.
#[utoipa::path(post, path = "/api/v1/cloud", tag = "cloud", request_body = CloudEnrolment,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = CloudLink), (status = "default", body = Problem)))]
async fn enrol(
    State(site): App,
    by: Permit<Administrator>,
    Json(request): Json<CloudEnrolment>,
) -> Result<Json<CloudLink>, Refusal> {
    super::enrol(&site, &by, request).await.map(Json)
}

/// Tries the link to the cloud now, and delivers what is due.
#[utoipa::path(post, path = "/api/v1/cloud/delivery", tag = "cloud",
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 200, body = CloudLink), (status = "default", body = Problem)))]
async fn deliver_now(State(site): App, by: Permit<Operator>) -> Result<Json<CloudLink>, Refusal> {
    super::deliver_now(&site, &by).await.map(Json)
}
