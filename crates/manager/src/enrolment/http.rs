//! Routes of enrolment.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use model::EnrolmentTokenId;
use net::PeerIdentity;
use proto::agent::{EnrolAnswer, EnrolRequest};
use proto::api::access::{CreatedEnrolmentToken, EnrolmentTokenInfo, NewEnrolmentToken};
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
        .routes(routes!(revoke))
}

/// Routes of the agent channel.
pub(crate) fn agent_channel() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new().routes(routes!(enrol))
}

/// Enrolment tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/enrolment-tokens", tag = "enrolment", params(Paging),
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Page<EnrolmentTokenInfo>), (status = "default", body = Problem)))]
async fn list(
    State(site): App,
    by: Permit<Viewer>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<EnrolmentTokenInfo>>, Refusal> {
    super::list(&site, &by, paging.limit, paging.cursor.as_deref())
        .await
        .map(Json)
}

/// Makes an enrolment token; its text is told this once.
#[utoipa::path(post, path = "/api/v1/enrolment-tokens", tag = "enrolment",
    request_body = NewEnrolmentToken,
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 201, body = CreatedEnrolmentToken), (status = "default", body = Problem)))]
async fn create(
    State(site): App,
    by: Permit<Administrator>,
    Json(new): Json<NewEnrolmentToken>,
) -> Result<Response, Refusal> {
    let created = super::create(&site, &by, new).await?;
    Ok(json_response(StatusCode::CREATED, &created))
}

/// Revokes an enrolment token.
#[utoipa::path(post, path = "/api/v1/enrolment-tokens/{id}/revoke", tag = "enrolment",
    params(("id" = EnrolmentTokenId, Path)),
    extensions(("x-garrison-role" = json!("administrator"))),
    responses((status = 200, body = EnrolmentTokenInfo), (status = "default", body = Problem)))]
async fn revoke(
    State(site): App,
    by: Permit<Administrator>,
    PathId(id): PathId<EnrolmentTokenId>,
) -> Result<Json<EnrolmentTokenInfo>, Refusal> {
    super::revoke(&site, &by, id).await.map(Json)
}

/// A machine becomes a device, by the secret of a token.
#[utoipa::path(post, path = "/agent/v1/enrol", tag = "agent", request_body = EnrolRequest,
    extensions(("x-garrison-role" = json!("none"))),
    responses((status = 200, body = EnrolAnswer), (status = "default", body = Problem)))]
async fn enrol(
    State(site): App,
    peer: Option<axum::Extension<PeerIdentity>>,
    Json(request): Json<EnrolRequest>,
) -> Result<Json<EnrolAnswer>, Refusal> {
    let address = peer.map(|axum::Extension(peer)| peer.address.ip());
    super::enrol(&site, request, address).await.map(Json)
}
