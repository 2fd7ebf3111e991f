//! Who is asked to check, and answers.

use model::event::CommandOutcome;
use model::policy::Action;

use super::*;
use crate::events::command;

#[tokio::test]
async fn who_is_asked_to_check_is_asked_once_and_answers_with_a_report() {
    let stand = Stand::new().await;
    let mut reporter = Reporter::new(&stand).await;
    let new = json!({"devices": [reporter.id()]});
    let ask = || stand.post("/api/v1/connections/checks", new.clone());
    let asked = ask().await.expect(StatusCode::ACCEPTED);
    assert_eq!(
        (&asked["devices"], &asked["already"]),
        (&json!(1), &json!(0))
    );
    let again = ask().await.expect(StatusCode::ACCEPTED);
    assert_eq!(
        (&again["devices"], &again["already"]),
        (&json!(1), &json!(1))
    );
    let commands = reporter.agent.check_in(&stand).await.commands;
    assert_eq!(commands.len(), 1, "one command, however often it is asked");
    let document = command(&stand, &commands[0]);
    assert_eq!(document.action, Action::CheckNetwork);
    assert_eq!(document.device, reporter.id());

    let mut found = report(START, vec![inspected(START)]);
    found.trigger = Trigger::Asked;
    reporter.report(&stand, found).await;
    let body = EventBody::CommandResult {
        command: document.id,
        outcome: CommandOutcome::Done,
    };
    let batch = reporter.spool.batch(vec![body]);
    deliver(&stand, &reporter.agent, &batch)
        .await
        .expect(StatusCode::OK);
    let state = reporter.state(&stand).await;
    assert_eq!(
        (&state["trigger"], &state["state"]),
        (&json!("asked"), &json!("broken"))
    );
    assert!(reporter.agent.check_in(&stand).await.commands.is_empty());
    let third = ask().await.expect(StatusCode::ACCEPTED);
    assert_eq!(third["already"], 0);
}

#[tokio::test]
async fn a_group_is_asked_to_check_as_a_whole_and_nobody_at_all_is_refused() {
    let stand = Stand::new().await;
    let policy = stand.get("/api/v1/policies").await.json()["items"][0]["id"].clone();
    let group = stand
        .post("/api/v1/groups", json!({"name": "Lyon", "policy": policy}))
        .await
        .expect(StatusCode::CREATED);
    let lyon: GroupId = group["id"].as_str().unwrap().parse().unwrap();
    let mut inside = Reporter::of_group(&stand, Some(lyon)).await;
    let mut outside = Reporter::new(&stand).await;
    let path = "/api/v1/connections/checks";
    let asked = stand
        .post(path, json!({"group": lyon}))
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(asked["devices"], 1);
    assert_eq!(inside.agent.check_in(&stand).await.commands.len(), 1);
    assert!(outside.agent.check_in(&stand).await.commands.is_empty());
    for wrong in [
        json!({}),
        json!({"devices": []}),
        json!({"devices": [inside.id()], "group": lyon}),
    ] {
        let answer = stand.post(path, wrong.clone()).await;
        assert_eq!(answer.problem(), ProblemKind::Invalid, "{wrong}");
    }
    let nobody = json!({"devices": [DeviceId::generate()]});
    assert_eq!(
        stand.post(path, nobody).await.problem(),
        ProblemKind::NotFound
    );
}
