//! The tables of detections and quarantined files.

use ::store::{Database, StoreError, Transaction};
use model::{
    DefinitionRevision, DetectionId, DeviceId, EndpointPath, QuarantineId, ScanId, Timestamp,
};
use proto::api::detection::{Detection, DetectionCounts, FileState, Triage, TriageChange};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::DetectionFilter;
use super::reported::Found;
use super::rules::{self, file_name};
use crate::commands::About;
use crate::refusal::Refusal;
use crate::web::cursor::Cursor;
use crate::web::like;

pub(crate) const TABLES: &str = "
CREATE TABLE detection (
    id TEXT NOT NULL PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id),
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    hashes TEXT,
    matches TEXT NOT NULL,
    rules TEXT NOT NULL,
    definitions BIGINT NOT NULL,
    initiator TEXT NOT NULL,
    scan TEXT,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    times_seen BIGINT NOT NULL,
    triage TEXT NOT NULL,
    triage_note TEXT NOT NULL,
    file TEXT NOT NULL,
    file_before TEXT,
    quarantine TEXT,
    last_failure TEXT,
    UNIQUE (device, path, sha256)
);
CREATE INDEX detection_seen ON detection (last_seen, id);
CREATE INDEX detection_triage ON detection (triage, device);
CREATE INDEX detection_quarantine ON detection (quarantine);
CREATE TABLE quarantine (
    id TEXT NOT NULL PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id),
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    hashes TEXT NOT NULL,
    initiator TEXT NOT NULL,
    quarantined BIGINT NOT NULL,
    file TEXT NOT NULL,
    file_before TEXT,
    detection TEXT
);
CREATE INDEX quarantine_time ON quarantine (quarantined, id);
CREATE INDEX quarantine_device ON quarantine (device);
";

pub(super) fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::content("a detection", error)
}

pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(damaged)
}

pub(super) fn text<T: Serialize>(value: &T) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(Refusal::internal("writing a detection"))
}

pub(super) fn path(row: &SqliteRow) -> Result<EndpointPath, StoreError> {
    EndpointPath::parse(row.try_get("path")?).map_err(damaged)
}

pub(super) fn file(row: &SqliteRow) -> Result<FileState, StoreError> {
    let name: &str = row.try_get("file")?;
    rules::file_state(name).ok_or_else(|| damaged(name))
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn number(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
}

fn detection(row: &SqliteRow) -> Result<Detection, StoreError> {
    let triage: &str = row.try_get("triage")?;
    let optional = |column| row.try_get::<Option<&str>, _>(column);
    Ok(Detection {
        id: DetectionId::parse(row.try_get("id")?).map_err(damaged)?,
        device: crate::devices::parse_id(row.try_get("device")?)?,
        hostname: row.try_get("hostname")?,
        path: path(row)?,
        size: number(row, "size")?,
        hashes: optional("hashes")?.map(json).transpose()?,
        matches: json(row.try_get("matches")?)?,
        definitions: DefinitionRevision(number(row, "definitions")?),
        initiator: json(row.try_get("initiator")?)?,
        scan: optional("scan")?
            .map(ScanId::parse)
            .transpose()
            .map_err(damaged)?,
        first_seen: time(row, "first_seen")?,
        last_seen: time(row, "last_seen")?,
        times_seen: number(row, "times_seen")?,
        triage: rules::triage(triage).ok_or_else(|| damaged(triage))?,
        triage_note: row.try_get("triage_note")?,
        file: file(row)?,
        quarantine: optional("quarantine")?
            .map(QuarantineId::parse)
            .transpose()
            .map_err(damaged)?,
        last_failure: row.try_get("last_failure")?,
    })
}

const SELECT: &str = "SELECT detection.*, device.hostname
    FROM detection JOIN device ON device.id = detection.device";

const WHERE: &str = "
    ($1 IS NULL OR detection.device = $1)
    AND ($2 IS NULL OR detection.triage = $2)
    AND ($3 IS NULL OR detection.file = $3)
    AND ($4 IS NULL OR detection.path LIKE $4 ESCAPE '\\' OR detection.rules LIKE $4 ESCAPE '\\'
        OR detection.sha256 LIKE $5 ESCAPE '\\')
    AND ($6 IS NULL OR detection.last_seen >= $6)
    AND ($7 IS NULL OR detection.last_seen < $7)";

/// A pattern for a SHA-256 that begins so.
pub(super) fn hash_prefix(text: &str) -> String {
    like(&text.to_lowercase()).chars().skip(1).collect()
}

pub(super) async fn list(
    database: &Database,
    filter: &DetectionFilter,
    after: Option<Cursor<i64>>,
    limit: usize,
) -> Result<(Vec<Detection>, u64), StoreError> {
    let (seen, id) = after.map_or((None, None), |Cursor(seen, id)| (Some(seen), Some(id)));
    macro_rules! filtered {
        ($query:expr) => {
            $query
                .bind(filter.device.map(|id| id.to_string()))
                .bind(filter.triage.map(Triage::name))
                .bind(filter.file.map(file_name))
                .bind(filter.search.as_deref().map(like))
                .bind(filter.search.as_deref().map(hash_prefix))
                .bind(filter.since.map(Timestamp::millis))
                .bind(filter.until.map(Timestamp::millis))
        };
    }
    let rows = filtered!(sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE {WHERE}
         AND ($8 IS NULL OR detection.last_seen < $8
              OR (detection.last_seen = $8 AND detection.id < $9))
         ORDER BY detection.last_seen DESC, detection.id DESC LIMIT $10"
    ))))
    .bind(seen)
    .bind(id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = filtered!(sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT COUNT(*) FROM detection WHERE {WHERE}"
    ))))
    .fetch_one(database.read())
    .await?;
    let items = rows.iter().map(detection).collect::<Result<_, _>>()?;
    Ok((items, u64::try_from(total).unwrap_or_default()))
}

pub(super) async fn find(
    database: &Database,
    id: DetectionId,
) -> Result<Option<Detection>, StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "{SELECT} WHERE detection.id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(database.read())
    .await?
    .as_ref()
    .map(detection)
    .transpose()
}

pub(super) async fn counts(
    database: &Database,
    since: Timestamp,
) -> Result<DetectionCounts, StoreError> {
    let (total, open, in_progress, open_last_day): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT COUNT(*),
            COALESCE(SUM(CASE WHEN triage = 'open' THEN 1 ELSE 0 END), 0),
            COALESCE(SUM(CASE WHEN triage = 'in_progress' THEN 1 ELSE 0 END), 0),
            COALESCE(SUM(CASE WHEN triage = 'open' AND last_seen >= $1 THEN 1 ELSE 0 END), 0)
         FROM detection",
    )
    .bind(since.millis())
    .fetch_one(database.read())
    .await?;
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(DetectionCounts {
        total: count(total),
        open: count(open),
        in_progress: count(in_progress),
        open_last_day: count(open_last_day),
    })
}

/// A new detection, or one more sighting. What was confirmed and dealt with and is there again,
/// is open again.
pub(super) async fn upsert(
    tx: &mut Transaction,
    id: DetectionId,
    device: DeviceId,
    found: &Found<'_>,
) -> Result<DetectionId, Refusal> {
    let rules: Vec<&str> = found
        .matches
        .iter()
        .map(|found| found.rule.as_str())
        .collect();
    let id: String = sqlx::query_scalar(
        "INSERT INTO detection (id, device, path, sha256, size, hashes, matches, rules,
            definitions, initiator, scan, first_seen, last_seen, times_seen, triage, triage_note,
            file)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, 1, 'open', '', 'in_place')
         ON CONFLICT (device, path, sha256) DO UPDATE SET
            matches = excluded.matches, rules = excluded.rules,
            definitions = excluded.definitions, initiator = excluded.initiator,
            scan = COALESCE(excluded.scan, detection.scan),
            last_seen = CASE WHEN excluded.last_seen > detection.last_seen
                THEN excluded.last_seen ELSE detection.last_seen END,
            times_seen = detection.times_seen + 1,
            triage = CASE WHEN detection.triage = 'confirmed'
                AND detection.file IN ('quarantined', 'deleted')
                THEN 'open' ELSE detection.triage END,
            file = CASE WHEN detection.file = 'pending' THEN 'pending' ELSE 'in_place' END
         RETURNING id",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .bind(found.path.as_str())
    .bind(
        found
            .hashes
            .map(|hashes| hashes.sha256.to_string())
            .unwrap_or_default(),
    )
    .bind(i64::try_from(found.size).unwrap_or(i64::MAX))
    .bind(found.hashes.map(text).transpose()?)
    .bind(text(&found.matches)?)
    .bind(rules.join("\n"))
    .bind(i64::try_from(found.definitions.0).unwrap_or(i64::MAX))
    .bind(text(found.initiator)?)
    .bind(found.scan.map(|id| id.to_string()))
    .bind(found.time.millis())
    .fetch_one(tx)
    .await?;
    Ok(DetectionId::parse(&id).map_err(damaged)?)
}

pub(super) async fn triage(
    tx: &mut Transaction,
    id: DetectionId,
    change: &TriageChange,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE detection SET triage = $2, triage_note = COALESCE($3, triage_note) WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(change.triage.name())
    .bind(change.note.as_deref())
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Marks what a command is about; false when its state is another by now.
pub(super) async fn set_pending(
    tx: &mut Transaction,
    about: About,
    expected: FileState,
) -> Result<bool, StoreError> {
    let mut done = true;
    if let Some(id) = about.quarantine {
        let rows = sqlx::query(
            "UPDATE quarantine SET file_before = file, file = 'pending'
             WHERE id = $1 AND file = $2",
        )
        .bind(id.to_string())
        .bind(file_name(expected))
        .execute(&mut *tx)
        .await?;
        done &= rows.rows_affected() == 1;
    }
    if let Some(id) = about.detection {
        let rows = sqlx::query(
            "UPDATE detection SET file_before = file, file = 'pending', last_failure = NULL
             WHERE id = $1 AND (file = $2 OR ($3 AND file <> 'pending'))",
        )
        .bind(id.to_string())
        .bind(file_name(expected))
        .bind(i64::from(about.quarantine.is_some()))
        .execute(tx)
        .await?;
        done &= rows.rows_affected() == 1 || about.quarantine.is_some();
    }
    Ok(done)
}

pub(super) async fn end_pending_detection(
    tx: &mut Transaction,
    id: DetectionId,
    failure: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE detection SET last_failure = COALESCE($2, last_failure),
            file = CASE WHEN file = 'pending' THEN COALESCE(file_before, 'in_place') ELSE file END,
            file_before = NULL
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(failure)
    .execute(tx)
    .await?;
    Ok(())
}
