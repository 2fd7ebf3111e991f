//! The routes of pings.

use axum::extract::State;
use model::Timestamp;
use proto::site::{PingBatch, PingReceipt, RulePings};
use proto::{Page, Problem};
use serde::Deserialize;

use crate::caller::CallerSite;
use crate::refusal::Refusal;
use crate::state::CloudState;
use crate::web::{Json, Query};

/// Which page of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Items on the page: 1 to 500, 50 when not said.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Counts a batch of pings. A batch that comes again is counted once.
#[utoipa::path(
    post,
    path = "/site/v1/pings",
    tag = "pings",
    request_body = PingBatch,
    responses(
        (status = 200, body = PingReceipt),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("site_certificate" = []))
)]
pub(crate) async fn count(
    State(state): State<CloudState>,
    CallerSite(site): CallerSite,
    Json(batch): Json<PingBatch>,
) -> Result<Json<PingReceipt>, Refusal> {
    super::count(&state, site, batch, Timestamp::now())
        .await
        .map(Json)
}

/// What is known of each rule over all sites, ordered by name.
#[utoipa::path(
    get,
    path = "/site/v1/pings/rules",
    tag = "pings",
    params(PageQuery),
    responses(
        (status = 200, body = Page<RulePings>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("site_certificate" = []))
)]
pub(crate) async fn rules(
    State(state): State<CloudState>,
    _caller: CallerSite,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<RulePings>>, Refusal> {
    super::rule_list(&state, page.limit, page.cursor.as_deref())
        .await
        .map(Json)
}
