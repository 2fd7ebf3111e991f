//! The tables of scans.

use std::collections::HashMap;

use ::store::{Database, StoreError, Transaction};
use model::verdict::ScanTotals;
use model::{DeviceId, EndpointPath, ScanId, Timestamp};
use proto::api::scan::{Scan, ScanOnDevice, ScanState};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::ScanFilter;
use crate::refusal::Refusal;
use crate::web::cursor::Cursor;

pub(crate) const TABLES: &str = "
CREATE TABLE scan (
    id TEXT NOT NULL PRIMARY KEY,
    requested_by TEXT NOT NULL,
    requested BIGINT NOT NULL,
    paths TEXT NOT NULL,
    origin TEXT
);
CREATE INDEX scan_requested ON scan (requested, id);
CREATE TABLE scan_device (
    scan TEXT NOT NULL REFERENCES scan (id),
    device TEXT NOT NULL REFERENCES device (id),
    state TEXT NOT NULL,
    began BIGINT,
    ended BIGINT,
    totals TEXT,
    failure TEXT,
    detections BIGINT NOT NULL,
    PRIMARY KEY (scan, device)
);
CREATE INDEX scan_device_device ON scan_device (device);
";

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::content("a scan", error)
}

fn state(name: &str) -> Result<ScanState, StoreError> {
    Ok(match name {
        "waiting" => ScanState::Waiting,
        "running" => ScanState::Running,
        "done" => ScanState::Done,
        "cancelled" => ScanState::Cancelled,
        "failed" => ScanState::Failed,
        "expired" => ScanState::Expired,
        other => return Err(damaged(other)),
    })
}

fn scan(row: &SqliteRow) -> Result<Scan, StoreError> {
    Ok(Scan {
        id: ScanId::parse(row.try_get("id")?).map_err(damaged)?,
        requested_by: row.try_get("requested_by")?,
        requested: Timestamp::from_millis(row.try_get("requested")?),
        paths: serde_json::from_str(row.try_get("paths")?).map_err(damaged)?,
        devices: Vec::new(),
        detections: 0,
    })
}

fn on_device(row: &SqliteRow) -> Result<ScanOnDevice, StoreError> {
    let time = |column| -> Result<Option<Timestamp>, StoreError> {
        Ok(row
            .try_get::<Option<i64>, _>(column)?
            .map(Timestamp::from_millis))
    };
    Ok(ScanOnDevice {
        device: crate::devices::parse_id(row.try_get("device")?)?,
        hostname: row.try_get("hostname")?,
        state: state(row.try_get("state")?)?,
        began: time("began")?,
        ended: time("ended")?,
        totals: row
            .try_get::<Option<&str>, _>("totals")?
            .map(serde_json::from_str)
            .transpose()
            .map_err(damaged)?,
        failure: row.try_get("failure")?,
    })
}

const WHERE: &str = "($1 IS NULL OR EXISTS (SELECT 1 FROM scan_device
    WHERE scan_device.scan = scan.id AND scan_device.device = $1))";

pub(super) async fn list(
    database: &Database,
    filter: &ScanFilter,
    after: Option<Cursor<i64>>,
    limit: usize,
) -> Result<(Vec<Scan>, u64), StoreError> {
    let device = filter.device.map(|id| id.to_string());
    let (requested, id) = after.map_or((None, None), |Cursor(at, id)| (Some(at), Some(id)));
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT * FROM scan WHERE {WHERE}
         AND ($2 IS NULL OR requested < $2 OR (requested = $2 AND id < $3))
         ORDER BY requested DESC, id DESC LIMIT $4"
    )))
    .bind(device.clone())
    .bind(requested)
    .bind(id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(database.read())
    .await?;
    let total: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT COUNT(*) FROM scan WHERE {WHERE}"
    )))
    .bind(device)
    .fetch_one(database.read())
    .await?;
    let scans = rows.iter().map(scan).collect::<Result<Vec<_>, _>>()?;
    Ok((
        with_devices(database, scans).await?,
        u64::try_from(total).unwrap_or_default(),
    ))
}

pub(super) async fn find(database: &Database, id: ScanId) -> Result<Option<Scan>, StoreError> {
    let row = sqlx::query("SELECT * FROM scan WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(database.read())
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(with_devices(database, vec![scan(&row)?]).await?.pop())
}

/// Adds each scan's devices.
async fn with_devices(database: &Database, mut scans: Vec<Scan>) -> Result<Vec<Scan>, StoreError> {
    if scans.is_empty() {
        return Ok(scans);
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT scan_device.*, device.hostname FROM scan_device
         JOIN device ON device.id = scan_device.device WHERE scan_device.scan IN (",
    );
    let mut list = query.separated(", ");
    for scan in &scans {
        list.push_bind(scan.id.to_string());
    }
    query.push(") ORDER BY device.hostname, device.id");
    let mut found: HashMap<String, (Vec<ScanOnDevice>, u64)> = HashMap::new();
    for row in query.build().fetch_all(database.read()).await? {
        let (devices, detections) = found.entry(row.try_get("scan")?).or_default();
        devices.push(on_device(&row)?);
        *detections += u64::try_from(row.try_get::<i64, _>("detections")?).unwrap_or_default();
    }
    for scan in &mut scans {
        if let Some((devices, detections)) = found.remove(&scan.id.to_string()) {
            scan.devices = devices;
            scan.detections = detections;
        }
    }
    Ok(scans)
}

/// A scan; fine when it is there already.
pub(super) async fn insert(
    tx: &mut Transaction,
    id: ScanId,
    requested_by: &str,
    requested: Timestamp,
    paths: &[EndpointPath],
    origin: Option<DeviceId>,
) -> Result<(), Refusal> {
    let paths = serde_json::to_string(paths).map_err(Refusal::internal("writing a scan"))?;
    sqlx::query(
        "INSERT INTO scan (id, requested_by, requested, paths, origin)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(requested_by)
    .bind(requested.millis())
    .bind(paths)
    .bind(origin.map(|id| id.to_string()))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn is_local_to(
    tx: &mut Transaction,
    id: ScanId,
    device: DeviceId,
) -> Result<bool, StoreError> {
    let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM scan WHERE id = $1 AND origin = $2")
        .bind(id.to_string())
        .bind(device.to_string())
        .fetch_one(tx)
        .await?;
    Ok(found == 1)
}

pub(super) async fn insert_device(
    tx: &mut Transaction,
    id: ScanId,
    device: DeviceId,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO scan_device (scan, device, state, detections) VALUES ($1, $2, 'waiting', 0)
         ON CONFLICT (scan, device) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn began(
    tx: &mut Transaction,
    id: ScanId,
    device: DeviceId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE scan_device SET state = 'running', began = $3, failure = NULL
         WHERE scan = $1 AND device = $2 AND state IN ('waiting', 'expired')",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .bind(at.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn ended(
    tx: &mut Transaction,
    id: ScanId,
    device: DeviceId,
    state: &str,
    totals: &ScanTotals,
    at: Timestamp,
) -> Result<(), Refusal> {
    let totals = serde_json::to_string(totals).map_err(Refusal::internal("writing a scan"))?;
    sqlx::query(
        "UPDATE scan_device SET state = $3, totals = $4, ended = $5, failure = NULL,
            began = COALESCE(began, $5)
         WHERE scan = $1 AND device = $2",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .bind(state)
    .bind(totals)
    .bind(at.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn failed(
    tx: &mut Transaction,
    id: ScanId,
    device: DeviceId,
    state: &str,
    failure: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE scan_device SET state = $3, failure = $4, ended = $5
         WHERE scan = $1 AND device = $2 AND state IN ('waiting', 'running')",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .bind(state)
    .bind(failure)
    .bind(at.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn count_detection(
    tx: &mut Transaction,
    id: ScanId,
    device: DeviceId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE scan_device SET detections = detections + 1 WHERE scan = $1 AND device = $2",
    )
    .bind(id.to_string())
    .bind(device.to_string())
    .execute(tx)
    .await?;
    Ok(())
}
