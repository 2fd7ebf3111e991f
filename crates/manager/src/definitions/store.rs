//! The table of definitions.

use ::store::{Database, StoreError, Transaction};
use model::{DefinitionRevision, Sha256, Timestamp};
use proto::api::definition::DefinitionsInfo;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::shelf::Offer;
use crate::web::cursor::Cursor;

pub(crate) const TABLES: &str = "
CREATE TABLE definition_set (
    revision BIGINT NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    hashes BIGINT NOT NULL,
    yara_rules BIGINT NOT NULL,
    published BIGINT NOT NULL,
    published_by TEXT NOT NULL
);
";

/// The newest set.
pub(super) async fn current(database: &Database) -> Result<Option<Offer>, StoreError> {
    sqlx::query("SELECT * FROM definition_set ORDER BY revision DESC LIMIT 1")
        .fetch_optional(database.read())
        .await?
        .map(|row| {
            Ok(Offer {
                revision: DefinitionRevision(
                    u64::try_from(row.try_get::<i64, _>("revision")?).unwrap_or_default(),
                ),
                bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or_default(),
                sha256: Sha256::parse(row.try_get("sha256")?)
                    .map_err(|error| StoreError::content("a set's hash", error))?,
            })
        })
        .transpose()
}

fn info(row: &SqliteRow) -> Result<DefinitionsInfo, StoreError> {
    let number = |column| -> Result<u64, StoreError> {
        Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
    };
    Ok(DefinitionsInfo {
        revision: DefinitionRevision(number("revision")?),
        bytes: number("bytes")?,
        sha256: Sha256::parse(row.try_get("sha256")?)
            .map_err(|error| StoreError::content("a set's hash", error))?,
        hashes: number("hashes")?,
        yara_rules: number("yara_rules")?,
        published: Timestamp::from_millis(row.try_get("published")?),
        published_by: row.try_get("published_by")?,
        current: false,
        devices: 0,
    })
}

pub(super) async fn list(
    database: &Database,
    after: Option<Cursor<u64>>,
    limit: usize,
) -> Result<(Vec<DefinitionsInfo>, u64), StoreError> {
    let after = after.map(|Cursor(revision, _)| i64::try_from(revision).unwrap_or(i64::MAX));
    let rows = sqlx::query(
        "SELECT * FROM definition_set WHERE ($1 IS NULL OR revision < $1)
         ORDER BY revision DESC LIMIT $2",
    )
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM definition_set")
        .fetch_one(database.read())
        .await?;
    let items = rows.iter().map(info).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn find(
    database: &Database,
    revision: DefinitionRevision,
) -> Result<Option<DefinitionsInfo>, StoreError> {
    sqlx::query("SELECT * FROM definition_set WHERE revision = $1")
        .bind(i64::try_from(revision.0).unwrap_or(i64::MAX))
        .fetch_optional(database.read())
        .await?
        .as_ref()
        .map(info)
        .transpose()
}

pub(super) async fn insert(tx: &mut Transaction, info: &DefinitionsInfo) -> Result<(), StoreError> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO definition_set
         (revision, bytes, sha256, hashes, yara_rules, published, published_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(number(info.revision.0))
    .bind(number(info.bytes))
    .bind(info.sha256.to_string())
    .bind(number(info.hashes))
    .bind(number(info.yara_rules))
    .bind(info.published.millis())
    .bind(&info.published_by)
    .execute(tx)
    .await?;
    Ok(())
}
