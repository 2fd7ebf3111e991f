//! Routes of devices: for the agents themselves, and for those who look after them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use model::DeviceId;
use proto::Page;
use proto::Problem;
use proto::agent::{
    CheckInAnswer, CheckInRequest, Notification, RekeyAnswer, RenewAnswer, RenewRequest,
};
use proto::api::device::{Device, DeviceChange};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ActiveDevice, DeviceFilter, Holder, notifications};
use crate::access::{Administrator, Operator, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, PathId, Query};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(find, change))
        .routes(routes!(revoke))
        .routes(routes!(approve))
        .routes(routes!(ask))
}

/// Routes of the agent channel.
pub(crate) fn agent_channel() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(check_in))
        .routes(routes!(renew))
        .routes(routes!(rekey))
        .routes(routes!(notify))
}

/// Devices that pass the filter.
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", params(DeviceFilter),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<Device>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(filter): Query<DeviceFilter>,
) -> Result<Json<Page<Device>>, Refusal> {
    super::list(&site, &by, &filter).await.map(Json)
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices",
    params(("id" = DeviceId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Device), (status = "default", body = Problem)))]
async fn find(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<DeviceId>,
) -> Result<Json<Device>, Refusal> {
    super::find(&site, &by, id).await.map(Json)
}

/// Changes a device: moves it to another group.
#[utoipa::path(patch, path = "/api/v1/devices/{id}", tag = "devices",
    params(("id" = DeviceId, Path)), request_body = DeviceChange,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = Device), (status = "default", body = Problem)))]
async fn change(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<DeviceId>,
    Json(change): Json<DeviceChange>,
) -> Result<Json<Device>, Refusal> {
    super::change(&site, &by, id, change).await.map(Json)
}

/// Revokes a device, at once.
#[utoipa::path(post, path = "/api/v1/devices/{id}/revoke", tag = "devices",
    params(("id" = DeviceId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = Device), (status = "default", body = Problem)))]
async fn revoke(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<DeviceId>,
) -> Result<Json<Device>, Refusal> {
    super::revoke(&site, &by, id).await.map(Json)
}

/// Approves a fork.
#[utoipa::path(post, path = "/api/v1/devices/{id}/approve", tag = "devices",
    params(("id" = DeviceId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = Device), (status = "default", body = Problem)))]
async fn approve(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<DeviceId>,
) -> Result<Json<Device>, Refusal> {
    super::approve(&site, &by, id).await.map(Json)
}

/// Asks a device to check in now. `connected` says whether it was told.
#[utoipa::path(post, path = "/api/v1/devices/{id}/check-in", tag = "devices",
    params(("id" = DeviceId, Path)),
    extensions(("x-garrison-role" = json!("operator"))),
    responses((status = 200, body = Device), (status = "default", body = Problem)))]
async fn ask(
    State(site): App,
    by: Permit<Operator>,
    PathId(id): PathId<DeviceId>,
) -> Result<Json<Device>, Refusal> {
    super::ask(&site, &by, id)?;
    super::read(&site, id).await.map(Json)
}

/// State up, wants down.
#[utoipa::path(post, path = "/agent/v1/check-in", tag = "agent", request_body = CheckInRequest,
    extensions(("x-garrison-role" = json!("device"))),
    responses((status = 200, body = CheckInAnswer), (status = "default", body = Problem)))]
async fn check_in(
    State(site): App,
    device: ActiveDevice,
    Json(request): Json<CheckInRequest>,
) -> Result<Json<CheckInAnswer>, Refusal> {
    super::check_in(&site, &device, request).await.map(Json)
}

/// A new certificate.
#[utoipa::path(post, path = "/agent/v1/renew", tag = "agent", request_body = RenewRequest,
    extensions(("x-garrison-role" = json!("device"))),
    responses((status = 200, body = RenewAnswer), (status = "default", body = Problem)))]
async fn renew(
    State(site): App,
    device: ActiveDevice,
    Json(request): Json<RenewRequest>,
) -> Result<Json<RenewAnswer>, Refusal> {
    super::renew(&site, &device, &request).await.map(Json)
}

/// A new identity for one holder of a suspended one.
#[utoipa::path(post, path = "/agent/v1/rekey", tag = "agent", request_body = RenewRequest,
    extensions(("x-garrison-role" = json!("device"))),
    responses((status = 200, body = RekeyAnswer), (status = "default", body = Problem)))]
async fn rekey(
    State(site): App,
    holder: Holder,
    Json(request): Json<RenewRequest>,
) -> Result<Json<RekeyAnswer>, Refusal> {
    super::rekey(&site, &holder, &request).await.map(Json)
}

/// Lines that say "check in now", without end.
#[utoipa::path(get, path = "/agent/v1/notifications", tag = "agent",
    extensions(("x-garrison-role" = json!("device"))),
    responses((status = 200, body = Notification, content_type = "application/jsonlines"),
        (status = "default", body = Problem)))]
async fn notify(State(site): App, device: ActiveDevice) -> Result<Response, Refusal> {
    notifications::open(&site, &device)
}
