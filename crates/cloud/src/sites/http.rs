//! The routes of sites.

use axum::extract::State;
use model::Timestamp;
use proto::Problem;
use proto::agent::{RenewAnswer, RenewRequest};
use proto::site::{SiteEnrolAnswer, SiteEnrolRequest};

use crate::caller::CallerSite;
use crate::refusal::Refusal;
use crate::state::CloudState;
use crate::web::Json;

/// Takes a site in. The same secret, key and site give the same answer again.
#[utoipa::path(
    post,
    path = "/site/v1/enrol",
    tag = "sites",
    request_body = SiteEnrolRequest,
    responses(
        (status = 200, body = SiteEnrolAnswer),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn enrol(
    State(state): State<CloudState>,
    Json(request): Json<SiteEnrolRequest>,
) -> Result<Json<SiteEnrolAnswer>, Refusal> {
    super::enrol(&state, request, Timestamp::now())
        .await
        .map(Json)
}

/// Gives an enrolled site a new certificate, for the same key or a new one.
#[utoipa::path(
    post,
    path = "/site/v1/renew",
    tag = "sites",
    request_body = RenewRequest,
    responses(
        (status = 200, body = RenewAnswer),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("site_certificate" = []))
)]
pub(crate) async fn renew(
    State(state): State<CloudState>,
    CallerSite(site): CallerSite,
    Json(request): Json<RenewRequest>,
) -> Result<Json<RenewAnswer>, Refusal> {
    super::renew(&state, site, request, Timestamp::now())
        .await
        .map(Json)
}
