use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use model::policy::PolicyDocument;
use proto::Signed;
use proto::agent::{RekeyAnswer, RenewAnswer, RenewRequest, Standing};
use proto::problem::ProblemKind;
use serde_json::json;
use trust::KeyPair;

use crate::stand::{Agent, Stand, peer};

fn policy(stand: &Stand, signed: &Signed) -> PolicyDocument {
    trust::signing::verify(
        signed,
        Signed::POLICY,
        &[stand.site.keys.signing.verifying_key()],
    )
    .unwrap()
}

#[tokio::test]
async fn a_first_check_in_brings_the_signed_policy_and_a_later_one_only_news() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    let answer = device.check_in(&stand).await;
    let document = policy(&stand, &answer.policy.unwrap());
    assert_eq!(document.policy, model::Policy::default());
    device.state.policy_revision = document.revision;
    assert!(device.check_in(&stand).await.policy.is_none());
}

#[tokio::test]
async fn a_lost_answer_is_given_again() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let first = device.try_check_in(&stand, "attempt-1").await;
    let again = device.try_check_in(&stand, "attempt-1").await;
    assert_eq!(
        first.expect(StatusCode::OK)["nonce"],
        again.expect(StatusCode::OK)["nonce"]
    );
}

#[tokio::test]
async fn a_replayed_check_in_suspends_both_and_each_becomes_a_fork() {
    let stand = Stand::new().await;
    let mut first = stand.device().await;
    first.check_in(&stand).await;
    let mut second = first.copied();
    first.check_in(&stand).await;
    let answer = second.try_check_in(&stand, "the copy's own attempt").await;
    assert_eq!(answer.problem(), ProblemKind::IdentitySuspended);
    let answer = first.try_check_in(&stand, "the original's next").await;
    assert_eq!(answer.problem(), ProblemKind::IdentitySuspended);

    let mut forks = Vec::new();
    for holder in [&mut first, &mut second] {
        let key = KeyPair::generate().unwrap();
        let request = RenewRequest {
            certificate_request: key.certificate_request().unwrap(),
        };
        let answer: RekeyAnswer = stand
            .agent(Some(&holder.peer), "/agent/v1/rekey", &request)
            .await
            .read_as();
        assert_eq!(answer.fork_of, holder.id);
        assert_eq!(answer.standing, Standing::AwaitingApproval);
        let again: RekeyAnswer = stand
            .agent(Some(&holder.peer), "/agent/v1/rekey", &request)
            .await
            .read_as();
        assert_eq!(again.device, answer.device, "the same key is the same fork");
        forks.push(Agent::new(answer.device, key, &answer.certificate));
    }
    assert_ne!(forks[0].id, forks[1].id);
    let answer = forks[0].check_in(&stand).await;
    assert_eq!(answer.standing, Standing::AwaitingApproval);
    assert!(answer.policy.is_none());

    let path = format!("/api/v1/devices/{}/approve", forks[0].id);
    stand.post(&path, json!({})).await.expect(StatusCode::OK);
    let answer = forks[0].check_in(&stand).await;
    assert_eq!(answer.standing, Standing::Approved);
    assert!(answer.policy.is_some());
    assert!(forks[1].check_in(&stand).await.policy.is_none());
}

#[tokio::test]
async fn a_fork_is_approved_by_itself_where_the_group_says_so() {
    let stand = Stand::new().await;
    let groups = stand.get("/api/v1/groups").await.json();
    let id = groups["items"][0]["id"].as_str().unwrap();
    stand
        .patch(
            &format!("/api/v1/groups/{id}"),
            json!({"approve_forks": true}),
        )
        .await
        .expect(StatusCode::OK);
    let mut first = stand.device().await;
    first.check_in(&stand).await;
    let second = first.copied();
    first.check_in(&stand).await;
    second.try_check_in(&stand, "copy").await.problem();
    let key = KeyPair::generate().unwrap();
    let request = RenewRequest {
        certificate_request: key.certificate_request().unwrap(),
    };
    let answer: RekeyAnswer = stand
        .agent(Some(&second.peer), "/agent/v1/rekey", &request)
        .await
        .read_as();
    assert_eq!(answer.standing, Standing::Approved);
}

#[tokio::test]
async fn forks_of_one_identity_are_limited() {
    let stand = Stand::new().await;
    let mut first = stand.device().await;
    first.check_in(&stand).await;
    let second = first.copied();
    first.check_in(&stand).await;
    second.try_check_in(&stand, "copy").await.problem();
    for number in 0..17 {
        let request = RenewRequest {
            certificate_request: KeyPair::generate().unwrap().certificate_request().unwrap(),
        };
        let answer = stand
            .agent(Some(&second.peer), "/agent/v1/rekey", &request)
            .await;
        if number < 16 {
            answer.expect(StatusCode::OK);
        } else {
            assert_eq!(answer.problem(), ProblemKind::TooMany);
        }
    }
}

#[tokio::test]
async fn two_holders_that_check_in_at_the_same_moment_are_noticed() {
    let stand = Stand::new().await;
    let mut first = stand.device().await;
    first.check_in(&stand).await;
    let second = first.copied();
    let (left, right) = tokio::join!(
        first.try_check_in(&stand, "left"),
        second.try_check_in(&stand, "right")
    );
    let refused = [&left, &right]
        .iter()
        .filter(|answer| answer.status == StatusCode::CONFLICT)
        .count();
    assert!(refused >= 1, "{left:?} {right:?}");
    assert_eq!(
        first.try_check_in(&stand, "later").await.problem(),
        ProblemKind::IdentitySuspended
    );
}

#[tokio::test]
async fn a_nonce_that_is_none_of_ours_is_refused_and_suspends_nobody() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.check_in(&stand).await;
    let mut liar = device.copied();
    liar.nonce = "guessed".to_owned();
    let answer = liar.try_check_in(&stand, "liar").await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
    device.check_in(&stand).await;
}

#[tokio::test]
async fn a_manager_that_was_put_back_accepts_a_device_that_is_ahead() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.check_in(&stand).await;
    let copy = stand.folder.path().join("backup.db");
    stand.site.database.backup(&copy).await.unwrap();
    for _ in 0..3 {
        device.check_in(&stand).await;
    }
    stand.site.database.close().await;
    let data = stand.folder.path().join("manager/garrison.db");
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", data.display()));
    }
    std::fs::copy(&copy, &data).unwrap();
    let stand = stand.restarted().await;
    assert_eq!(device.check_in(&stand).await.counter, 5);
}

#[tokio::test]
async fn a_revoked_device_is_refused_at_once_and_its_stream_ends() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.check_in(&stand).await;
    let request = || {
        Request::builder()
            .method(Method::GET)
            .uri("/agent/v1/notifications")
            .body(Body::empty())
            .unwrap()
    };
    let stream = stand.send_agent(Some(&device.peer), request()).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut body = stream.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&first[..], b"{\"say\":\"still_here\"}\n");
    let shown = stand.get(&format!("/api/v1/devices/{}", device.id)).await;
    assert_eq!(shown.json()["connected"], true);

    let path = format!("/api/v1/devices/{}/revoke", device.id);
    let revoked = stand.post(&path, json!({})).await.expect(StatusCode::OK);
    assert_eq!(revoked["standing"], "revoked");
    let rest = tokio::time::timeout(Duration::from_secs(10), body.collect())
        .await
        .expect("the stream ends")
        .unwrap()
        .to_bytes();
    assert!(rest.is_empty());
    let answer = device.try_check_in(&stand, "later").await;
    assert_eq!(answer.problem(), ProblemKind::DeviceRevoked);
    let renewal = RenewRequest {
        certificate_request: device.key.certificate_request().unwrap(),
    };
    for path in ["/agent/v1/renew", "/agent/v1/rekey"] {
        let answer = stand.agent(Some(&device.peer), path, &renewal).await;
        assert_eq!(answer.problem(), ProblemKind::DeviceRevoked, "{path}");
    }
    let stand = stand.restarted().await;
    let answer = stand.send_agent(Some(&device.peer), request()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_moved_device_gets_a_newer_policy_and_a_changed_policy_again_a_newer_one() {
    let stand = Stand::new().await;
    let strict = stand
        .post(
            "/api/v1/policies",
            json!({"name": "Strict", "policy": {"check_in_seconds": 10}}),
        )
        .await
        .expect(StatusCode::CREATED);
    let group = stand
        .post(
            "/api/v1/groups",
            json!({"name": "Servers", "policy": strict["id"]}),
        )
        .await
        .expect(StatusCode::CREATED);
    // The first group's policy becomes newer than the second's.
    let default = stand.get("/api/v1/policies").await.json()["items"][0].clone();
    stand
        .put(
            &format!("/api/v1/policies/{}", default["id"].as_str().unwrap()),
            json!({"name": "Default", "policy": {}, "based_on": default["revision"]}),
        )
        .await
        .expect(StatusCode::OK);
    let mut device = stand.device().await;
    let before = policy(&stand, &device.check_in(&stand).await.policy.unwrap());
    device.state.policy_revision = before.revision;
    stand
        .patch(
            &format!("/api/v1/devices/{}", device.id),
            json!({"group": group["id"]}),
        )
        .await
        .expect(StatusCode::OK);
    let moved = policy(&stand, &device.check_in(&stand).await.policy.unwrap());
    assert!(moved.revision > before.revision);
    assert_eq!(moved.policy.check_in_seconds, 10);
    device.state.policy_revision = moved.revision;
    assert!(device.check_in(&stand).await.policy.is_none());
    stand
        .put(
            &format!("/api/v1/policies/{}", strict["id"].as_str().unwrap()),
            json!({"name": "Strict", "policy": {"check_in_seconds": 20},
                "based_on": strict["revision"]}),
        )
        .await
        .expect(StatusCode::OK);
    let changed = policy(&stand, &device.check_in(&stand).await.policy.unwrap());
    assert!(changed.revision > moved.revision);
    assert_eq!(changed.policy.check_in_seconds, 20);
}

#[tokio::test]
async fn a_device_that_knows_a_later_revision_than_the_manager_still_hears_of_changes() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.state.policy_revision = 500;
    let answer = device.check_in(&stand).await;
    let document = policy(&stand, &answer.policy.unwrap());
    assert!(document.revision > 500);
}

#[tokio::test]
async fn a_renewed_key_and_the_old_one_are_good_until_the_new_one_is_used() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.check_in(&stand).await;
    let key = KeyPair::generate().unwrap();
    let request = RenewRequest {
        certificate_request: key.certificate_request().unwrap(),
    };
    let answer: RenewAnswer = stand
        .agent(Some(&device.peer), "/agent/v1/renew", &request)
        .await
        .read_as();
    device.check_in(&stand).await;
    let old = device.peer.clone();
    device.peer = peer(&answer.certificate);
    device.check_in(&stand).await;
    let refused = stand
        .agent(Some(&old), "/agent/v1/check-in", &device.request("old key"))
        .await;
    assert_eq!(refused.problem(), ProblemKind::Unauthenticated);
    let stand = stand.restarted().await;
    device.check_in(&stand).await;
}

#[tokio::test]
async fn a_certificate_is_to_be_renewed_when_half_of_its_life_is_over() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    assert!(!device.check_in(&stand).await.renew_certificate);
    stand.clock.advance(Duration::from_secs(16 * 86_400));
    assert!(device.check_in(&stand).await.renew_certificate);
}

#[tokio::test]
async fn a_request_to_check_in_reaches_the_stream_and_many_are_one() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let request = Request::builder()
        .uri("/agent/v1/notifications")
        .body(Body::empty())
        .unwrap();
    let mut body = stand
        .send_agent(Some(&device.peer), request)
        .await
        .into_body();
    body.frame().await.unwrap().unwrap();
    let path = format!("/api/v1/devices/{}/check-in", device.id);
    for _ in 0..50 {
        let shown = stand.post(&path, json!({})).await.expect(StatusCode::OK);
        assert_eq!(shown["connected"], true);
    }
    let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&line[..], b"{\"say\":\"check_in\"}\n");
    drop(body);
    let shown = stand.get(&format!("/api/v1/devices/{}", device.id)).await;
    assert_eq!(shown.json()["connected"], false);
}

#[tokio::test]
async fn a_state_without_bounds_is_refused() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    device.state.host.hostname = "h".repeat(2000);
    let answer = device.try_check_in(&stand, "a").await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    assert!(answer.detail().contains("hostname"));
}
