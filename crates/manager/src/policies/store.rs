//! The table of policies.

use ::store::{Database, StoreError, Transaction};
use model::{Policy, PolicyId, Timestamp};
use proto::api::group::NamedPolicy;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::refusal::Refusal;
use crate::web::cursor::Cursor;

pub(crate) const TABLES: &str = "
CREATE TABLE policy (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision BIGINT NOT NULL,
    body TEXT NOT NULL,
    changed BIGINT NOT NULL
);
";

const SELECT: &str = "SELECT policy.*,
    (SELECT COUNT(*) FROM device_group WHERE device_group.policy = policy.id) AS groups
    FROM policy";

/// Reads settings as they are stored.
pub(crate) fn settings(body: &str) -> Result<Policy, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::content("a policy", error))
}

fn named(row: &SqliteRow) -> Result<NamedPolicy, StoreError> {
    Ok(NamedPolicy {
        id: PolicyId::parse(row.try_get("id")?)
            .map_err(|error| StoreError::content("a policy", error))?,
        name: row.try_get("name")?,
        revision: u64::try_from(row.try_get::<i64, _>("revision")?).unwrap_or_default(),
        policy: settings(row.try_get("body")?)?,
        groups: u64::try_from(row.try_get::<i64, _>("groups")?).unwrap_or_default(),
        changed: Timestamp::from_millis(row.try_get("changed")?),
    })
}

pub(super) async fn list(
    database: &Database,
    after: Option<Cursor<String>>,
    limit: usize,
) -> Result<(Vec<NamedPolicy>, u64), StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE ($1 IS NULL OR name > $1) ORDER BY name LIMIT $2"
    )))
    .bind(after.map(|Cursor(name, _)| name))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM policy")
        .fetch_one(database.read())
        .await?;
    let items = rows.iter().map(named).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn find(
    database: &Database,
    id: PolicyId,
) -> Result<Option<NamedPolicy>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = $1")))
        .bind(id.to_string())
        .fetch_optional(database.read())
        .await?
        .as_ref()
        .map(named)
        .transpose()
}

/// A policy's revision and name.
pub(super) async fn revision(
    tx: &mut Transaction,
    id: PolicyId,
) -> Result<Option<(u64, String)>, StoreError> {
    let found: Option<(i64, String)> =
        sqlx::query_as("SELECT revision, name FROM policy WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(tx)
            .await?;
    Ok(found.map(|(revision, name)| (u64::try_from(revision).unwrap_or_default(), name)))
}

pub(super) async fn insert(
    tx: &mut Transaction,
    id: PolicyId,
    name: &str,
    revision: u64,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), Refusal> {
    sqlx::query(
        "INSERT INTO policy (id, name, revision, body, changed) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id.to_string())
    .bind(name)
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(body(policy)?)
    .bind(now.millis())
    .execute(tx)
    .await
    .map_err(|error| name_taken(error, name))?;
    Ok(())
}

/// The policy of the first start.
pub(crate) async fn insert_default(
    tx: &mut Transaction,
    id: PolicyId,
    revision: u64,
    now: Timestamp,
) -> Result<(), Refusal> {
    insert(
        tx,
        id,
        super::DEFAULT_NAME,
        revision,
        &Policy::default(),
        now,
    )
    .await
}

pub(super) async fn update(
    tx: &mut Transaction,
    id: PolicyId,
    name: &str,
    revision: u64,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), Refusal> {
    sqlx::query(
        "UPDATE policy SET name = $2, revision = $3, body = $4, changed = $5 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(name)
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(body(policy)?)
    .bind(now.millis())
    .execute(tx)
    .await
    .map_err(|error| name_taken(error, name))?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Transaction, id: PolicyId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM policy WHERE id = $1")
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

fn body(policy: &Policy) -> Result<String, Refusal> {
    serde_json::to_string(policy).map_err(Refusal::internal("writing a policy"))
}

fn name_taken(error: sqlx::Error, name: &str) -> Refusal {
    let error = StoreError::from(error);
    if error.is_unique_violation() {
        Refusal::conflict(format!(
            "there is a policy {name:?} already; choose another name"
        ))
    } else {
        error.into()
    }
}
