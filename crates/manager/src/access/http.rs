//! Routes of access: users and API tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::{ApiTokenId, UserId};
use proto::api::access::{ApiTokenInfo, CreatedApiToken, NewApiToken, NewUser, User, UserChange};
use proto::{Page, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Administrator, Permit};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};
use crate::web::{Json, Paging, PathId, Query, json_response};

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(users, create_user))
        .routes(routes!(change_user, delete_user))
        .routes(routes!(api_tokens, create_api_token))
        .routes(routes!(revoke_api_token))
}

/// Every account, by name.
#[utoipa::path(get, path = "/api/v1/users", tag = "access", params(Paging),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = Page<User>), (status = "default", body = Problem)))]
async fn users(
    State(site): App,
    by: Permit<Administrator>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<User>>, Refusal> {
    let limit = cursor::page_limit(paging.limit)?;
    let after = Cursor::<()>::parse_optional(paging.cursor.as_deref())?;
    let mut users = super::users(&site, &by).await?;
    let total = u64::try_from(users.len()).unwrap_or(u64::MAX);
    if let Some(Cursor((), name)) = after {
        users.retain(|user| user.name > name);
    }
    Ok(Json(cursor::page(users, limit, total, |last| {
        Cursor((), last.name.clone())
    })))
}

/// Makes an account.
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = NewUser,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 201, body = User), (status = "default", body = Problem)))]
async fn create_user(
    State(site): App,
    by: Permit<Administrator>,
    Json(new): Json<NewUser>,
) -> Result<Response, Refusal> {
    let user = super::create_user(&site, &by, new).await?;
    Ok(json_response(StatusCode::CREATED, &user))
}

/// Changes an account; its sessions end.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "access", params(("id" = UserId, Path)),
    request_body = UserChange,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = User), (status = "default", body = Problem)))]
async fn change_user(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<UserId>,
    Json(change): Json<UserChange>,
) -> Result<Json<User>, Refusal> {
    super::change_user(&site, &by, id, change).await.map(Json)
}

/// Removes an account and its sessions.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "access", params(("id" = UserId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 204, description = "Removed"), (status = "default", body = Problem)))]
async fn delete_user(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, Refusal> {
    super::delete_user(&site, &by, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// API tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/api-tokens", tag = "access", params(Paging),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = Page<ApiTokenInfo>), (status = "default", body = Problem)))]
async fn api_tokens(
    State(site): App,
    by: Permit<Administrator>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ApiTokenInfo>>, Refusal> {
    super::api_tokens(&site, &by, paging.limit, paging.cursor.as_deref())
        .await
        .map(Json)
}

/// Makes an API token; its text is told this once.
#[utoipa::path(post, path = "/api/v1/api-tokens", tag = "access", request_body = NewApiToken,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 201, body = CreatedApiToken), (status = "default", body = Problem)))]
async fn create_api_token(
    State(site): App,
    by: Permit<Administrator>,
    Json(new): Json<NewApiToken>,
) -> Result<Response, Refusal> {
    let created = super::create_api_token(&site, &by, new).await?;
    Ok(json_response(StatusCode::CREATED, &created))
}

/// Revokes an API token, at once.
#[utoipa::path(post, path = "/api/v1/api-tokens/{id}/revoke", tag = "access",
    params(("id" = ApiTokenId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = ApiTokenInfo), (status = "default", body = Problem)))]
async fn revoke_api_token(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<ApiTokenId>,
) -> Result<Json<ApiTokenInfo>, Refusal> {
    super::revoke_api_token(&site, &by, id).await.map(Json)
}
