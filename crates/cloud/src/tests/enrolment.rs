//! How sites become and stay sites.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use axum::http::Method;
use model::Timestamp;
use proto::problem::ProblemKind;
use serde_json::json;
use trust::KeyPair;

use super::world::{Site, get, identity, post, read_token, send, start};
use crate::{NewToken, TokenError, new_token};

const RULES: &str = "/site/v1/pings/rules";

#[tokio::test]
async fn the_first_start_leaves_a_token_that_one_site_can_use() {
    let world = start().await;
    let path = world.path("first-site-token");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let token = world.first_token();
    assert_eq!(token.group, "sites");
    let address = world.running.addresses().values().next().unwrap();
    assert_eq!(token.addresses, [address.to_string()]);
    let client = Site::new().enrolled(&world, &token).await;
    get(&client, RULES).await.ok();
    let second = Site::new().enrol(&world, &token).await;
    assert_eq!(second.kind(), ProblemKind::TokenUsedUp);
}

#[tokio::test]
async fn the_first_token_follows_the_cloud_to_another_address() {
    let world = start().await;
    let before = world.first_token();
    let (folder, config) = world.stop().await;
    let config = crate::Config {
        bind: super::world::own_address(),
        ..config
    };
    let running = crate::Cloud::start(config.clone()).await.unwrap();
    let world = super::world::World {
        folder,
        running,
        config,
    };
    let after = world.first_token();
    assert_eq!(after.secret, before.secret);
    assert_ne!(after.addresses, before.addresses);
    let client = Site::new().enrolled(&world, &after).await;
    get(&client, RULES).await.ok();
}

#[tokio::test]
async fn a_lost_answer_to_an_enrolment_costs_nothing() {
    let world = start().await;
    let token = world.first_token();
    let site = Site::new();
    for _ in 0..3 {
        let client = site.enrolled(&world, &token).await;
        get(&client, RULES).await.ok();
    }
}

#[tokio::test]
async fn tokens_that_are_wrong_expired_or_used_up_are_told_apart() {
    let world = start().await;
    let mut wrong = world.first_token();
    wrong.secret = trust::secret::random_text().unwrap();
    let answer = Site::new().enrol(&world, &wrong).await;
    assert_eq!(answer.kind(), ProblemKind::TokenUnknown);
    assert!(!answer.body.to_string().contains(&wrong.secret));

    let wishes = NewToken {
        file: world.folder.path().join("old"),
        uses: 5,
        lifetime: Duration::from_secs(3600),
        replaces: None,
    };
    let yesterday = Timestamp::now().minus(Duration::from_secs(86_400));
    let made = new_token(&world.config.folder, wishes, yesterday)
        .await
        .unwrap();
    let answer = Site::new().enrol(&world, &read_token(&made.file)).await;
    assert_eq!(answer.kind(), ProblemKind::TokenExpired);

    let twice = world.token(2, None).await;
    Site::new().enrol(&world, &twice).await.ok();
    Site::new().enrol(&world, &twice).await.ok();
    let answer = Site::new().enrol(&world, &twice).await;
    assert_eq!(answer.kind(), ProblemKind::TokenUsedUp);
}

#[tokio::test]
async fn requests_that_prove_no_key_are_refused() {
    let world = start().await;
    let token = world.first_token();
    for certificate_request in ["", "hello", &KeyPair::generate().unwrap().to_pem()] {
        let request = json!({
            "secret": token.secret,
            "certificate_request": certificate_request,
            "site": model::SiteId::generate(),
            "name": "Lyon",
        });
        let answer = post(&world.stranger(), "/site/v1/enrol", &request).await;
        let problem = answer.problem();
        assert_eq!(problem.kind(), Some(ProblemKind::Invalid));
        assert!(
            problem.detail.starts_with("certificate_request:"),
            "{problem}"
        );
    }
    Site::new().enrol(&world, &token).await.ok();
}

#[tokio::test]
async fn a_site_cannot_be_taken_over_but_a_lost_key_can_be_replaced() {
    let world = start().await;
    let site = Site::new();
    let old = site.enrolled(&world, &world.first_token()).await;
    let other = Site {
        id: site.id,
        key: KeyPair::generate().unwrap(),
    };
    let answer = other.enrol(&world, &world.token(1, None).await).await;
    assert_eq!(answer.kind(), ProblemKind::Conflict);
    get(&old, RULES).await.ok();

    let new = other
        .enrolled(&world, &world.token(1, Some(site.id)).await)
        .await;
    get(&new, RULES).await.ok();
    assert_eq!(get(&old, RULES).await.kind(), ProblemKind::Unauthenticated);
    let back = site.enrol(&world, &world.first_token()).await;
    assert_eq!(back.kind(), ProblemKind::Conflict);
}

#[tokio::test]
async fn one_key_is_one_site() {
    let world = start().await;
    let site = Site::new();
    site.enrol(&world, &world.first_token()).await.ok();
    let double = Site {
        id: model::SiteId::generate(),
        key: site.key,
    };
    let answer = double.enrol(&world, &world.token(1, None).await).await;
    assert_eq!(answer.kind(), ProblemKind::Conflict);
}

#[tokio::test]
async fn a_renewed_key_replaces_the_old_one_when_it_is_first_used() {
    let world = start().await;
    let site = Site::new();
    let old = site.enrolled(&world, &world.first_token()).await;
    let key = KeyPair::generate().unwrap();
    let request = json!({ "certificate_request": key.certificate_request().unwrap() });
    let answer = post(&old, "/site/v1/renew", &request).await;
    let certificate = answer.ok()["certificate"].as_str().unwrap().to_owned();
    get(&old, RULES).await.ok();
    let new = world.client(&identity(&key, &certificate));
    get(&new, RULES).await.ok();
    assert_eq!(get(&old, RULES).await.kind(), ProblemKind::Unauthenticated);
    get(&new, RULES).await.ok();
}

#[tokio::test]
async fn renewing_for_the_same_key_keeps_it() {
    let world = start().await;
    let site = Site::new();
    let client = site.enrolled(&world, &world.first_token()).await;
    let request = json!({ "certificate_request": site.key.certificate_request().unwrap() });
    post(&client, "/site/v1/renew", &request).await.ok();
    get(&client, RULES).await.ok();
}

#[tokio::test]
async fn a_key_of_another_site_cannot_be_renewed_to() {
    let world = start().await;
    let (one, other) = (Site::new(), Site::new());
    let token = world.token(2, None).await;
    let client = one.enrolled(&world, &token).await;
    other.enrol(&world, &token).await.ok();
    let request = json!({ "certificate_request": other.key.certificate_request().unwrap() });
    let answer = post(&client, "/site/v1/renew", &request).await;
    assert_eq!(answer.kind(), ProblemKind::Conflict);
}

#[tokio::test]
async fn the_certificate_of_another_cloud_opens_nothing() {
    let (world, elsewhere) = (start().await, start().await);
    let site = Site::new();
    let answer = site.enrol(&elsewhere, &elsewhere.first_token()).await;
    let certificate = answer.ok()["certificate"].as_str().unwrap().to_owned();
    let client = world.client(&identity(&site.key, &certificate));
    let error = send(&client, Method::GET, RULES, None).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_client_that_pins_another_authority_does_not_connect() {
    let (world, elsewhere) = (start().await, start().await);
    let mut token = world.first_token();
    token.ca_pin = elsewhere.first_token().ca_pin;
    let client = super::world::client(&token, &net::ClientIdentity::none());
    assert!(send(&client, Method::GET, "/health", None).await.is_err());
}

#[tokio::test]
async fn token_wishes_outside_of_their_ranges_are_named() {
    let world = start().await;
    let wishes = NewToken {
        file: world.folder.path().join("token"),
        uses: 1,
        lifetime: Duration::from_secs(60),
        replaces: None,
    };
    let now = Timestamp::now();
    let folder = &world.config.folder;
    let none = NewToken {
        uses: 0,
        ..wishes.clone()
    };
    assert!(matches!(
        new_token(folder, none, now).await,
        Err(TokenError::Uses(0))
    ));
    let endless = NewToken {
        lifetime: Duration::MAX,
        ..wishes.clone()
    };
    assert!(matches!(
        new_token(folder, endless, now).await,
        Err(TokenError::Lifetime(_))
    ));
    let elsewhere = world.folder.path();
    assert!(matches!(
        new_token(elsewhere, wishes, now).await,
        Err(TokenError::NoCloud(_))
    ));
}
