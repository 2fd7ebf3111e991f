//! Routes of groups.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::GroupId;
use proto::api::group::{Group, GroupChange, NewGroup};
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Administrator, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::{Json, Paging, PathId, Query, json_response};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(find, change, delete))
}

/// Groups by name.
#[utoipa::path(get, path = "/api/v1/groups", tag = "groups", params(Paging),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<Group>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Group>>, Refusal> {
    super::list(&site, &by, paging.limit, paging.cursor.as_deref())
        .await
        .map(Json)
}

/// One group.
#[utoipa::path(get, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = GroupId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Group), (status = "default", body = Problem)))]
async fn find(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<GroupId>,
) -> Result<Json<Group>, Refusal> {
    super::find(&site, &by, id).await.map(Json)
}

/// Makes a group.
#[utoipa::path(post, path = "/api/v1/groups", tag = "groups", request_body = NewGroup,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 201, body = Group), (status = "default", body = Problem)))]
async fn create(
    State(site): App,
    by: Permit<Administrator>,
    Json(new): Json<NewGroup>,
) -> Result<Response, Refusal> {
    let made = super::create(&site, &by, new).await?;
    Ok(json_response(StatusCode::CREATED, &made))
}

/// Changes a group.
#[utoipa::path(patch, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = GroupId, Path)),
    request_body = GroupChange,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = Group), (status = "default", body = Problem)))]
async fn change(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<GroupId>,
    Json(change): Json<GroupChange>,
) -> Result<Json<Group>, Refusal> {
    super::change(&site, &by, id, change).await.map(Json)
}

/// Removes a group that nothing uses.
#[utoipa::path(delete, path = "/api/v1/groups/{id}", tag = "groups", params(("id" = GroupId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 204, description = "Removed"), (status = "default", body = Problem)))]
async fn delete(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<GroupId>,
) -> Result<StatusCode, Refusal> {
    super::delete(&site, &by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
