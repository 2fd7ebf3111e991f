use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use manager::access;
use proto::problem::ProblemKind;
use serde_json::json;

use crate::stand::Stand;

const PASSWORD: &str = "correct horse battery";

async fn user(stand: &Stand, name: &str, role: &str) -> String {
    let made = stand
        .post(
            "/api/v1/users",
            json!({"name": name, "role": role, "password": PASSWORD}),
        )
        .await
        .expect(StatusCode::CREATED);
    made["id"].as_str().unwrap().to_owned()
}

async fn sign_in(
    stand: &Stand,
    name: &str,
    password: &str,
) -> Result<access::SignedIn, ProblemKind> {
    access::sign_in(&stand.site, name, password, None)
        .await
        .map_err(|refusal| refusal.kind())
}

async fn is_good(stand: &Stand, token: &str) -> bool {
    access::session(&stand.site, token, None)
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn the_first_administrator_signs_in_with_the_password_of_the_file() {
    let stand = Stand::new().await;
    let file = stand.folder.path().join("manager/first-password");
    let password = std::fs::read_to_string(&file).unwrap();
    let signed_in = sign_in(&stand, "admin", password.trim()).await.unwrap();
    let session = access::session(&stand.site, &signed_in.token, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.caller.name, "admin");
    assert_eq!(session.csrf, access::csrf_token(&signed_in.token));
    assert_ne!(session.csrf, signed_in.token);
    use std::os::unix::fs::PermissionsExt as _;
    for name in [
        "first-password",
        "local-api-token",
        "ca.key",
        "site.key",
        "chain.key",
    ] {
        let path = stand.folder.path().join("manager").join(name);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_session_ends_by_sign_out_idleness_and_age() {
    let stand = Stand::new().await;
    user(&stand, "ada", "operator").await;
    let one = sign_in(&stand, "ada", PASSWORD).await.unwrap();
    access::sign_out(&stand.site, &one.token, &one.caller)
        .await
        .unwrap();
    assert!(!is_good(&stand, &one.token).await);
    let two = sign_in(&stand, "ada", PASSWORD).await.unwrap();
    stand.clock.advance(Duration::from_secs(3599));
    assert!(is_good(&stand, &two.token).await);
    stand.clock.advance(Duration::from_secs(3600));
    assert!(!is_good(&stand, &two.token).await);
    let three = sign_in(&stand, "ada", PASSWORD).await.unwrap();
    for _ in 0..23 {
        stand.clock.advance(Duration::from_secs(1800));
        assert!(is_good(&stand, &three.token).await);
    }
    stand.clock.advance(Duration::from_secs(1800));
    assert!(!is_good(&stand, &three.token).await);
}

#[tokio::test]
async fn a_changed_or_disabled_account_loses_its_sessions() {
    let stand = Stand::new().await;
    let id = user(&stand, "ada", "operator").await;
    let signed_in = sign_in(&stand, "ada", PASSWORD).await.unwrap();
    stand
        .patch(&format!("/api/v1/users/{id}"), json!({"disabled": true}))
        .await
        .expect(StatusCode::OK);
    assert!(!is_good(&stand, &signed_in.token).await);
    assert_eq!(
        sign_in(&stand, "ada", PASSWORD).await.err(),
        Some(ProblemKind::Unauthenticated)
    );
}

#[tokio::test]
async fn guessing_is_slowed_down_and_written_down() {
    let stand = Stand::new().await;
    user(&stand, "ada", "viewer").await;
    for _ in 0..10 {
        assert_eq!(
            sign_in(&stand, "ada", "wrong password").await.err(),
            Some(ProblemKind::Unauthenticated)
        );
    }
    assert_eq!(
        sign_in(&stand, "ada", PASSWORD).await.err(),
        Some(ProblemKind::TooMany)
    );
    stand.clock.advance(Duration::from_secs(901));
    assert!(sign_in(&stand, "ada", PASSWORD).await.is_ok());
    let audit = stand
        .get("/api/v1/audit?action=sign_in.failed")
        .await
        .expect(StatusCode::OK);
    assert_eq!(audit["total"], 10);
    let text = audit.to_string();
    assert!(!text.contains("wrong password"));
}

#[tokio::test]
async fn the_last_administrator_cannot_be_removed_disabled_or_made_small() {
    let stand = Stand::new().await;
    let users = stand.get("/api/v1/users").await.json();
    let id = users["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/users/{id}");
    assert_eq!(stand.delete(&path).await.problem(), ProblemKind::Conflict);
    for change in [json!({"disabled": true}), json!({"role": "viewer"})] {
        let answer = stand.patch(&path, change).await;
        assert_eq!(answer.problem(), ProblemKind::Conflict);
    }
    user(&stand, "ada", "administrator").await;
    let answer = stand.delete(&path).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_api_token_is_refused_once_revoked_or_expired() {
    let stand = Stand::new().await;
    let token = stand.token_of("viewer").await;
    let me = |token: String| {
        let stand = &stand;
        async move {
            stand
                .api(Some(&token), Method::GET, "/api/v1/me", None)
                .await
        }
    };
    assert_eq!(
        me(token.clone()).await.expect(StatusCode::OK)["role"],
        "viewer"
    );
    let list = stand.get("/api/v1/api-tokens").await.json();
    assert!(!list.to_string().contains(&token[20..]));
    let id = list["items"][0]["id"].as_str().unwrap();
    stand
        .post(&format!("/api/v1/api-tokens/{id}/revoke"), json!({}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(me(token).await.problem(), ProblemKind::Unauthenticated);
    let token = stand.token_of("viewer").await;
    stand.clock.advance(Duration::from_secs(86_400));
    assert_eq!(me(token).await.problem(), ProblemKind::Unauthenticated);
}

#[tokio::test]
async fn names_and_passwords_outside_their_form_are_refused_without_being_repeated() {
    let stand = Stand::new().await;
    let answer = stand
        .post(
            "/api/v1/users",
            json!({"name": "ada", "role": "viewer", "password": "hunter2"}),
        )
        .await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    assert!(!answer.detail().contains("hunter2"));
    user(&stand, "ada", "viewer").await;
    let answer = stand
        .post(
            "/api/v1/users",
            json!({"name": "ada", "role": "viewer", "password": PASSWORD}),
        )
        .await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
}

#[tokio::test]
async fn bad_requests_have_problems_that_name_the_field() {
    let stand = Stand::new().await;
    let answer = stand.post("/api/v1/groups", json!({"nam": "x"})).await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    assert!(
        answer.detail().contains("did you mean `name`"),
        "{}",
        answer.detail()
    );
    let answer = stand.get("/api/v1/devices?limit=0").await;
    assert!(answer.detail().contains("limit"));
    let answer = stand.get("/api/v1/devices?standin=approved").await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    assert!(
        answer.detail().contains("did you mean `standing`"),
        "{}",
        answer.detail()
    );
    let answer = stand.get("/api/v1/devices/lyon").await;
    assert!(answer.detail().contains("\"lyon\""));
    let answer = stand.get("/api/v1/nothing").await;
    assert_eq!(answer.problem(), ProblemKind::NotFound);
    let answer = stand.delete("/api/v1/devices").await;
    assert_eq!(answer.problem(), ProblemKind::MethodNotAllowed);
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/groups")
        .header("authorization", format!("Bearer {}", stand.token))
        .header("content-type", "text/plain")
        .body(axum::body::Body::from("{}"))
        .unwrap();
    let answer = stand.send_api(request).await;
    assert_eq!(answer.problem(), ProblemKind::UnsupportedMedia);
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/groups")
        .header("authorization", format!("Bearer {}", stand.token))
        .header("content-type", "application/json")
        .body(axum::body::Body::from(vec![b' '; (1 << 20) + 1]))
        .unwrap();
    let answer = stand.send_api(request).await;
    assert_eq!(answer.problem(), ProblemKind::TooLarge);
}
