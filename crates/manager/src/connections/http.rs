//! Routes of connections.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::DeviceId;
use proto::api::connection::{
    ConnectionCause, ConnectionCheckAsked, ConnectionFeature, Connections, DeviceConnections,
    MendedConnection, NewConnectionCheck,
};
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CauseFilter, ConnectionDeviceFilter, FeatureFilter, MendedFilter};
use crate::access::{Operator, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, PathId, Query, json_response};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(causes))
        .routes(routes!(cause))
        .routes(routes!(check))
        .routes(routes!(features))
        .routes(routes!(devices))
        .routes(routes!(mended))
        .routes(routes!(of_device))
}

/// How the site's connections are, in numbers.
#[utoipa::path(get, path = "/api/v1/connections", tag = "connections", params(FeatureFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Connections), (status = "default", body = Problem)))]
async fn summary(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<FeatureFilter>,
) -> Json<Connections> {
    Json(super::summary(&site, &by, filter.group))
}

/// What is wrong, one line for each cause, over all devices and the manager itself.
#[utoipa::path(get, path = "/api/v1/connections/causes", tag = "connections", params(CauseFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<ConnectionCause>), (status = "default", body = Problem)))]
async fn causes(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<CauseFilter>,
) -> Result<Json<Page<ConnectionCause>>, Refusal> {
    super::causes(&site, &by, &filter).map(Json)
}

/// One cause, also one that was mended.
#[utoipa::path(get, path = "/api/v1/connections/causes/{cause}", tag = "connections",
    params(("cause" = String, Path, description = "16 hexadecimal digits.")),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = ConnectionCause), (status = "default", body = Problem)))]
async fn cause(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<String>,
) -> Result<Json<ConnectionCause>, Refusal> {
    super::cause(&site, &by, &id).await.map(Json)
}

/// Asks devices to check their network now.
#[utoipa::path(post, path = "/api/v1/connections/checks", tag = "connections",
    request_body = NewConnectionCheck,
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 202, body = ConnectionCheckAsked),
        (status = "default", body = Problem)))]
async fn check(
    State(site): App,
    by: Permit<Operator>,
    Json(new): Json<NewConnectionCheck>,
) -> Result<Response, Refusal> {
    let asked = super::ask_to_check(&site, &by, new).await?;
    Ok(json_response(StatusCode::ACCEPTED, &asked))
}

/// Every feature of the catalogue, and on how many devices it is lost, since when and why.
#[utoipa::path(get, path = "/api/v1/connections/features", tag = "connections",
    params(FeatureFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<ConnectionFeature>), (status = "default", body = Problem)))]
async fn features(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<FeatureFilter>,
) -> Json<Page<ConnectionFeature>> {
    let items = super::features(&site, &by, &filter);
    Json(Page {
        total: u64::try_from(items.len()).unwrap_or(u64::MAX),
        items,
        next_cursor: None,
    })
}

/// How each device's connections are.
#[utoipa::path(get, path = "/api/v1/connections/devices", tag = "connections",
    params(ConnectionDeviceFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<DeviceConnections>), (status = "default", body = Problem)))]
async fn devices(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<ConnectionDeviceFilter>,
) -> Result<Json<Page<DeviceConnections>>, Refusal> {
    super::devices(&site, &by, &filter).map(Json)
}

/// What was mended, device by device, the latest first.
#[utoipa::path(get, path = "/api/v1/connections/mended", tag = "connections", params(MendedFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<MendedConnection>), (status = "default", body = Problem)))]
async fn mended(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<MendedFilter>,
) -> Result<Json<Page<MendedConnection>>, Refusal> {
    super::mended(&site, &by, &filter).await.map(Json)
}

/// How one device's connections are.
#[utoipa::path(get, path = "/api/v1/devices/{id}/connections", tag = "connections",
    params(("id" = DeviceId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = DeviceConnections), (status = "default", body = Problem)))]
async fn of_device(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<DeviceId>,
) -> Result<Json<DeviceConnections>, Refusal> {
    super::of_device(&site, &by, id).map(Json)
}
