//! Routes of policies.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::PolicyId;
use proto::api::group::{NamedPolicy, PolicyText};
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
        .routes(routes!(find, replace, delete))
}

/// Policies by name.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", params(Paging),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<NamedPolicy>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<NamedPolicy>>, Refusal> {
    super::list(&site, &by, paging.limit, paging.cursor.as_deref())
        .await
        .map(Json)
}

/// One policy.
#[utoipa::path(get, path = "/api/v1/policies/{id}", tag = "policies", params(("id" = PolicyId, Path)),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = NamedPolicy), (status = "default", body = Problem)))]
async fn find(
    State(site): App,
    by: Permit<Viewer>,
    PathId(id): PathId<PolicyId>,
) -> Result<Json<NamedPolicy>, Refusal> {
    super::find(&site, &by, id).await.map(Json)
}

/// Makes a policy.
#[utoipa::path(post, path = "/api/v1/policies", tag = "policies", request_body = PolicyText,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 201, body = NamedPolicy), (status = "default", body = Problem)))]
async fn create(
    State(site): App,
    by: Permit<Administrator>,
    Json(new): Json<PolicyText>,
) -> Result<Response, Refusal> {
    let made = super::create(&site, &by, new).await?;
    Ok(json_response(StatusCode::CREATED, &made))
}

/// Replaces a policy; `based_on` is the revision that was read.
#[utoipa::path(put, path = "/api/v1/policies/{id}", tag = "policies", params(("id" = PolicyId, Path)),
    request_body = PolicyText,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = NamedPolicy), (status = "default", body = Problem)))]
async fn replace(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<PolicyId>,
    Json(change): Json<PolicyText>,
) -> Result<Json<NamedPolicy>, Refusal> {
    super::replace(&site, &by, id, change).await.map(Json)
}

/// Removes a policy that nothing uses.
#[utoipa::path(delete, path = "/api/v1/policies/{id}", tag = "policies", params(("id" = PolicyId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 204, description = "Removed"), (status = "default", body = Problem)))]
async fn delete(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<PolicyId>,
) -> Result<StatusCode, Refusal> {
    super::delete(&site, &by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
