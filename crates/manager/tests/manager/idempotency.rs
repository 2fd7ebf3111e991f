use std::time::Duration;

use axum::http::{Method, StatusCode};
use proto::problem::ProblemKind;
use serde_json::{Value, json};

use crate::stand::{Answer, Stand};

async fn create(stand: &Stand, token: &str, key: &str, body: Value) -> Answer {
    stand
        .api_with(
            Some(token),
            Method::POST,
            "/api/v1/api-tokens",
            Some(body),
            &[("idempotency-key", key)],
        )
        .await
}

fn body(name: &str) -> Value {
    json!({"name": name, "role": "viewer", "valid_seconds": 3600})
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_answer_and_does_nothing_twice_also_after_a_restart() {
    let stand = Stand::new().await;
    let first = create(&stand, &stand.token, "k1", body("a")).await;
    let again = create(&stand, &stand.token, "k1", body("a")).await;
    assert_eq!(
        first.expect(StatusCode::CREATED),
        again.expect(StatusCode::CREATED)
    );
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let stand = stand.restarted().await;
    let later = create(&stand, &stand.token, "k1", body("a")).await;
    assert_eq!(first.json(), later.expect(StatusCode::CREATED));
    let tokens = stand.get("/api/v1/api-tokens").await.json();
    assert_eq!(tokens["total"], 2, "the local one and ours");
}

#[tokio::test]
async fn a_key_with_another_body_conflicts() {
    let stand = Stand::new().await;
    create(&stand, &stand.token, "k1", body("a"))
        .await
        .expect(StatusCode::CREATED);
    let answer = create(&stand, &stand.token, "k1", body("b")).await;
    assert_eq!(answer.problem(), ProblemKind::IdempotencyMismatch);
}

#[tokio::test]
async fn keys_of_different_callers_are_different() {
    let stand = Stand::new().await;
    let other = stand.token_of("administrator").await;
    let first = create(&stand, &stand.token, "k1", body("a")).await;
    let second = create(&stand, &other, "k1", body("a")).await;
    assert_ne!(
        first.expect(StatusCode::CREATED),
        second.expect(StatusCode::CREATED)
    );
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day_and_a_kept_secret_is_not_readable_in_the_database() {
    let stand = Stand::new().await;
    let first = create(&stand, &stand.token, "k1", body("a")).await;
    let text = first.expect(StatusCode::CREATED)["text"]
        .as_str()
        .unwrap()
        .to_owned();
    let kept: String = sqlx::query_scalar("SELECT answer FROM idempotency")
        .fetch_one(stand.site.database.read())
        .await
        .unwrap();
    assert!(!kept.contains(&text));
    stand.clock.advance(Duration::from_secs(24 * 3600));
    let later = create(&stand, &stand.token, "k1", body("a")).await;
    assert_ne!(first.json(), later.expect(StatusCode::CREATED));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let stand = Stand::new().await;
    let long = "k".repeat(129);
    for key in ["", "a b", long.as_str()] {
        let answer = create(&stand, &stand.token, key, body("a")).await;
        assert_eq!(answer.problem(), ProblemKind::Invalid, "{key:?}");
    }
    let answer = create(&stand, "garrison-api-1.wrong", "k", body("a")).await;
    assert_eq!(answer.problem(), ProblemKind::Unauthenticated);
}

#[tokio::test]
async fn a_refused_request_is_refused_again_by_the_same_key() {
    let stand = Stand::new().await;
    let bad = json!({"name": "", "role": "viewer", "valid_seconds": 3600});
    let first = create(&stand, &stand.token, "k1", bad.clone()).await;
    assert_eq!(first.problem(), ProblemKind::Invalid);
    let again = create(&stand, &stand.token, "k1", bad).await;
    assert_eq!(first.json(), again.json());
}
