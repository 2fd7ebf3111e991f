//! The tables of pings.

use model::{DefinitionType, SiteId, Timestamp};
use proto::site::{Ping, RulePings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqlitePool;
use store::{StoreError, Transaction};

use crate::refusal::Refusal;

/// Times are milliseconds.
pub(crate) const TABLES: &str = "
CREATE TABLE ping (
    rule TEXT NOT NULL,
    definition_type TEXT NOT NULL,
    site TEXT NOT NULL,
    hour BIGINT NOT NULL,
    maturity TEXT NOT NULL,
    definitions BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    devices BIGINT NOT NULL,
    PRIMARY KEY (rule, definition_type, site, hour, maturity, definitions)
);
CREATE INDEX ping_by_hour ON ping (hour);
CREATE TABLE ping_progress (
    site TEXT PRIMARY KEY,
    counted_through BIGINT NOT NULL
);
";

pub(super) async fn counted_through(tx: &mut Transaction, site: SiteId) -> Result<i64, Refusal> {
    let row: Option<(i64,)> =
        sqlx::query_as("SELECT counted_through FROM ping_progress WHERE site = $1")
            .bind(site.to_string())
            .fetch_optional(tx)
            .await?;
    Ok(row.map_or(0, |(sequence,)| sequence))
}

pub(super) async fn set_counted_through(
    tx: &mut Transaction,
    site: SiteId,
    sequence: i64,
) -> Result<(), Refusal> {
    sqlx::query(
        "INSERT INTO ping_progress (site, counted_through) VALUES ($1, $2)
         ON CONFLICT (site) DO UPDATE SET counted_through = excluded.counted_through",
    )
    .bind(site.to_string())
    .bind(sequence)
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds a ping to what is known of the same hour: hits add up, of the devices the larger number
/// counts, because the same ones may be meant.
pub(super) async fn add(tx: &mut Transaction, site: SiteId, ping: &Ping) -> Result<(), Refusal> {
    sqlx::query(
        "INSERT INTO ping
             (rule, definition_type, site, hour, maturity, definitions, hits, devices)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (rule, definition_type, site, hour, maturity, definitions) DO UPDATE SET
             hits = CASE WHEN ping.hits + excluded.hits > $9 THEN $9
                         ELSE ping.hits + excluded.hits END,
             devices = CASE WHEN ping.devices > excluded.devices THEN ping.devices
                            ELSE excluded.devices END",
    )
    .bind(&ping.rule)
    .bind(word(&ping.definition_type)?)
    .bind(site.to_string())
    .bind(ping.hour.millis())
    .bind(word(&ping.maturity)?)
    .bind(i64::try_from(ping.definitions.0).unwrap_or(i64::MAX))
    .bind(i64::try_from(ping.hits).unwrap_or(i64::MAX))
    .bind(i64::try_from(ping.devices).unwrap_or(i64::MAX))
    .bind(super::rules::MAX_HITS)
    .execute(tx)
    .await?;
    Ok(())
}

/// Rules behind that one, in the order of name and type.
pub(super) async fn rules_after(
    pool: &SqlitePool,
    after: Option<(String, DefinitionType)>,
    limit: u32,
) -> Result<Vec<RulePings>, Refusal> {
    let (rule, definition_type) = match after {
        Some((rule, definition_type)) => (rule, word(&definition_type)?),
        None => (String::new(), String::new()),
    };
    let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT rule, definition_type,
                CAST(SUM(hits) AS BIGINT), COUNT(DISTINCT site), MAX(hour)
         FROM ping
         WHERE (rule, definition_type) > ($1, $2)
         GROUP BY rule, definition_type
         ORDER BY rule, definition_type
         LIMIT $3",
    )
    .bind(rule)
    .bind(definition_type)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|(rule, definition_type, hits, sites, last_hour)| {
            Ok(RulePings {
                rule,
                definition_type: from_word(&definition_type)?,
                hits: u64::try_from(hits).unwrap_or(0),
                sites: u64::try_from(sites).unwrap_or(0),
                last_hour: Timestamp::from_millis(last_hour),
            })
        })
        .collect()
}

pub(super) async fn rule_total(pool: &SqlitePool) -> Result<u64, Refusal> {
    let total: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT DISTINCT rule, definition_type FROM ping) AS known",
    )
    .fetch_one(pool)
    .await?;
    Ok(u64::try_from(total).unwrap_or(0))
}

/// Deletes the hours before the horizon, and then the oldest until `max_rows` are left.
pub(super) async fn prune(
    tx: &mut Transaction,
    horizon: Timestamp,
    max_rows: u64,
) -> Result<u64, Refusal> {
    let mut gone = delete_before(tx, horizon.millis()).await?;
    let beyond: Option<(i64,)> =
        sqlx::query_as("SELECT hour FROM ping ORDER BY hour DESC LIMIT 1 OFFSET $1")
            .bind(i64::try_from(max_rows).unwrap_or(i64::MAX))
            .fetch_optional(&mut *tx)
            .await?;
    if let Some((hour,)) = beyond {
        gone += delete_before(tx, hour.saturating_add(1)).await?;
    }
    Ok(gone)
}

async fn delete_before(tx: &mut Transaction, hour: i64) -> Result<u64, Refusal> {
    let result = sqlx::query("DELETE FROM ping WHERE hour < $1")
        .bind(hour)
        .execute(tx)
        .await?;
    Ok(result.rows_affected())
}

/// The name of a variant, as on the wire.
fn word<T: Serialize>(value: &T) -> Result<String, Refusal> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(_) => Err(Refusal::internal("naming a value")("it has no name")),
        Err(error) => Err(Refusal::internal("naming a value")(error)),
    }
}

fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, Refusal> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| StoreError::content("a definition type", error).into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{DefinitionRevision, Maturity};
    use store::Database;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn filled(folder: &tempfile::TempDir, hours: u32) -> Database {
        let path = folder.path().join("test.db");
        let database = Database::open(&path, crate::tables::MIGRATIONS)
            .await
            .unwrap();
        let site = SiteId::generate();
        for hour in 0..hours {
            let ping = Ping {
                rule: format!("rule {hour}"),
                definition_type: DefinitionType::Av,
                maturity: Maturity::Silent,
                definitions: DefinitionRevision(1),
                hour: Timestamp::EPOCH.plus(HOUR * hour),
                hits: 1,
                devices: 1,
            };
            database
                .write(|tx| Box::pin(async move { add(tx, site, &ping).await }))
                .await
                .unwrap();
        }
        database
    }

    async fn pruned(database: &Database, horizon: Timestamp, max_rows: u64) -> (u64, u64) {
        let gone = database
            .write(|tx| Box::pin(prune(tx, horizon, max_rows)))
            .await
            .unwrap();
        (gone, rule_total(database.read()).await.unwrap())
    }

    #[tokio::test]
    async fn hours_before_the_horizon_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(&folder, 10).await;
        let horizon = Timestamp::EPOCH.plus(HOUR * 4);
        assert_eq!(pruned(&database, horizon, 100).await, (4, 6));
        assert_eq!(pruned(&database, horizon, 100).await, (0, 6));
    }

    #[tokio::test]
    async fn beyond_the_budget_the_oldest_hours_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(&folder, 10).await;
        assert_eq!(pruned(&database, Timestamp::EPOCH, 3).await, (7, 3));
        let left = rules_after(database.read(), None, 10).await.unwrap();
        assert_eq!(left[0].rule, "rule 7");
    }

    #[tokio::test]
    async fn sums_have_a_ceiling() {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(&folder, 0).await;
        let site = SiteId::generate();
        for _ in 0..3 {
            let ping = Ping {
                rule: "A".to_owned(),
                definition_type: DefinitionType::Av,
                maturity: Maturity::Silent,
                definitions: DefinitionRevision(1),
                hour: Timestamp::EPOCH,
                hits: super::super::rules::MAX_HITS.unsigned_abs(),
                devices: 1,
            };
            database
                .write(|tx| Box::pin(async move { add(tx, site, &ping).await }))
                .await
                .unwrap();
        }
        let rules = rules_after(database.read(), None, 10).await.unwrap();
        assert_eq!(rules[0].hits, super::super::rules::MAX_HITS.unsigned_abs());
    }
}
