//! The tables of the link: what the cloud gave, counts of the hour, and batches that wait.

use ::store::{Database, StoreError, Transaction};
use model::{DefinitionRevision, DefinitionType, DeviceId, Maturity, RuleMatch, Timestamp};
use proto::site::{MAX_PINGS, Ping, PingBatch};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::link::Enrolled;
use crate::refusal::Refusal;

pub(crate) const TABLES: &str = "
CREATE TABLE cloud_link (
    only BIGINT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    certificate TEXT NOT NULL,
    ca_certificate TEXT NOT NULL,
    expires BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL
);
CREATE TABLE ping (
    hour BIGINT NOT NULL,
    rule TEXT NOT NULL,
    definition_type TEXT NOT NULL,
    maturity TEXT NOT NULL,
    definitions BIGINT NOT NULL,
    device TEXT NOT NULL,
    hits BIGINT NOT NULL,
    PRIMARY KEY (hour, rule, definition_type, maturity, definitions, device)
);
CREATE TABLE ping_batch (
    sequence BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);
";

/// Lines of counts that are kept while the cloud is out of reach; beyond it nothing new is
/// counted.
const MAX_LINES: i64 = 200_000;
/// Characters of a rule's name that are passed on.
const MAX_RULE: usize = 200;

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn read_word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| StoreError::content("a ping", error))
}

pub(super) async fn enrolled(database: &Database) -> Result<Option<Enrolled>, StoreError> {
    sqlx::query("SELECT * FROM cloud_link WHERE only = 1")
        .fetch_optional(database.read())
        .await?
        .map(|row| {
            Ok(Enrolled {
                address: row.try_get("address")?,
                name: row.try_get("name")?,
                certificate: row.try_get("certificate")?,
                ca_certificate: row.try_get("ca_certificate")?,
                expires: Timestamp::from_millis(row.try_get("expires")?),
            })
        })
        .transpose()
}

/// Keeps what the cloud gave. Batches are numbered on, also with another cloud.
pub(super) async fn set_enrolled(
    database: &Database,
    enrolled: Enrolled,
) -> Result<(), StoreError> {
    database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO cloud_link
                     (only, address, name, certificate, ca_certificate, expires, last_sequence)
                     VALUES (1, $1, $2, $3, $4, $5, 0)
                     ON CONFLICT (only) DO UPDATE SET address = excluded.address,
                        name = excluded.name, certificate = excluded.certificate,
                        ca_certificate = excluded.ca_certificate, expires = excluded.expires",
                )
                .bind(&enrolled.address)
                .bind(&enrolled.name)
                .bind(&enrolled.certificate)
                .bind(&enrolled.ca_certificate)
                .bind(enrolled.expires.millis())
                .execute(tx)
                .await?;
                Ok(())
            })
        })
        .await
}

pub(super) async fn count(
    tx: &mut Transaction,
    device: DeviceId,
    found: &RuleMatch,
    definitions: DefinitionRevision,
    hour: Timestamp,
) -> Result<(), Refusal> {
    sqlx::query(
        "INSERT INTO ping (hour, rule, definition_type, maturity, definitions, device, hits)
         SELECT $1, $2, $3, $4, $5, $6, 1 WHERE (SELECT COUNT(*) FROM ping) < $7
         ON CONFLICT (hour, rule, definition_type, maturity, definitions, device)
         DO UPDATE SET hits = ping.hits + 1",
    )
    .bind(hour.millis())
    .bind(found.rule.chars().take(MAX_RULE).collect::<String>())
    .bind(word(&found.definition_type))
    .bind(word(&found.maturity))
    .bind(i64::try_from(definitions.0).unwrap_or(i64::MAX))
    .bind(device.to_string())
    .bind(MAX_LINES)
    .execute(tx)
    .await?;
    Ok(())
}

/// Pings that wait for delivery.
pub(super) async fn waiting(database: &Database) -> Result<u64, StoreError> {
    let counting: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT DISTINCT hour, rule, definition_type, maturity, definitions
         FROM ping)",
    )
    .fetch_one(database.read())
    .await?;
    let bodies: Vec<(String,)> = sqlx::query_as("SELECT body FROM ping_batch")
        .fetch_all(database.read())
        .await?;
    let batched: usize = bodies
        .iter()
        .filter_map(|(body,)| serde_json::from_str::<PingBatch>(body).ok())
        .map(|batch| batch.pings.len())
        .sum();
    Ok(u64::try_from(counting).unwrap_or_default() + u64::try_from(batched).unwrap_or_default())
}

fn ping(row: &SqliteRow) -> Result<Ping, StoreError> {
    let number = |column| -> Result<u64, StoreError> {
        Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
    };
    Ok(Ping {
        rule: row.try_get("rule")?,
        definition_type: read_word::<DefinitionType>(row.try_get("definition_type")?)?,
        maturity: read_word::<Maturity>(row.try_get("maturity")?)?,
        definitions: DefinitionRevision(number("definitions")?),
        hour: Timestamp::from_millis(row.try_get("hour")?),
        hits: number("hits")?,
        devices: number("devices")?,
    })
}

/// Puts the counts of hours before `current` into batches that never change again, so that each
/// can be sent as often as it takes.
pub(super) async fn close_hours(database: &Database, current: Timestamp) -> Result<(), Refusal> {
    database
        .write(|tx| {
            Box::pin(async move {
                let rows = sqlx::query(
                    "SELECT hour, rule, definition_type, maturity, definitions,
                        SUM(hits) AS hits, COUNT(*) AS devices
                     FROM ping WHERE hour < $1
                     GROUP BY hour, rule, definition_type, maturity, definitions
                     ORDER BY hour, rule",
                )
                .bind(current.millis())
                .fetch_all(&mut *tx)
                .await?;
                let pings = rows.iter().map(ping).collect::<Result<Vec<_>, _>>()?;
                for pings in pings.chunks(MAX_PINGS) {
                    let sequence: i64 = sqlx::query_scalar(
                        "UPDATE cloud_link SET last_sequence = last_sequence + 1
                         WHERE only = 1 RETURNING last_sequence",
                    )
                    .fetch_one(&mut *tx)
                    .await?;
                    let batch = PingBatch {
                        sequence: u64::try_from(sequence).unwrap_or_default(),
                        pings: pings.to_vec(),
                    };
                    let body = serde_json::to_string(&batch)
                        .map_err(Refusal::internal("writing pings"))?;
                    sqlx::query("INSERT INTO ping_batch (sequence, body) VALUES ($1, $2)")
                        .bind(sequence)
                        .bind(body)
                        .execute(&mut *tx)
                        .await?;
                }
                sqlx::query("DELETE FROM ping WHERE hour < $1")
                    .bind(current.millis())
                    .execute(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}

pub(super) async fn next_batch(database: &Database) -> Result<Option<PingBatch>, StoreError> {
    let body: Option<String> =
        sqlx::query_scalar("SELECT body FROM ping_batch ORDER BY sequence LIMIT 1")
            .fetch_optional(database.read())
            .await?;
    body.map(|body| {
        serde_json::from_str(&body).map_err(|error| StoreError::content("pings", error))
    })
    .transpose()
}

pub(super) async fn delivered(database: &Database, through: u64) -> Result<(), Refusal> {
    database
        .write(|tx| {
            Box::pin(async move {
                sqlx::query("DELETE FROM ping_batch WHERE sequence <= $1")
                    .bind(i64::try_from(through).unwrap_or(i64::MAX))
                    .execute(tx)
                    .await?;
                Ok(())
            })
        })
        .await
}
