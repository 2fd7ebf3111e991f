//! Whether the cloud can work.

use axum::extract::State;
use model::Timestamp;
use proto::api::Health;

use crate::state::CloudState;
use crate::web::Json;

/// Whether the cloud can work. Needs no credential.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn health(State(state): State<CloudState>) -> Json<Health> {
    let answered: Result<i64, sqlx::Error> = sqlx::query_scalar("SELECT 1")
        .fetch_one(state.database().read())
        .await;
    Json(Health {
        service: "cloud".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ready: answered.is_ok(),
        time: Timestamp::now(),
    })
}
