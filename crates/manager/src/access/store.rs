//! The tables of access.

use ::store::{Database, StoreError, Transaction};
use model::{ApiTokenId, Role, Timestamp, UserId};
use proto::api::access::{ApiTokenInfo, User};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

pub(crate) const TABLES: &str = "
CREATE TABLE user_account (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_sign_in BIGINT
);
CREATE TABLE session (
    token TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES user_account (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account);
CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_used BIGINT,
    revoked BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
";

/// Reads a role as it is stored.
pub(super) fn role(text: &str) -> Result<Role, StoreError> {
    Role::parse(text).ok_or_else(|| StoreError::content("a role", format!("{text:?}")))
}

fn user(row: &SqliteRow) -> Result<User, StoreError> {
    Ok(User {
        id: UserId::parse(row.try_get("id")?)
            .map_err(|error| StoreError::content("a user", error))?,
        name: row.try_get("name")?,
        role: role(row.try_get("role")?)?,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
        created: Timestamp::from_millis(row.try_get("created")?),
        last_sign_in: row
            .try_get::<Option<i64>, _>("last_sign_in")?
            .map(Timestamp::from_millis),
    })
}

pub(super) async fn users(database: &Database) -> Result<Vec<User>, StoreError> {
    sqlx::query("SELECT * FROM user_account ORDER BY name")
        .fetch_all(database.read())
        .await?
        .iter()
        .map(user)
        .collect()
}

pub(super) async fn user_by_id(
    database: &Database,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    sqlx::query("SELECT * FROM user_account WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(database.read())
        .await?
        .as_ref()
        .map(user)
        .transpose()
}

/// The account of that name, with its password's hash.
pub(super) async fn user_by_name(
    database: &Database,
    name: &str,
) -> Result<Option<(User, String)>, StoreError> {
    let row = sqlx::query("SELECT * FROM user_account WHERE name = $1")
        .bind(name.to_owned())
        .fetch_optional(database.read())
        .await?;
    row.map(|row| Ok((user(&row)?, row.try_get("password")?)))
        .transpose()
}

pub(super) async fn insert_user(
    tx: &mut Transaction,
    user: &User,
    password: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO user_account (id, name, role, password, disabled, created, last_sign_in)
         VALUES ($1, $2, $3, $4, 0, $5, NULL)",
    )
    .bind(user.id.to_string())
    .bind(&user.name)
    .bind(user.role.name())
    .bind(password)
    .bind(user.created.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn update_user(
    tx: &mut Transaction,
    user: &User,
    password: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE user_account SET role = $2, disabled = $3, password = COALESCE($4, password)
         WHERE id = $1",
    )
    .bind(user.id.to_string())
    .bind(user.role.name())
    .bind(i64::from(user.disabled))
    .bind(password)
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM session WHERE account = $1")
        .bind(user.id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete_user(tx: &mut Transaction, id: UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM user_account WHERE id = $1")
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Administrators who can sign in.
pub(super) async fn active_administrators(tx: &mut Transaction) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM user_account WHERE role = 'administrator' AND disabled = 0",
    )
    .fetch_one(tx)
    .await?)
}

pub(super) async fn insert_session(
    tx: &mut Transaction,
    token: &str,
    account: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO session (token, account, created, last_used) VALUES ($1, $2, $3, $3)")
        .bind(token)
        .bind(account.to_string())
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE user_account SET last_sign_in = $2 WHERE id = $1")
        .bind(account.to_string())
        .bind(now.millis())
        .execute(tx)
        .await?;
    Ok(())
}

/// A session's times and the account that it belongs to.
pub(super) struct StoredSession {
    pub(super) user: User,
    pub(super) created: Timestamp,
    pub(super) last_used: Timestamp,
}

pub(super) async fn session(
    database: &Database,
    token: &str,
) -> Result<Option<StoredSession>, StoreError> {
    let row = sqlx::query(
        "SELECT user_account.*, session.created AS session_created, session.last_used
         FROM session JOIN user_account ON user_account.id = session.account
         WHERE session.token = $1",
    )
    .bind(token.to_owned())
    .fetch_optional(database.read())
    .await?;
    row.map(|row| {
        Ok(StoredSession {
            user: user(&row)?,
            created: Timestamp::from_millis(row.try_get("session_created")?),
            last_used: Timestamp::from_millis(row.try_get("last_used")?),
        })
    })
    .transpose()
}

pub(super) async fn touch_session(
    tx: &mut Transaction,
    token: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE session SET last_used = $2 WHERE token = $1")
        .bind(token)
        .bind(now.millis())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete_session(tx: &mut Transaction, token: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE token = $1")
        .bind(token)
        .execute(tx)
        .await?;
    Ok(())
}

/// Removes sessions that can't be good any more.
pub(super) async fn prune_sessions(
    tx: &mut Transaction,
    created_before: Timestamp,
    used_before: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM session WHERE created < $1 OR last_used < $2")
        .bind(created_before.millis())
        .bind(used_before.millis())
        .execute(tx)
        .await?;
    Ok(())
}

fn api_token(row: &SqliteRow) -> Result<ApiTokenInfo, StoreError> {
    Ok(ApiTokenInfo {
        id: ApiTokenId::parse(row.try_get("id")?)
            .map_err(|error| StoreError::content("an API token", error))?,
        name: row.try_get("name")?,
        role: role(row.try_get("role")?)?,
        created: Timestamp::from_millis(row.try_get("created")?),
        expires: Timestamp::from_millis(row.try_get("expires")?),
        last_used: row
            .try_get::<Option<i64>, _>("last_used")?
            .map(Timestamp::from_millis),
        revoked: row.try_get::<i64, _>("revoked")? != 0,
        created_by: row.try_get("created_by")?,
    })
}

pub(super) async fn api_tokens(
    database: &Database,
    after: Option<&str>,
    limit: i64,
) -> Result<(Vec<ApiTokenInfo>, u64), StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM api_token WHERE ($1 IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
    )
    .bind(after.map(str::to_owned))
    .bind(limit)
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_token")
        .fetch_one(database.read())
        .await?;
    let items = rows.iter().map(api_token).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn api_token_by_secret(
    database: &Database,
    digest: &str,
) -> Result<Option<ApiTokenInfo>, StoreError> {
    sqlx::query("SELECT * FROM api_token WHERE secret = $1")
        .bind(digest.to_owned())
        .fetch_optional(database.read())
        .await?
        .as_ref()
        .map(api_token)
        .transpose()
}

pub(super) async fn api_token_by_id(
    tx: &mut Transaction,
    id: ApiTokenId,
) -> Result<Option<ApiTokenInfo>, StoreError> {
    sqlx::query("SELECT * FROM api_token WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(tx)
        .await?
        .as_ref()
        .map(api_token)
        .transpose()
}

pub(super) async fn insert_api_token(
    tx: &mut Transaction,
    info: &ApiTokenInfo,
    digest: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO api_token (id, name, role, secret, created, expires, revoked, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
    )
    .bind(info.id.to_string())
    .bind(&info.name)
    .bind(info.role.name())
    .bind(digest)
    .bind(info.created.millis())
    .bind(info.expires.millis())
    .bind(&info.created_by)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn revoke_api_token(
    tx: &mut Transaction,
    id: ApiTokenId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE api_token SET revoked = 1 WHERE id = $1")
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn touch_api_token(
    tx: &mut Transaction,
    id: ApiTokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE api_token SET last_used = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(now.millis())
        .execute(tx)
        .await?;
    Ok(())
}
