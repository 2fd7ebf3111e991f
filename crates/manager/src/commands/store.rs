//! The table of commands.

use ::store::{Database, StoreError, Transaction};
use model::{CommandId, DetectionId, DeviceId, QuarantineId, ScanId, Timestamp};
use proto::Signed;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{About, Prepared};
use crate::refusal::Refusal;

pub(crate) const TABLES: &str = "
CREATE TABLE command (
    id TEXT NOT NULL PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id),
    kind TEXT NOT NULL,
    signed TEXT NOT NULL,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    state TEXT NOT NULL,
    ended BIGINT,
    failure TEXT,
    scan TEXT,
    detection TEXT,
    quarantine TEXT,
    requested_by TEXT NOT NULL
);
CREATE INDEX command_waiting ON command (state, device);
";

pub(super) async fn count_waiting(
    tx: &mut Transaction,
    device: DeviceId,
) -> Result<i64, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT COUNT(*) FROM command WHERE state = 'waiting' AND device = $1")
            .bind(device.to_string())
            .fetch_one(tx)
            .await?,
    )
}

/// Commands of the same kind that wait for the same device and have not expired.
pub(super) async fn count_like(
    tx: &mut Transaction,
    command: &Prepared,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM command
         WHERE state = 'waiting' AND device = $1 AND kind = $2 AND expires > $3",
    )
    .bind(command.device.to_string())
    .bind(command.kind)
    .bind(command.issued.millis())
    .fetch_one(tx)
    .await?)
}

pub(super) async fn insert(tx: &mut Transaction, command: &Prepared) -> Result<(), Refusal> {
    let signed =
        serde_json::to_string(&command.signed).map_err(Refusal::internal("writing a command"))?;
    sqlx::query(
        "INSERT INTO command (id, device, kind, signed, issued, expires, state, scan, detection,
            quarantine, requested_by)
         VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, $9, $10)",
    )
    .bind(command.id.to_string())
    .bind(command.device.to_string())
    .bind(command.kind)
    .bind(signed)
    .bind(command.issued.millis())
    .bind(command.expires.millis())
    .bind(command.about.scan.map(|id| id.to_string()))
    .bind(command.about.detection.map(|id| id.to_string()))
    .bind(command.about.quarantine.map(|id| id.to_string()))
    .bind(&command.requested_by)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn waiting(
    database: &Database,
    device: DeviceId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Signed>, StoreError> {
    let texts: Vec<(String,)> = sqlx::query_as(
        "SELECT signed FROM command
         WHERE state = 'waiting' AND device = $1 AND expires > $2 ORDER BY id LIMIT $3",
    )
    .bind(device.to_string())
    .bind(now.millis())
    .bind(limit)
    .fetch_all(database.read())
    .await?;
    texts
        .iter()
        .map(|(text,)| {
            serde_json::from_str(text).map_err(|error| StoreError::content("a command", error))
        })
        .collect()
}

fn about(row: &SqliteRow) -> Result<About, StoreError> {
    let text = |column| row.try_get::<Option<&str>, _>(column);
    let damaged = |error| StoreError::content("a command", error);
    Ok(About {
        scan: text("scan")?
            .map(ScanId::parse)
            .transpose()
            .map_err(damaged)?,
        detection: text("detection")?
            .map(DetectionId::parse)
            .transpose()
            .map_err(damaged)?,
        quarantine: text("quarantine")?
            .map(QuarantineId::parse)
            .transpose()
            .map_err(damaged)?,
    })
}

pub(super) async fn finish(
    tx: &mut Transaction,
    device: DeviceId,
    command: CommandId,
    state: &str,
    failure: Option<&str>,
    now: Timestamp,
) -> Result<Option<About>, Refusal> {
    let row = sqlx::query(
        "UPDATE command SET state = $3, failure = $4, ended = $5
         WHERE id = $1 AND device = $2 AND state IN ('waiting', 'expired')
         RETURNING scan, detection, quarantine",
    )
    .bind(command.to_string())
    .bind(device.to_string())
    .bind(state)
    .bind(failure)
    .bind(now.millis())
    .fetch_optional(tx)
    .await?;
    Ok(row.as_ref().map(about).transpose()?)
}

pub(super) async fn expire(
    tx: &mut Transaction,
    now: Timestamp,
) -> Result<Vec<(DeviceId, About)>, Refusal> {
    let rows = sqlx::query(
        "UPDATE command SET state = 'expired', ended = $1
         WHERE state = 'waiting' AND expires <= $1
         RETURNING device, scan, detection, quarantine",
    )
    .bind(now.millis())
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| {
            Ok((
                crate::devices::parse_id(row.try_get("device")?)?,
                about(row)?,
            ))
        })
        .collect()
}
