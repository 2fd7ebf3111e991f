//! The table of groups.

use ::store::{Database, StoreError, Transaction};
use model::{GroupId, PolicyId, Timestamp};
use proto::api::group::Group;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::Loaded;
use crate::refusal::Refusal;
use crate::web::cursor::Cursor;

pub(crate) const TABLES: &str = "
CREATE TABLE device_group (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL REFERENCES policy (id),
    approve_forks BIGINT NOT NULL,
    created BIGINT NOT NULL,
    policy_revision BIGINT NOT NULL,
    policy_issued BIGINT NOT NULL
);
CREATE INDEX device_group_policy ON device_group (policy);
";

/// What can change of a group.
pub(super) struct Row {
    pub(super) id: GroupId,
    pub(super) name: String,
    pub(super) policy: PolicyId,
    pub(super) approve_forks: bool,
    pub(super) revision: u64,
    pub(super) issued: Timestamp,
}

const SELECT: &str = "SELECT device_group.*, policy.name AS policy_name, policy.body,
    (SELECT COUNT(*) FROM device WHERE device.device_group = device_group.id
        AND device.standing <> 'revoked') AS devices
    FROM device_group JOIN policy ON policy.id = device_group.policy";

fn group_id(row: &SqliteRow) -> Result<GroupId, StoreError> {
    GroupId::parse(row.try_get("id")?).map_err(|error| StoreError::content("a group", error))
}

fn policy_id(row: &SqliteRow) -> Result<PolicyId, StoreError> {
    PolicyId::parse(row.try_get("policy")?).map_err(|error| StoreError::content("a group", error))
}

fn read(row: &SqliteRow) -> Result<Group, StoreError> {
    Ok(Group {
        id: group_id(row)?,
        name: row.try_get("name")?,
        policy: policy_id(row)?,
        policy_name: row.try_get("policy_name")?,
        approve_forks: row.try_get::<i64, _>("approve_forks")? != 0,
        devices: u64::try_from(row.try_get::<i64, _>("devices")?).unwrap_or_default(),
        created: Timestamp::from_millis(row.try_get("created")?),
    })
}

pub(super) async fn list(
    database: &Database,
    after: Option<Cursor<String>>,
    limit: usize,
) -> Result<(Vec<Group>, u64), StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE ($1 IS NULL OR device_group.name > $1)
         ORDER BY device_group.name LIMIT $2"
    )))
    .bind(after.map(|Cursor(name, _)| name))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM device_group")
        .fetch_one(database.read())
        .await?;
    let items = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn group(database: &Database, id: GroupId) -> Result<Option<Group>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE device_group.id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(database.read())
    .await?
    .as_ref()
    .map(read)
    .transpose()
}

/// Every group with its policy.
pub(super) async fn load(database: &Database) -> Result<Vec<Loaded>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(SELECT))
        .fetch_all(database.read())
        .await?
        .iter()
        .map(|row| {
            Ok(Loaded {
                id: group_id(row)?,
                name: row.try_get("name")?,
                approve_forks: row.try_get::<i64, _>("approve_forks")? != 0,
                policy: policy_id(row)?,
                policy_name: row.try_get("policy_name")?,
                settings: crate::policies::settings(row.try_get("body")?)?,
                revision: u64::try_from(row.try_get::<i64, _>("policy_revision")?)
                    .unwrap_or_default(),
                issued: Timestamp::from_millis(row.try_get("policy_issued")?),
            })
        })
        .collect()
}

pub(super) async fn find(tx: &mut Transaction, id: GroupId) -> Result<Option<Row>, StoreError> {
    sqlx::query("SELECT * FROM device_group WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(tx)
        .await?
        .map(|row| {
            Ok(Row {
                id,
                name: row.try_get("name")?,
                policy: policy_id(&row)?,
                approve_forks: row.try_get::<i64, _>("approve_forks")? != 0,
                revision: u64::try_from(row.try_get::<i64, _>("policy_revision")?)
                    .unwrap_or_default(),
                issued: Timestamp::from_millis(row.try_get("policy_issued")?),
            })
        })
        .transpose()
}

pub(super) async fn insert(tx: &mut Transaction, row: &Row, now: Timestamp) -> Result<(), Refusal> {
    sqlx::query(
        "INSERT INTO device_group
         (id, name, policy, approve_forks, created, policy_revision, policy_issued)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(row.id.to_string())
    .bind(&row.name)
    .bind(row.policy.to_string())
    .bind(i64::from(row.approve_forks))
    .bind(now.millis())
    .bind(i64::try_from(row.revision).unwrap_or(i64::MAX))
    .bind(row.issued.millis())
    .execute(tx)
    .await
    .map_err(|error| explain(error, row))?;
    Ok(())
}

/// The group of the first start.
pub(crate) async fn insert_default(
    tx: &mut Transaction,
    policy: PolicyId,
    revision: u64,
    now: Timestamp,
) -> Result<(), Refusal> {
    let row = Row {
        id: GroupId::generate(),
        name: super::DEFAULT_NAME.to_owned(),
        policy,
        approve_forks: false,
        revision,
        issued: now,
    };
    insert(tx, &row, now).await
}

pub(super) async fn update(tx: &mut Transaction, row: &Row) -> Result<(), Refusal> {
    sqlx::query(
        "UPDATE device_group SET name = $2, policy = $3, approve_forks = $4,
         policy_revision = $5, policy_issued = $6 WHERE id = $1",
    )
    .bind(row.id.to_string())
    .bind(&row.name)
    .bind(row.policy.to_string())
    .bind(i64::from(row.approve_forks))
    .bind(i64::try_from(row.revision).unwrap_or(i64::MAX))
    .bind(row.issued.millis())
    .execute(tx)
    .await
    .map_err(|error| explain(error, row))?;
    Ok(())
}

/// Gives every group that uses the policy the revision of its change.
pub(crate) async fn policy_changed(
    tx: &mut Transaction,
    policy: PolicyId,
    revision: u64,
    now: Timestamp,
) -> Result<(), Refusal> {
    sqlx::query(
        "UPDATE device_group SET policy_revision = $2, policy_issued = $3 WHERE policy = $1",
    )
    .bind(policy.to_string())
    .bind(i64::try_from(revision).unwrap_or(i64::MAX))
    .bind(now.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut Transaction, id: GroupId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM device_group WHERE id = $1")
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

fn explain(error: sqlx::Error, row: &Row) -> Refusal {
    let error = StoreError::from(error);
    if error.is_unique_violation() {
        Refusal::conflict(format!(
            "there is a group {:?} already; choose another name",
            row.name
        ))
    } else if error.is_foreign_key_violation() {
        Refusal::not_found("policy", row.policy)
    } else {
        error.into()
    }
}
