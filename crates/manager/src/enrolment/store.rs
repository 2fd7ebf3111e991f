//! The table of enrolment tokens.

use ::store::{Database, StoreError, Transaction};
use model::{EnrolmentTokenId, GroupId, Timestamp};
use proto::api::access::EnrolmentTokenInfo;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::web::cursor::Cursor;

pub(crate) const TABLES: &str = "
CREATE TABLE enrolment_token (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    device_group TEXT NOT NULL REFERENCES device_group (id),
    secret TEXT NOT NULL UNIQUE,
    uses BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
";

const SELECT: &str = "SELECT enrolment_token.*, device_group.name AS group_name
    FROM enrolment_token JOIN device_group ON device_group.id = enrolment_token.device_group";

fn info(row: &SqliteRow) -> Result<EnrolmentTokenInfo, StoreError> {
    let number = |column| -> Result<u32, StoreError> {
        Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(u32::MAX))
    };
    Ok(EnrolmentTokenInfo {
        id: EnrolmentTokenId::parse(row.try_get("id")?)
            .map_err(|error| StoreError::content("an enrolment token", error))?,
        name: row.try_get("name")?,
        group: GroupId::parse(row.try_get("device_group")?)
            .map_err(|error| StoreError::content("an enrolment token", error))?,
        group_name: row.try_get("group_name")?,
        uses: number("uses")?,
        max_uses: number("max_uses")?,
        created: Timestamp::from_millis(row.try_get("created")?),
        expires: Timestamp::from_millis(row.try_get("expires")?),
        revoked: row.try_get::<i64, _>("revoked")? != 0,
        created_by: row.try_get("created_by")?,
    })
}

pub(super) async fn list(
    database: &Database,
    after: Option<Cursor<()>>,
    limit: usize,
) -> Result<(Vec<EnrolmentTokenInfo>, u64), StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE ($1 IS NULL OR enrolment_token.id < $1)
         ORDER BY enrolment_token.id DESC LIMIT $2"
    )))
    .bind(after.map(|Cursor((), id)| id))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM enrolment_token")
        .fetch_one(database.read())
        .await?;
    let items = rows.iter().map(info).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn find(
    database: &Database,
    id: EnrolmentTokenId,
) -> Result<Option<EnrolmentTokenInfo>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE enrolment_token.id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(database.read())
    .await?
    .as_ref()
    .map(info)
    .transpose()
}

pub(super) async fn by_secret(
    tx: &mut Transaction,
    digest: &str,
) -> Result<Option<EnrolmentTokenInfo>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE enrolment_token.secret = $1"
    )))
    .bind(digest.to_owned())
    .fetch_optional(tx)
    .await?
    .as_ref()
    .map(info)
    .transpose()
}

pub(super) async fn insert(
    tx: &mut Transaction,
    info: &EnrolmentTokenInfo,
    digest: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO enrolment_token
         (id, name, device_group, secret, uses, max_uses, created, expires, revoked, created_by)
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7, 0, $8)",
    )
    .bind(info.id.to_string())
    .bind(&info.name)
    .bind(info.group.to_string())
    .bind(digest)
    .bind(i64::from(info.max_uses))
    .bind(info.created.millis())
    .bind(info.expires.millis())
    .bind(&info.created_by)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn count_use(
    tx: &mut Transaction,
    id: EnrolmentTokenId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE enrolment_token SET uses = uses + 1 WHERE id = $1")
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn revoke(tx: &mut Transaction, id: EnrolmentTokenId) -> Result<(), StoreError> {
    sqlx::query("UPDATE enrolment_token SET revoked = 1 WHERE id = $1")
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}
