use std::time::Duration;

use axum::http::StatusCode;
use manager::Manager;
use serde_json::json;

use crate::events::{Spool, deliver, finding};
use crate::stand::Stand;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_command_that_nobody_came_for_expires_and_what_it_was_about_says_so() {
    let stand = Stand::new().await;
    let mut device = stand.device().await;
    let batch = Spool::new("a").batch(vec![finding("/srv/x", None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let list = stand.get("/api/v1/detections").await.json();
    let detection = format!(
        "/api/v1/detections/{}",
        list["items"][0]["id"].as_str().unwrap()
    );
    stand
        .post(&format!("{detection}/quarantine"), json!({}))
        .await
        .expect(StatusCode::ACCEPTED);
    let scan = stand
        .post(
            "/api/v1/scans",
            json!({"devices": [device.id], "group": null, "paths": ["/srv"]}),
        )
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(device.check_in(&stand).await.commands.len(), 2);
    stand.clock.advance(DAY);
    assert!(device.check_in(&stand).await.commands.is_empty());
    Manager::upkeep(&stand.site).await.unwrap();
    let detection = stand.get(&detection).await.json();
    assert_eq!(detection["file"], "in_place");
    assert!(
        detection["last_failure"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
    let path = format!("/api/v1/scans/{}", scan["id"].as_str().unwrap());
    let scan = stand.get(&path).await.json();
    assert_eq!(scan["devices"][0]["state"], "expired");
}

#[tokio::test]
async fn events_leave_after_their_days_and_detections_stay() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let mut spool = Spool::new("a");
    let batch = spool.batch(vec![finding("/srv/x", None)]);
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    let kept = async || -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM event")
            .fetch_one(stand.site.database.read())
            .await
            .unwrap()
    };
    Manager::upkeep(&stand.site).await.unwrap();
    assert_eq!(kept().await, 1);
    stand.clock.advance(DAY * 31);
    Manager::upkeep(&stand.site).await.unwrap();
    assert_eq!(kept().await, 0);
    assert_eq!(
        sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM detection")
            .fetch_one(stand.site.database.read())
            .await
            .unwrap(),
        1
    );
    // The mark of how far the spool was taken stays: the event still counts once.
    deliver(&stand, &device, &batch)
        .await
        .expect(StatusCode::OK);
    assert_eq!(kept().await, 0);
}

#[tokio::test]
async fn commands_for_one_device_are_limited() {
    let stand = Stand::new().await;
    let device = stand.device().await;
    let ask = async || {
        stand
            .post(
                "/api/v1/scans",
                json!({"devices": [device.id], "group": null, "paths": ["/srv"]}),
            )
            .await
    };
    for _ in 0..100 {
        ask().await.expect(StatusCode::ACCEPTED);
    }
    assert_eq!(ask().await.problem(), proto::problem::ProblemKind::TooMany);
}
