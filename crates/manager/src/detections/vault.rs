//! The table of quarantined files.

use ::store::{Database, StoreError, Transaction};
use model::{DetectionId, DeviceId, QuarantineId};
use proto::api::detection::Quarantined;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::QuarantineFilter;
use super::reported::Remedied;
use super::rules::file_name;
use super::store::{damaged, file, hash_prefix, json, path, text, time};
use crate::refusal::Refusal;
use crate::web::cursor::Cursor;
use crate::web::like;

pub(super) async fn end_pending_quarantine(
    tx: &mut Transaction,
    id: QuarantineId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE quarantine SET file_before = NULL,
            file = CASE WHEN file = 'pending' THEN COALESCE(file_before, 'quarantined') ELSE file END
         WHERE id = $1",
    )
    .bind(id.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

/// A file went into quarantine; gives the detection that it belongs to.
pub(super) async fn quarantine(
    tx: &mut Transaction,
    device: DeviceId,
    remedied: &Remedied<'_>,
) -> Result<Option<DetectionId>, Refusal> {
    let sha256 = remedied.hashes.sha256.to_string();
    let detection: Option<String> = sqlx::query_scalar(
        "UPDATE detection SET file = 'quarantined', file_before = NULL, quarantine = $4,
            last_failure = NULL
         WHERE device = $1 AND path = $2 AND sha256 = $3 RETURNING id",
    )
    .bind(device.to_string())
    .bind(remedied.path.as_str())
    .bind(&sha256)
    .bind(remedied.quarantine.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    // An id of another device's file is left alone.
    sqlx::query(
        "INSERT INTO quarantine (id, device, path, sha256, hashes, initiator, quarantined, file,
            detection)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'quarantined', $8)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(remedied.quarantine.to_string())
    .bind(device.to_string())
    .bind(remedied.path.as_str())
    .bind(&sha256)
    .bind(text(remedied.hashes)?)
    .bind(text(remedied.initiator)?)
    .bind(remedied.time.millis())
    .bind(&detection)
    .execute(tx)
    .await?;
    Ok(detection
        .as_deref()
        .map(DetectionId::parse)
        .transpose()
        .map_err(damaged)?)
}

/// A file left quarantine; gives the detection that it belongs to.
pub(super) async fn leave_quarantine(
    tx: &mut Transaction,
    device: DeviceId,
    id: QuarantineId,
    state: &'static str,
) -> Result<Option<DetectionId>, Refusal> {
    sqlx::query(
        "UPDATE quarantine SET file = $3, file_before = NULL WHERE id = $1 AND device = $2",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .bind(state)
    .execute(&mut *tx)
    .await?;
    let detection: Option<String> = sqlx::query_scalar(
        "UPDATE detection SET file = $3, file_before = NULL, last_failure = NULL
         WHERE quarantine = $1 AND device = $2 RETURNING id",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .bind(state)
    .fetch_optional(tx)
    .await?;
    Ok(detection
        .as_deref()
        .map(DetectionId::parse)
        .transpose()
        .map_err(damaged)?)
}

fn quarantined_row(row: &SqliteRow) -> Result<Quarantined, StoreError> {
    Ok(Quarantined {
        id: QuarantineId::parse(row.try_get("id")?).map_err(damaged)?,
        device: crate::devices::parse_id(row.try_get("device")?)?,
        hostname: row.try_get("hostname")?,
        path: path(row)?,
        hashes: json(row.try_get("hashes")?)?,
        initiator: json(row.try_get("initiator")?)?,
        quarantined: time(row, "quarantined")?,
        file: file(row)?,
        detection: row
            .try_get::<Option<&str>, _>("detection")?
            .map(DetectionId::parse)
            .transpose()
            .map_err(damaged)?,
    })
}

const SELECT_QUARANTINED: &str = "SELECT quarantine.*, device.hostname
    FROM quarantine JOIN device ON device.id = quarantine.device";

const WHERE_QUARANTINED: &str = "
    ($1 IS NULL OR quarantine.device = $1)
    AND ($2 IS NULL OR quarantine.file = $2)
    AND ($3 IS NULL OR quarantine.path LIKE $3 ESCAPE '\\'
        OR quarantine.sha256 LIKE $4 ESCAPE '\\')";

pub(super) async fn quarantined(
    database: &Database,
    filter: &QuarantineFilter,
    after: Option<Cursor<i64>>,
    limit: usize,
) -> Result<(Vec<Quarantined>, u64), StoreError> {
    let (at, id) = after.map_or((None, None), |Cursor(at, id)| (Some(at), Some(id)));
    macro_rules! filtered {
        ($query:expr) => {
            $query
                .bind(filter.device.map(|id| id.to_string()))
                .bind(filter.file.map(file_name))
                .bind(filter.search.as_deref().map(like))
                .bind(filter.search.as_deref().map(hash_prefix))
        };
    }
    let rows = filtered!(sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT_QUARANTINED} WHERE {WHERE_QUARANTINED}
         AND ($5 IS NULL OR quarantine.quarantined < $5
              OR (quarantine.quarantined = $5 AND quarantine.id < $6))
         ORDER BY quarantine.quarantined DESC, quarantine.id DESC LIMIT $7"
    ))))
    .bind(at)
    .bind(id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = filtered!(sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT COUNT(*) FROM quarantine WHERE {WHERE_QUARANTINED}"
    ))))
    .fetch_one(database.read())
    .await?;
    let items = rows.iter().map(quarantined_row).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn find_quarantined(
    database: &Database,
    id: QuarantineId,
) -> Result<Option<Quarantined>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT_QUARANTINED} WHERE quarantine.id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(database.read())
    .await?
    .as_ref()
    .map(quarantined_row)
    .transpose()
}
