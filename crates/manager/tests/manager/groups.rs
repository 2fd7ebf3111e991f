use axum::http::StatusCode;
use proto::problem::ProblemKind;
use serde_json::json;

use crate::stand::Stand;

#[tokio::test]
async fn a_change_based_on_a_stale_revision_conflicts() {
    let stand = Stand::new().await;
    let policy = stand
        .post("/api/v1/policies", json!({"name": "P", "policy": {}}))
        .await
        .expect(StatusCode::CREATED);
    let path = format!("/api/v1/policies/{}", policy["id"].as_str().unwrap());
    let change = |revision: &serde_json::Value| json!({"name": "P", "policy": {"max_file_seconds": 5}, "based_on": revision});
    let changed = stand
        .put(&path, change(&policy["revision"]))
        .await
        .expect(StatusCode::OK);
    assert!(changed["revision"].as_u64() > policy["revision"].as_u64());
    let answer = stand.put(&path, change(&policy["revision"])).await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
    let answer = stand.put(&path, json!({"name": "P", "policy": {}})).await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
}

#[tokio::test]
async fn a_policy_value_outside_its_range_names_field_and_range() {
    let stand = Stand::new().await;
    let answer = stand
        .post(
            "/api/v1/policies",
            json!({"name": "P", "policy": {"check_in_seconds": 0}}),
        )
        .await;
    assert_eq!(answer.problem(), ProblemKind::Invalid);
    assert!(
        answer
            .detail()
            .contains("check_in_seconds: expected 1 to 86400")
    );
}

#[tokio::test]
async fn what_is_in_use_or_the_default_is_not_removed() {
    let stand = Stand::new().await;
    let policy = stand
        .post("/api/v1/policies", json!({"name": "P", "policy": {}}))
        .await
        .expect(StatusCode::CREATED);
    let policy_path = format!("/api/v1/policies/{}", policy["id"].as_str().unwrap());
    let group = stand
        .post(
            "/api/v1/groups",
            json!({"name": "G", "policy": policy["id"]}),
        )
        .await
        .expect(StatusCode::CREATED);
    let group_id = model::GroupId::parse(group["id"].as_str().unwrap()).unwrap();
    let group_path = format!("/api/v1/groups/{group_id}");
    stand.device_in(Some(group_id)).await;
    for path in [&policy_path, &group_path] {
        assert_eq!(
            stand.delete(path).await.problem(),
            ProblemKind::Conflict,
            "{path}"
        );
    }
    let groups = stand.get("/api/v1/groups").await.json();
    let default = groups["items"][0]["id"].as_str().unwrap();
    let answer = stand.delete(&format!("/api/v1/groups/{default}")).await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
    let empty = stand
        .post("/api/v1/groups", json!({"name": "Empty"}))
        .await
        .expect(StatusCode::CREATED);
    let path = format!("/api/v1/groups/{}", empty["id"].as_str().unwrap());
    assert_eq!(stand.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(stand.get(&path).await.problem(), ProblemKind::NotFound);
}

#[tokio::test]
async fn a_group_of_an_unknown_policy_or_a_taken_name_is_refused() {
    let stand = Stand::new().await;
    let answer = stand
        .post(
            "/api/v1/groups",
            json!({"name": "G", "policy": "019aa6d2-7a30-7c51-9d0e-3f5a86b1c001"}),
        )
        .await;
    assert_eq!(answer.problem(), ProblemKind::NotFound);
    let answer = stand
        .post("/api/v1/groups", json!({"name": "Default"}))
        .await;
    assert_eq!(answer.problem(), ProblemKind::Conflict);
}

#[tokio::test]
async fn devices_are_listed_by_name_a_page_at_a_time_and_filtered() {
    let stand = Stand::new().await;
    let mut devices = Vec::new();
    for number in 0..5 {
        let mut device = stand.device().await;
        device.state.host.hostname = format!("host-{}", 4 - number);
        device.check_in(&stand).await;
        devices.push(device);
    }
    let first = stand
        .get("/api/v1/devices?limit=3")
        .await
        .expect(StatusCode::OK);
    let names = |page: &serde_json::Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["hostname"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["host-0", "host-1", "host-2"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = stand
        .get(&format!("/api/v1/devices?limit=3&cursor={cursor}"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(names(&second), ["host-3", "host-4"]);
    assert!(second["next_cursor"].is_null());
    for (query, count) in [
        ("search=HOST-3", 1),
        ("standing=revoked", 0),
        ("connected=true", 0),
        ("connected=false&sort=last_seen", 5),
    ] {
        let page = stand.get(&format!("/api/v1/devices?{query}")).await;
        assert_eq!(page.expect(StatusCode::OK)["total"], count, "{query}");
    }
}
