use super::*;

const FIRST: &[Migration] = &[Migration {
    name: "things",
    sql: "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);",
}];
const SECOND: &[Migration] = &[
    FIRST[0],
    Migration {
        name: "colours",
        sql: "ALTER TABLE thing ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';",
    },
];

async fn open(folder: &Path) -> Database {
    Database::open(&folder.join("test.db"), FIRST)
        .await
        .unwrap()
}

async fn insert(database: &Database, name: &'static str) -> Result<(), StoreError> {
    database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO thing (name) VALUES ($1)")
                    .bind(name)
                    .execute(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}

async fn count(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM thing")
        .fetch_one(database.read())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_written_is_read_also_after_a_reopen() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    insert(&database, "a").await.unwrap();
    assert_eq!(count(&database).await, 1);
    database.close().await;
    assert_eq!(count(&open(folder.path()).await).await, 1);
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    let result: Result<(), StoreError> = database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO thing (name) VALUES ('x')")
                    .execute(tx)
                    .await?;
                Err(StoreError::Busy)
            })
        })
        .await;
    assert!(matches!(result, Err(StoreError::Busy)));
    assert_eq!(count(&database).await, 0);
    insert(&database, "y").await.unwrap();
}

#[tokio::test]
async fn a_second_row_with_a_unique_value_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    insert(&database, "a").await.unwrap();
    let error = insert(&database, "a").await.unwrap_err();
    assert!(error.is_unique_violation(), "{error}");
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    let result = sqlx::query("INSERT INTO thing (name) VALUES ('x')")
        .execute(database.read())
        .await;
    assert!(result.is_err());
}

#[tokio::test]
async fn an_older_database_is_migrated_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    open(folder.path()).await.close().await;
    Database::open(&path, SECOND).await.unwrap().close().await;
    let error = Database::open(&path, FIRST).await.err().unwrap();
    let text = error.to_string();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{text}"
    );
    assert!(text.contains("test.db"), "{text}");
}

#[tokio::test]
async fn a_migration_whose_text_changed_is_refused() {
    const CHANGED: &[Migration] = &[Migration {
        name: "things",
        sql: "CREATE TABLE thing (id INTEGER PRIMARY KEY);",
    }];
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await;
    let error = Database::open(&folder.path().join("test.db"), CHANGED)
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, StoreError::MigrationChanged { version: 1, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let database = open(folder.path()).await;
    for name in ["a", "b", "c"] {
        insert(&database, name).await.unwrap();
    }
    database.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte ^= 0x5a;
    }
    for damaged in [
        bytes,
        b"this is no database at all, but some text".repeat(200),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let error = Database::open(&path, FIRST).await.err().unwrap();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(
            text.contains("test.db") && text.contains("backup"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    insert(&database, "before").await.unwrap();
    let set_limit = async |limit: &'static str| {
        if let Writer::Ready(connection) = &mut *database.inner.writer.lock().await {
            sqlx::query(limit).execute(connection).await.unwrap();
        }
    };
    set_limit("PRAGMA max_page_count = 1").await;
    let result: Result<(), StoreError> = database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO thing (name) VALUES ($1)")
                    .bind("x".repeat(1 << 20))
                    .execute(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(result, Err(StoreError::Full)), "{result:?}");
    assert_eq!(count(&database).await, 1);
    set_limit("PRAGMA max_page_count = 1000000").await;
    insert(&database, "after").await.unwrap();
}

#[tokio::test]
async fn a_backup_opens_as_a_database_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    insert(&database, "a").await.unwrap();
    let copy = folder.path().join("copy.db");
    database.backup(&copy).await.unwrap();
    assert_eq!(count(&Database::open(&copy, FIRST).await.unwrap()).await, 1);
}

#[tokio::test]
async fn a_write_dropped_half_way_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path()).await;
    let (began, wait) = tokio::sync::oneshot::channel();
    let mut write = Box::pin(database.write::<(), StoreError, _>(|tx| {
        Box::pin(async move {
            sqlx::query("INSERT INTO thing (name) VALUES ('half')")
                .execute(tx)
                .await?;
            let _ = began.send(());
            std::future::pending().await
        })
    }));
    tokio::select! {
        _ = &mut write => unreachable!("the write never ends by itself"),
        _ = wait => {}
    }
    drop(write);
    insert(&database, "whole").await.unwrap();
    assert_eq!(count(&database).await, 1);
}
