use std::path::Path;

use manager::site::Clock;
use manager::{Config, Manager, StartError};

use crate::stand::{START, config};

async fn open(folder: &Path) -> Result<manager::Opened, StartError> {
    Manager::open(config(folder), Clock::manual(START)).await
}

async fn failure(folder: &Path) -> (StartError, String) {
    let error = open(folder).await.err().expect("the start fails");
    let text = error.to_string();
    (error, text)
}

#[tokio::test]
async fn a_second_manager_on_the_folder_is_refused_and_the_first_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).await.unwrap();
    let (_, text) = failure(folder.path()).await;
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
}

#[tokio::test]
async fn a_second_start_keeps_the_sites_keys_and_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("manager/local-api-token");
    let first = open(folder.path()).await.unwrap();
    let (id, key) = (first.site.id, first.site.keys.signing.public_hex());
    let text = std::fs::read_to_string(&token).unwrap();
    first.site.database.close().await;
    drop(first);
    let second = open(folder.path()).await.unwrap();
    assert_eq!(second.site.id, id);
    assert_eq!(second.site.keys.signing.public_hex(), key);
    assert_eq!(std::fs::read_to_string(&token).unwrap(), text);
}

#[tokio::test]
async fn a_lost_local_token_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("manager/local-api-token");
    drop(open(folder.path()).await.unwrap());
    std::fs::remove_file(&token).unwrap();
    drop(open(folder.path()).await.unwrap());
    assert!(token.exists());
}

#[tokio::test]
async fn a_lost_key_is_named_and_not_made_anew() {
    for name in ["ca.key", "site.key", "chain.key", "ca.pem"] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).await.unwrap());
        std::fs::remove_file(folder.path().join("manager").join(name)).unwrap();
        let (error, text) = failure(folder.path()).await;
        assert!(matches!(error, StartError::Keys(_)), "{text}");
        assert!(text.contains(name) && text.contains("backup"), "{text}");
    }
}

#[tokio::test]
async fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).await.unwrap());
    let key = folder.path().join("manager/site.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (_, text) = failure(folder.path()).await;
    assert!(
        text.contains("site.key") && text.contains("chmod 600"),
        "{text}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await.unwrap();
    first.site.database.close().await;
    drop(first);
    let database = folder.path().join("manager/garrison.db");
    std::fs::write(&database, b"no database ".repeat(1000)).unwrap();
    let (error, text) = failure(folder.path()).await;
    assert!(matches!(error, StartError::Store(_)), "{text}");
    assert!(
        text.contains("garrison.db") && text.contains("backup"),
        "{text}"
    );
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await.unwrap();
    let written = first
        .site
        .database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO migration (version, name, checksum) VALUES (999, 'x', 'x')",
                )
                .execute(tx)
                .await?;
                Ok::<_, manager::Refusal>(())
            })
        })
        .await;
    written.unwrap();
    first.site.database.close().await;
    drop(first);
    let (_, text) = failure(folder.path()).await;
    assert!(text.contains("999") && text.contains("later"), "{text}");
}

#[test]
fn an_unknown_key_of_the_configuration_is_named_with_its_nearest_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manager.toml"), "bnd = \"127.0.0.1\"\n").unwrap();
    let text = Config::load(folder.path()).unwrap_err().to_string();
    assert!(
        text.contains("manager.toml") && text.contains("did you mean `bind`"),
        "{text}"
    );
}
