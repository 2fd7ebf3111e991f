use std::time::Duration;

use axum::http::StatusCode;
use proto::agent::EnrolAnswer;
use proto::problem::ProblemKind;
use serde_json::json;
use trust::KeyPair;

use crate::stand::Stand;

#[tokio::test]
async fn an_enrolled_machine_is_listed_and_its_certificate_is_for_its_key() {
    let stand = Stand::new().await;
    let secret = stand.enrolment_secret(1, None).await;
    let key = KeyPair::generate().unwrap();
    let answer: EnrolAnswer = stand.enrol_with(&secret, &key).await.read_as();
    let certificate = trust::PeerCertificate::parse_pem(&answer.certificate).unwrap();
    assert_eq!(certificate.key_sha256, key.key_sha256());
    assert_eq!(certificate.subject, trust::Subject::Device(answer.device));
    let devices = stand.get("/api/v1/devices").await.expect(StatusCode::OK);
    assert_eq!(devices["total"], 1);
    assert_eq!(devices["items"][0]["id"], answer.device.to_string());
    assert_eq!(devices["items"][0]["standing"], "approved");
}

#[tokio::test]
async fn enrolling_again_with_the_same_key_and_secret_gives_the_same_device() {
    let stand = Stand::new().await;
    let secret = stand.enrolment_secret(1, None).await;
    let key = KeyPair::generate().unwrap();
    let first: EnrolAnswer = stand.enrol_with(&secret, &key).await.read_as();
    let again: EnrolAnswer = stand.enrol_with(&secret, &key).await.read_as();
    assert_eq!(first.device, again.device);
    let tokens = stand.get("/api/v1/enrolment-tokens").await.json();
    assert_eq!(tokens["items"][0]["uses"], 1);
}

#[tokio::test]
async fn a_token_is_refused_when_used_up_expired_revoked_or_unknown() {
    let stand = Stand::new().await;
    let used_up = stand.enrolment_secret(1, None).await;
    let fresh = || KeyPair::generate().unwrap();
    let _: EnrolAnswer = stand.enrol_with(&used_up, &fresh()).await.read_as();
    let answer = stand.enrol_with(&used_up, &fresh()).await;
    assert_eq!(answer.problem(), ProblemKind::TokenUsedUp);

    let revoked = stand.enrolment_secret(5, None).await;
    let tokens = stand.get("/api/v1/enrolment-tokens").await.json();
    let id = tokens["items"][0]["id"].as_str().unwrap();
    stand
        .post(&format!("/api/v1/enrolment-tokens/{id}/revoke"), json!({}))
        .await
        .expect(StatusCode::OK);
    let answer = stand.enrol_with(&revoked, &fresh()).await;
    assert_eq!(answer.problem(), ProblemKind::TokenRevoked);

    let expired = stand.enrolment_secret(5, None).await;
    stand.clock.advance(Duration::from_secs(3600));
    let answer = stand.enrol_with(&expired, &fresh()).await;
    assert_eq!(answer.problem(), ProblemKind::TokenExpired);

    let answer = stand.enrol_with("nonsense", &fresh()).await;
    assert_eq!(answer.problem(), ProblemKind::TokenUnknown);
}

#[tokio::test]
async fn a_key_cannot_enrol_again_by_another_token() {
    let stand = Stand::new().await;
    let key = KeyPair::generate().unwrap();
    let first = stand.enrolment_secret(1, None).await;
    let _: EnrolAnswer = stand.enrol_with(&first, &key).await.read_as();
    let second = stand.enrolment_secret(1, None).await;
    let answer = stand.enrol_with(&second, &key).await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
}

#[tokio::test]
async fn a_request_that_is_not_signed_by_its_own_key_is_refused() {
    let stand = Stand::new().await;
    let secret = stand.enrolment_secret(1, None).await;
    let mut request = proto::agent::EnrolRequest {
        secret,
        certificate_request: KeyPair::generate().unwrap().certificate_request().unwrap(),
        host: crate::stand::host("h"),
    };
    let middle = request.certificate_request.len() / 2;
    let letter = if request.certificate_request.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    request
        .certificate_request
        .replace_range(middle..=middle, letter);
    let answer = stand.agent(None, "/agent/v1/enrol", &request).await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
}

#[tokio::test]
async fn an_enrolled_device_survives_a_restart_of_the_manager() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.check_in(&stand).await;
    let stand = stand.restarted().await;
    let answer = device.check_in(&stand).await;
    assert_eq!(answer.counter, 2);
}
