//! The tables of events: how far each spool was taken, what was lost, and the events themselves.

use ::store::{StoreError, Transaction};
use model::event::{Gap, Sequence};
use model::{DeviceId, Event, SpoolId, Timestamp};

use crate::refusal::Refusal;

pub(crate) const TABLES: &str = "
CREATE TABLE spool (
    device TEXT NOT NULL REFERENCES device (id),
    spool TEXT NOT NULL,
    stored_through BIGINT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (device, spool)
);
CREATE TABLE gap (
    device TEXT NOT NULL REFERENCES device (id),
    spool TEXT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    noticed BIGINT NOT NULL,
    PRIMARY KEY (device, spool, first)
);
CREATE TABLE event (
    device TEXT NOT NULL REFERENCES device (id),
    spool TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    time BIGINT NOT NULL,
    received BIGINT NOT NULL,
    class BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (device, spool, sequence)
);
CREATE INDEX event_received ON event (received);
CREATE INDEX event_device_time ON event (device, time);
";

/// Spools that are remembered for one device; an agent makes a new one only when its disk was put
/// back.
const MAX_SPOOLS: i64 = 64;

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) async fn stored_through(
    tx: &mut Transaction,
    device: DeviceId,
    spool: &SpoolId,
) -> Result<Sequence, StoreError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT stored_through FROM spool WHERE device = $1 AND spool = $2")
            .bind(device.to_string())
            .bind(&spool.0)
            .fetch_optional(tx)
            .await?;
    Ok(Sequence(
        u64::try_from(found.unwrap_or_default()).unwrap_or_default(),
    ))
}

pub(super) async fn set_stored_through(
    tx: &mut Transaction,
    device: DeviceId,
    spool: &SpoolId,
    through: Sequence,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO spool (device, spool, stored_through, received) VALUES ($1, $2, $3, $4)
         ON CONFLICT (device, spool) DO UPDATE SET
            stored_through = excluded.stored_through, received = excluded.received",
    )
    .bind(device.to_string())
    .bind(&spool.0)
    .bind(number(through.0))
    .bind(now.millis())
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "DELETE FROM spool WHERE device = $1 AND spool IN (
            SELECT spool FROM spool WHERE device = $1 ORDER BY received DESC LIMIT -1 OFFSET $2)",
    )
    .bind(device.to_string())
    .bind(MAX_SPOOLS)
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn insert_gap(
    tx: &mut Transaction,
    device: DeviceId,
    spool: &SpoolId,
    gap: &Gap,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO gap (device, spool, first, last, noticed) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (device, spool, first) DO NOTHING",
    )
    .bind(device.to_string())
    .bind(&spool.0)
    .bind(number(gap.first.0))
    .bind(number(gap.last.0))
    .bind(now.millis())
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn insert(
    tx: &mut Transaction,
    device: DeviceId,
    spool: &SpoolId,
    event: &Event,
    time: Timestamp,
    received: Timestamp,
) -> Result<(), Refusal> {
    let body = serde_json::to_string(&event.body).map_err(Refusal::internal("writing an event"))?;
    sqlx::query(
        "INSERT INTO event (device, spool, sequence, time, received, class, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (device, spool, sequence) DO NOTHING",
    )
    .bind(device.to_string())
    .bind(&spool.0)
    .bind(number(event.sequence.0))
    .bind(time.millis())
    .bind(received.millis())
    .bind(i64::from(event.body.class_uid()))
    .bind(body)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes events that are older than the budget allows or more than it allows; at most `most` of
/// them at a time. Gives how many.
pub(crate) async fn prune(
    tx: &mut Transaction,
    before: Timestamp,
    keep: u64,
    most: i64,
) -> Result<u64, StoreError> {
    let old = sqlx::query(
        "DELETE FROM event WHERE rowid IN (
            SELECT rowid FROM event WHERE received < $1 ORDER BY received LIMIT $2)",
    )
    .bind(before.millis())
    .bind(most)
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let excess = sqlx::query(
        "DELETE FROM event WHERE rowid IN (
            SELECT rowid FROM event ORDER BY received
            LIMIT MIN($2, MAX(0, (SELECT COUNT(*) FROM event) - $1)))",
    )
    .bind(number(keep))
    .bind(most)
    .execute(tx)
    .await?
    .rows_affected();
    Ok(old + excess)
}
