//! Starts that go wrong, and say what to do.

use std::error::Error;
use std::os::unix::fs::PermissionsExt;

use flows::PortProfile;
use serde_json::Value;

use super::world::{LIMIT, Site, config, get, own_address, start};
use crate::{Cloud, Config, StartError};

/// The whole chain of causes, as a door prints it.
fn text(error: &StartError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn refused(config: &Config) -> String {
    text(&Cloud::start(config.clone()).await.unwrap_err())
}

#[tokio::test]
async fn a_second_start_on_one_folder_is_refused_until_the_first_has_ended() {
    let world = start().await;
    let second = Config {
        bind: own_address(),
        ..world.config.clone()
    };
    let error = refused(&second).await;
    assert!(
        error.contains("another cloud works in this folder"),
        "{error}"
    );
    let site = Site::new();
    let token = world.first_token();
    site.enrol(&world, &token).await.ok();
    let (_folder, config) = world.stop().await;
    let again = Cloud::start(config).await.unwrap();
    assert!(again.shutdown(LIMIT).await);
}

#[tokio::test]
async fn a_restart_keeps_authority_and_port() {
    let world = start().await;
    let token = world.first_token();
    let (_folder, config) = world.stop().await;
    let again = Cloud::start(config).await.unwrap();
    let address = again.addresses().values().next().unwrap().to_string();
    assert_eq!([address], token.addresses.as_slice());
    let client = super::world::client(&token, &net::ClientIdentity::none());
    get(&client, "/health").await.ok();
}

#[tokio::test]
async fn readiness_is_announced_and_taken_back() {
    let world = start().await;
    let path = world.path("ready.json");
    let ready: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(ready["service"], "cloud");
    assert_eq!(ready["pid"], std::process::id());
    let address = world.running.addresses().values().next().unwrap();
    assert_eq!(ready["addresses"]["manager-cloud"], address.to_string());
    let (_folder, _) = world.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_damaged_database_is_named_and_left_alone() {
    let world = start().await;
    let (_folder, config) = world.stop().await;
    let path = config.folder.join("cloud.db");
    let damaged = vec![0x5a; 20_000];
    std::fs::write(&path, &damaged).unwrap();
    let error = refused(&config).await;
    assert!(
        error.contains("cloud.db") && error.contains("backup"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
}

#[tokio::test]
async fn a_lost_authority_is_not_silently_replaced() {
    for lost in ["ca.key", "ca.pem"] {
        let world = start().await;
        let (_folder, config) = world.stop().await;
        std::fs::remove_file(config.folder.join(lost)).unwrap();
        let error = refused(&config).await;
        assert!(error.contains(lost) && error.contains("backup"), "{error}");
        assert!(!config.folder.join(lost).exists());
    }
}

#[tokio::test]
async fn a_key_that_others_may_read_is_refused() {
    let world = start().await;
    let (_folder, config) = world.stop().await;
    let path = config.folder.join("ca.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = refused(&config).await;
    assert!(error.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn an_authority_of_another_cloud_is_noticed() {
    let (one, other) = (start().await, start().await);
    let (_folder, config) = one.stop().await;
    std::fs::copy(other.path("ca.key"), config.folder.join("ca.key")).unwrap();
    let error = refused(&config).await;
    assert!(error.contains("don't belong together"), "{error}");
}

#[tokio::test]
async fn a_port_that_cannot_be_had_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let exact = Config {
        ports: PortProfile::Garrison,
        ..config(folder.path())
    };
    // Without root's rights already the first is refused, with them the second.
    let first = Cloud::start(exact.clone()).await;
    let second = Config {
        folder: folder.path().join("second"),
        ..exact
    };
    let error = refused(&second).await;
    assert!(
        error.contains("443") && error.contains("--ports auto"),
        "{error}"
    );
    if let Ok(first) = first {
        assert!(first.shutdown(LIMIT).await);
    }
}

#[tokio::test]
async fn a_name_that_no_certificate_can_carry_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = Config {
        names: vec!["not a name".to_owned()],
        ..config(folder.path())
    };
    let error = refused(&bad).await;
    assert!(error.contains("not a name"), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refused(&config(&file)).await;
    assert!(error.contains("file/cloud"), "{error}");
}

#[test]
fn a_full_disk_is_told_to_callers_as_unavailable() {
    let refusal = crate::refusal::Refusal::from(store::StoreError::Full);
    let problem = refusal.into_problem();
    assert_eq!(problem.status, 503);
    assert!(problem.detail.contains("disk") && problem.detail.contains("try again"));
    assert!(problem.instance.is_some());
}
