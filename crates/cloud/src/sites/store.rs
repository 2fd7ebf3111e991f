//! The tables of sites and their tokens.

use model::{SiteId, Timestamp};
use sqlx::SqlitePool;
use store::{StoreError, Transaction};
use trust::IssuedCertificate;

use super::rules::{Entry, Use};
use crate::refusal::Refusal;

/// Keys are hexadecimal SHA-256 of a SubjectPublicKeyInfo, times are milliseconds.
pub(crate) const TABLES: &str = "
CREATE TABLE site (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    key_sha256 TEXT NOT NULL UNIQUE,
    next_key_sha256 TEXT UNIQUE,
    enrolled BIGINT NOT NULL,
    certificate_serial TEXT NOT NULL,
    certificate_expires BIGINT NOT NULL
);
CREATE TABLE site_token (
    id TEXT PRIMARY KEY,
    secret_sha256 TEXT NOT NULL UNIQUE,
    max_uses BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    created BIGINT NOT NULL,
    replaces TEXT
);
CREATE TABLE site_token_use (
    token TEXT NOT NULL REFERENCES site_token (id),
    key_sha256 TEXT NOT NULL,
    site TEXT NOT NULL REFERENCES site (id),
    used BIGINT NOT NULL,
    PRIMARY KEY (token, key_sha256)
);
CREATE TABLE cloud_address (
    place BIGINT PRIMARY KEY,
    address TEXT NOT NULL
);
";

/// A token and the keys that it let in.
#[derive(Debug, Clone)]
pub(super) struct StoredToken {
    pub(super) id: String,
    pub(super) expires: Timestamp,
    pub(super) max_uses: u64,
    /// The site whose key it may replace.
    pub(super) replaces: Option<SiteId>,
    pub(super) keys: Vec<[u8; 32]>,
}

/// A site that is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownSite {
    pub(super) key: [u8; 32],
}

/// The keys by which a site is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) current: [u8; 32],
    pub(super) next: Option<[u8; 32]>,
}

pub(super) async fn token_by_digest(
    tx: &mut Transaction,
    digest: &[u8; 32],
) -> Result<Option<StoredToken>, Refusal> {
    let row: Option<(String, i64, i64, Option<String>)> = sqlx::query_as(
        "SELECT id, expires, max_uses, replaces FROM site_token WHERE secret_sha256 = $1",
    )
    .bind(hex::encode(digest))
    .fetch_optional(&mut *tx)
    .await?;
    let Some((id, expires, max_uses, replaces)) = row else {
        return Ok(None);
    };
    let keys: Vec<(String,)> =
        sqlx::query_as("SELECT key_sha256 FROM site_token_use WHERE token = $1")
            .bind(&id)
            .fetch_all(&mut *tx)
            .await?;
    Ok(Some(StoredToken {
        id,
        expires: Timestamp::from_millis(expires),
        max_uses: u64::try_from(max_uses).unwrap_or(0),
        replaces: replaces.map(|text| site_id(&text)).transpose()?,
        keys: keys
            .iter()
            .map(|(text,)| key(text))
            .collect::<Result<_, _>>()?,
    }))
}

pub(super) async fn site(tx: &mut Transaction, id: SiteId) -> Result<Option<KnownSite>, Refusal> {
    let row: Option<(String,)> = sqlx::query_as("SELECT key_sha256 FROM site WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(tx)
        .await?;
    row.map(|(text,)| Ok(KnownSite { key: key(&text)? }))
        .transpose()
}

/// The site that has this key, or is about to.
pub(super) async fn site_of_key(
    tx: &mut Transaction,
    key: &[u8; 32],
) -> Result<Option<SiteId>, Refusal> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT id FROM site WHERE key_sha256 = $1 OR next_key_sha256 = $1")
            .bind(hex::encode(key))
            .fetch_optional(tx)
            .await?;
    row.map(|(text,)| site_id(&text)).transpose()
}

pub(super) async fn keys(pool: &SqlitePool, id: SiteId) -> Result<Option<Keys>, Refusal> {
    let row: Option<(String, Option<String>)> =
        sqlx::query_as("SELECT key_sha256, next_key_sha256 FROM site WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(pool)
            .await?;
    row.map(|(current, next)| {
        Ok(Keys {
            current: key(&current)?,
            next: next.map(|text| key(&text)).transpose()?,
        })
    })
    .transpose()
}

/// Stores an enrolment.
pub(super) async fn enter(
    tx: &mut Transaction,
    entry: &Entry,
    name: &str,
    issued: &IssuedCertificate,
    now: Timestamp,
) -> Result<(), Refusal> {
    let key = hex::encode(issued.key_sha256);
    sqlx::query(
        "INSERT INTO site (id, name, key_sha256, enrolled, certificate_serial, certificate_expires)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET
             name = excluded.name,
             key_sha256 = excluded.key_sha256,
             next_key_sha256 = NULL,
             certificate_serial = excluded.certificate_serial,
             certificate_expires = excluded.certificate_expires",
    )
    .bind(entry.site.to_string())
    .bind(name)
    .bind(&key)
    .bind(now.millis())
    .bind(&issued.serial_hex)
    .bind(issued.expires.millis())
    .execute(&mut *tx)
    .await?;
    match entry.use_ {
        Use::Again => Ok(()),
        Use::New => {
            sqlx::query(
                "INSERT INTO site_token_use (token, key_sha256, site, used) VALUES ($1, $2, $3, $4)",
            )
            .bind(&entry.token)
            .bind(&key)
            .bind(entry.site.to_string())
            .bind(now.millis())
            .execute(tx)
            .await?;
            Ok(())
        }
    }
}

/// Stores a renewal: another key than the present one waits until it is used.
pub(super) async fn renewed(
    tx: &mut Transaction,
    site: SiteId,
    issued: &IssuedCertificate,
) -> Result<(), Refusal> {
    sqlx::query(
        "UPDATE site SET
             next_key_sha256 = CASE WHEN key_sha256 = $2 THEN next_key_sha256 ELSE $2 END,
             certificate_serial = $3,
             certificate_expires = $4
         WHERE id = $1",
    )
    .bind(site.to_string())
    .bind(hex::encode(issued.key_sha256))
    .bind(&issued.serial_hex)
    .bind(issued.expires.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn take_next_key(
    tx: &mut Transaction,
    site: SiteId,
    key: [u8; 32],
) -> Result<(), Refusal> {
    sqlx::query(
        "UPDATE site SET key_sha256 = next_key_sha256, next_key_sha256 = NULL
         WHERE id = $1 AND next_key_sha256 = $2",
    )
    .bind(site.to_string())
    .bind(hex::encode(key))
    .execute(tx)
    .await?;
    Ok(())
}

/// A token as it is stored when made.
#[derive(Debug, Clone)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) digest: [u8; 32],
    pub(super) max_uses: u32,
    pub(super) expires: Timestamp,
    pub(super) replaces: Option<SiteId>,
}

pub(super) async fn insert_token(
    tx: &mut Transaction,
    token: TokenRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO site_token (id, secret_sha256, max_uses, expires, created, replaces)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(token.id)
    .bind(hex::encode(token.digest))
    .bind(i64::from(token.max_uses))
    .bind(token.expires.millis())
    .bind(now.millis())
    .bind(token.replaces.map(|site| site.to_string()))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn site_count(pool: &SqlitePool) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM site")
        .fetch_one(pool)
        .await?)
}

/// Where managers reach this cloud, best first.
pub(super) async fn addresses(pool: &SqlitePool) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT address FROM cloud_address ORDER BY place")
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|(address,)| address).collect())
}

pub(super) async fn set_addresses(
    tx: &mut Transaction,
    addresses: Vec<String>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM cloud_address")
        .execute(&mut *tx)
        .await?;
    for (place, address) in (0i64..).zip(addresses) {
        sqlx::query("INSERT INTO cloud_address (place, address) VALUES ($1, $2)")
            .bind(place)
            .bind(address)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

fn key(text: &str) -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|error| StoreError::content("a key of a site", error))?;
    Ok(bytes)
}

fn site_id(text: &str) -> Result<SiteId, Refusal> {
    Ok(SiteId::parse(text).map_err(|error| StoreError::content("a site", error))?)
}
