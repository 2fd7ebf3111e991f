//! Routes of the overview, of health and of oneself.

use std::sync::Arc;

use axum::extract::State;
use proto::Problem;
use proto::api::access::Myself;
use proto::api::{Health, Overview};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::Json;

type App = State<Arc<Site>>;

/// Routes of the API.
pub(crate) fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(myself))
        .routes(routes!(overview))
}

/// Whether the manager can work. Needs no credential, and says nothing of the site.
#[utoipa::path(get, path = "/health", tag = "overview",
    extensions(("x-garrison-role" = json!("none"))),
    responses((status = 200, body = Health), (status = "default", body = Problem)))]
async fn health(State(site): App) -> Json<Health> {
    let reads: Result<i64, _> = sqlx::query_scalar("SELECT 1")
        .fetch_one(site.database.read())
        .await;
    Json(Health {
        service: "manager".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ready: reads.is_ok(),
        time: site.now(),
    })
}

/// The caller.
#[utoipa::path(get, path = "/api/v1/me", tag = "overview",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Myself), (status = "default", body = Problem)))]
async fn myself(by: Permit<Viewer>) -> Json<Myself> {
    Json(Myself {
        name: by.name.clone(),
        role: by.role,
        user: by.user,
    })
}

/// The answers to "are we protected, what needs me now".
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview",
    extensions(("x-garrison-role" = json!("viewer"))),
    responses((status = 200, body = Overview), (status = "default", body = Problem)))]
async fn overview(State(site): App, by: Permit<Viewer>) -> Result<Json<Overview>, Refusal> {
    super::read(&site, &by).await.map(Json)
}
