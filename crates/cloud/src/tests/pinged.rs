//! Pings over the protocol.

use model::Timestamp;
use proto::problem::ProblemKind;
use serde_json::{Value, json};

use super::world::{Site, get, post, start};

const PINGS: &str = "/site/v1/pings";
const RULES: &str = "/site/v1/pings/rules";

fn hour() -> Timestamp {
    let now = Timestamp::now().millis();
    Timestamp::from_millis(now - now.rem_euclid(3_600_000))
}

fn ping(rule: &str, hits: u64) -> Value {
    json!({
        "rule": rule, "definition_type": "av", "maturity": "silent",
        "definitions": 7, "hour": hour(), "hits": hits, "devices": 1,
    })
}

#[tokio::test]
async fn a_batch_is_counted_once_however_often_it_comes() {
    let world = start().await;
    let client = Site::new().enrolled(&world, &world.first_token()).await;
    let first = json!({ "sequence": 1, "pings": [ping("A", 5), ping("A", 2), ping("B", 1)] });
    for _ in 0..3 {
        let answer = post(&client, PINGS, &first).await;
        assert_eq!(answer.ok()["counted_through"], 1);
    }
    let later = json!({ "sequence": 9, "pings": [ping("A", 10)] });
    assert_eq!(
        post(&client, PINGS, &later).await.ok()["counted_through"],
        9
    );
    assert_eq!(
        post(&client, PINGS, &first).await.ok()["counted_through"],
        9
    );
    let page = get(&client, RULES).await;
    assert_eq!(page.ok()["total"], 2);
    assert_eq!(page.ok()["items"][0]["rule"], "A");
    assert_eq!(page.ok()["items"][0]["hits"], 17);
    assert_eq!(page.ok()["items"][1]["hits"], 1);
    assert_eq!(page.ok()["items"][1]["last_hour"], json!(hour()));
}

#[tokio::test]
async fn sites_count_apart_and_are_summed_up() {
    let world = start().await;
    let token = world.token(2, None).await;
    let one = Site::new().enrolled(&world, &token).await;
    let other = Site::new().enrolled(&world, &token).await;
    let batch = json!({ "sequence": 1, "pings": [ping("A", 5)] });
    post(&one, PINGS, &batch).await.ok();
    post(&other, PINGS, &batch).await.ok();
    let page = get(&other, RULES).await;
    assert_eq!(page.ok()["items"][0]["hits"], 10);
    assert_eq!(page.ok()["items"][0]["sites"], 2);
}

#[tokio::test]
async fn a_batch_with_one_bad_ping_is_not_counted_at_all() {
    let world = start().await;
    let client = Site::new().enrolled(&world, &world.first_token()).await;
    let batch = json!({ "sequence": 1, "pings": [ping("A", 5), ping("", 5)] });
    let answer = post(&client, PINGS, &batch).await;
    let problem = answer.problem();
    assert_eq!(problem.kind(), Some(ProblemKind::Invalid));
    assert!(problem.detail.contains("pings[1].rule"), "{problem}");
    assert_eq!(get(&client, RULES).await.ok()["total"], 0);
}

#[tokio::test]
async fn pages_lead_through_the_whole_list() {
    let world = start().await;
    let client = Site::new().enrolled(&world, &world.first_token()).await;
    let names: Vec<String> = (0..7)
        .map(|number| format!("Rule \"{number}\" é&="))
        .collect();
    let pings: Vec<Value> = names.iter().rev().map(|name| ping(name, 1)).collect();
    let batch = json!({ "sequence": 1, "pings": pings });
    post(&client, PINGS, &batch).await.ok();
    let mut seen = Vec::new();
    let mut path = format!("{RULES}?limit=3");
    loop {
        let page = get(&client, &path).await;
        assert_eq!(page.ok()["total"], 7);
        let items = page.ok()["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["rule"].as_str().unwrap().to_owned()),
        );
        match page.ok()["next_cursor"].as_str() {
            Some(cursor) => path = format!("{RULES}?limit=3&cursor={cursor}"),
            None => break,
        }
        assert!(seen.len() < 10);
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn malformed_page_wishes_are_named() {
    let world = start().await;
    let client = Site::new().enrolled(&world, &world.first_token()).await;
    for (query, part) in [
        ("limit=0", "limit:"),
        ("limit=501", "limit:"),
        ("cursor=hello", "cursor:"),
        ("limits=5", "did you mean `limit`"),
    ] {
        let problem = get(&client, &format!("{RULES}?{query}")).await.problem();
        assert_eq!(problem.kind(), Some(ProblemKind::Invalid));
        assert!(problem.detail.contains(part), "{query}: {problem}");
    }
}

#[tokio::test]
async fn pings_and_sites_survive_a_restart() {
    let world = start().await;
    let site = Site::new();
    let token = world.first_token();
    let client = site.enrolled(&world, &token).await;
    let batch = json!({ "sequence": 4, "pings": [ping("A", 5)] });
    post(&client, PINGS, &batch).await.ok();
    let (folder, config) = world.stop().await;
    let running = crate::Cloud::start(config.clone()).await.unwrap();
    let world = super::world::World {
        folder,
        running,
        config,
    };
    assert_eq!(world.first_token(), token, "no second first token");
    assert_eq!(
        post(&client, PINGS, &batch).await.ok()["counted_through"],
        4
    );
    assert_eq!(get(&client, RULES).await.ok()["items"][0]["hits"], 5);
}
