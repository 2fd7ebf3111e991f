//! The tables of devices and their keys.

use std::collections::HashMap;

use ::store::{Database, StoreError, Transaction};
use model::{DefinitionRevision, DeviceId, GroupId, NetworkState, Timestamp};
use proto::api::device::{Device, DeviceStanding};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};
use trust::chain::ChainState;

use super::roster::{KeyStanding, Live};
use super::rules;
use crate::refusal::Refusal;
use crate::site::Site;

pub(crate) const TABLES: &str = "
CREATE TABLE device (
    id TEXT NOT NULL PRIMARY KEY,
    hostname TEXT NOT NULL,
    device_group TEXT NOT NULL REFERENCES device_group (id),
    standing TEXT NOT NULL,
    fork_of TEXT,
    token TEXT,
    enrolled BIGINT NOT NULL,
    certificate_expires BIGINT NOT NULL,
    last_seen BIGINT,
    clock_skew BIGINT,
    counter BIGINT NOT NULL,
    attempt TEXT NOT NULL,
    policy_floor BIGINT NOT NULL,
    policy_in_force BIGINT NOT NULL,
    definitions BIGINT,
    critical BIGINT NOT NULL,
    state TEXT,
    events_lost BIGINT NOT NULL
);
CREATE INDEX device_by_group ON device (device_group);
CREATE INDEX device_fork ON device (fork_of);
CREATE TABLE device_key (
    key TEXT NOT NULL PRIMARY KEY,
    device TEXT NOT NULL REFERENCES device (id),
    standing TEXT NOT NULL,
    issued BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX device_key_device ON device_key (device);
";

pub(crate) fn id(text: &str) -> Result<DeviceId, StoreError> {
    DeviceId::parse(text).map_err(|error| StoreError::content("a device", error))
}

fn standing(row: &SqliteRow) -> Result<DeviceStanding, StoreError> {
    let name: &str = row.try_get("standing")?;
    rules::standing(name).ok_or_else(|| StoreError::content("a device's standing", name))
}

fn number(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or_default())
}

fn time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row
        .try_get::<Option<i64>, _>(column)?
        .map(Timestamp::from_millis))
}

/// Every device for the roster.
pub(super) async fn load(database: &Database) -> Result<Vec<(DeviceId, Live)>, StoreError> {
    sqlx::query("SELECT * FROM device")
        .fetch_all(database.read())
        .await?
        .iter()
        .map(|row| {
            let state: Option<&str> = row.try_get("state")?;
            let live = Live {
                hostname: row.try_get("hostname")?,
                group: GroupId::parse(row.try_get("device_group")?)
                    .map_err(|error| StoreError::content("a device's group", error))?,
                standing: standing(row)?,
                enrolled: time(row, "enrolled")?.unwrap_or(Timestamp::EPOCH),
                last_seen: time(row, "last_seen")?,
                clock_skew: row.try_get::<Option<i64>, _>("clock_skew")?.unwrap_or(0),
                chain: ChainState {
                    counter: number(row, "counter")?,
                    attempt: row.try_get("attempt")?,
                },
                policy_floor: number(row, "policy_floor")?,
                policy_in_force: number(row, "policy_in_force")?,
                definitions: row
                    .try_get::<Option<i64>, _>("definitions")?
                    .map(|revision| {
                        DefinitionRevision(u64::try_from(revision).unwrap_or_default())
                    }),
                critical: row.try_get::<i64, _>("critical")? != 0,
                commands: true,
                network: state.and_then(network),
                shown: 0,
                streams: 0,
            };
            Ok((id(row.try_get("id")?)?, live))
        })
        .collect()
}

/// What a state says of the network. One that can't be read says nothing.
fn network(state: &str) -> Option<NetworkState> {
    #[derive(serde::Deserialize)]
    struct Part {
        network: Option<NetworkState>,
    }
    serde_json::from_str::<Part>(state).ok()?.network
}

const fn key_standing_name(standing: KeyStanding) -> &'static str {
    match standing {
        KeyStanding::Current => "current",
        KeyStanding::Next => "next",
        KeyStanding::Retired => "retired",
    }
}

/// Every key for the roster.
pub(super) async fn keys(
    database: &Database,
) -> Result<Vec<([u8; 32], DeviceId, KeyStanding)>, StoreError> {
    sqlx::query("SELECT key, device, standing FROM device_key")
        .fetch_all(database.read())
        .await?
        .iter()
        .map(|row| {
            let text: &str = row.try_get("key")?;
            let mut key = [0; 32];
            hex::decode_to_slice(text, &mut key)
                .map_err(|error| StoreError::content("a device's key", error))?;
            let name: &str = row.try_get("standing")?;
            let standing = [
                KeyStanding::Current,
                KeyStanding::Next,
                KeyStanding::Retired,
            ]
            .into_iter()
            .find(|standing| key_standing_name(*standing) == name)
            .ok_or_else(|| StoreError::content("a key's standing", name))?;
            Ok((key, id(row.try_get("device")?)?, standing))
        })
        .collect()
}

/// Devices in the order of the ids; ids that are none are left out.
pub(super) async fn by_ids(site: &Site, ids: &[DeviceId]) -> Result<Vec<Device>, Refusal> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT device.*, device_group.name AS group_name,
            (SELECT COUNT(*) FROM detection
             WHERE detection.device = device.id AND detection.triage = 'open') AS open_detections
         FROM device JOIN device_group ON device_group.id = device.device_group
         WHERE device.id IN (",
    );
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.to_string());
    }
    query.push(")");
    let rows = query.build().fetch_all(site.database.read()).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let device = device(site, row)?;
        found.insert(device.id, device);
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

fn device(site: &Site, row: &SqliteRow) -> Result<Device, Refusal> {
    let id = id(row.try_get("id")?)?;
    let group = GroupId::parse(row.try_get("device_group")?)
        .map_err(|error| StoreError::content("a device's group", error))?;
    let fork_of: Option<&str> = row.try_get("fork_of")?;
    let state: Option<&str> = row.try_get("state")?;
    let live = site.roster.find(id);
    let (connected, up_to_date) = live.map_or((false, false), |entry| {
        let wanted = |floor| {
            site.groups
                .group(group)
                .map_or(0, |group| group.revision_for(floor))
        };
        entry.with(|live| {
            let up_to_date = rules::is_up_to_date(
                live.policy_in_force,
                wanted(live.policy_floor),
                live.definitions,
                site.definitions.current_revision(),
            );
            (live.streams > 0, up_to_date)
        })
    });
    Ok(Device {
        id,
        hostname: row.try_get("hostname")?,
        group,
        group_name: row.try_get("group_name")?,
        standing: standing(row)?,
        fork_of: fork_of.map(self::id).transpose()?,
        connected,
        enrolled: time(row, "enrolled")?.unwrap_or(Timestamp::EPOCH),
        last_seen: time(row, "last_seen")?,
        clock_skew_ms: row.try_get("clock_skew")?,
        certificate_expires: time(row, "certificate_expires")?.unwrap_or(Timestamp::EPOCH),
        state: state
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| StoreError::content("a device's state", error))?,
        open_detections: number(row, "open_detections")?,
        events_lost: number(row, "events_lost")?,
        up_to_date,
    })
}

/// A device that is about to exist.
pub(crate) struct NewDevice<'a> {
    pub(crate) id: DeviceId,
    pub(crate) hostname: &'a str,
    pub(crate) group: GroupId,
    pub(crate) standing: DeviceStanding,
    pub(crate) fork_of: Option<DeviceId>,
    pub(crate) token: Option<String>,
    pub(crate) enrolled: Timestamp,
    pub(crate) certificate_expires: Timestamp,
    pub(crate) policy_floor: u64,
}

impl NewDevice<'_> {
    pub(crate) fn live(&self) -> Live {
        Live {
            hostname: self.hostname.to_owned(),
            group: self.group,
            standing: self.standing,
            enrolled: self.enrolled,
            last_seen: None,
            clock_skew: 0,
            chain: ChainState::default(),
            policy_floor: self.policy_floor,
            policy_in_force: 0,
            definitions: None,
            critical: false,
            commands: false,
            network: None,
            shown: 0,
            streams: 0,
        }
    }
}

pub(crate) async fn insert(tx: &mut Transaction, new: &NewDevice<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO device (id, hostname, device_group, standing, fork_of, token, enrolled,
            certificate_expires, counter, attempt, policy_floor, policy_in_force, critical,
            events_lost)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', $9, 0, 0, 0)",
    )
    .bind(new.id.to_string())
    .bind(new.hostname)
    .bind(new.group.to_string())
    .bind(rules::standing_name(new.standing))
    .bind(new.fork_of.map(|id| id.to_string()))
    .bind(new.token.as_deref())
    .bind(new.enrolled.millis())
    .bind(new.certificate_expires.millis())
    .bind(i64::try_from(new.policy_floor).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores a key, or what became of it.
pub(crate) async fn set_key(
    tx: &mut Transaction,
    device: DeviceId,
    key: &[u8; 32],
    standing: KeyStanding,
    issued: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO device_key (key, device, standing, issued, expires)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (key) DO UPDATE SET issued = excluded.issued, expires = excluded.expires,
            standing = excluded.standing",
    )
    .bind(hex::encode(key))
    .bind(device.to_string())
    .bind(key_standing_name(standing))
    .bind(issued.millis())
    .bind(expires.millis())
    .execute(tx)
    .await?;
    Ok(())
}

/// A device by one of its keys, as the writer sees it.
pub(crate) struct KeyOwner {
    pub(crate) device: DeviceId,
    pub(crate) token: Option<String>,
    pub(crate) standing: DeviceStanding,
    pub(crate) fork_of: Option<DeviceId>,
    pub(crate) group: GroupId,
}

pub(crate) async fn key_owner(
    tx: &mut Transaction,
    key: &[u8; 32],
) -> Result<Option<KeyOwner>, StoreError> {
    sqlx::query(
        "SELECT device.id, device.token, device.standing, device.fork_of, device.device_group
         FROM device_key JOIN device ON device.id = device_key.device
         WHERE device_key.key = $1",
    )
    .bind(hex::encode(key))
    .fetch_optional(tx)
    .await?
    .map(|row| {
        let fork_of: Option<&str> = row.try_get("fork_of")?;
        Ok(KeyOwner {
            device: id(row.try_get("id")?)?,
            token: row.try_get("token")?,
            standing: standing(&row)?,
            fork_of: fork_of.map(id).transpose()?,
            group: GroupId::parse(row.try_get("device_group")?)
                .map_err(|error| StoreError::content("a device's group", error))?,
        })
    })
    .transpose()
}

/// How many forks an identity has.
pub(crate) async fn forks(tx: &mut Transaction, of: DeviceId) -> Result<i64, StoreError> {
    Ok(
        sqlx::query_scalar("SELECT COUNT(*) FROM device WHERE fork_of = $1")
            .bind(of.to_string())
            .fetch_one(tx)
            .await?,
    )
}

pub(crate) async fn set_standing(
    tx: &mut Transaction,
    device: DeviceId,
    standing: DeviceStanding,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET standing = $2 WHERE id = $1")
        .bind(device.to_string())
        .bind(rules::standing_name(standing))
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn set_group(
    tx: &mut Transaction,
    device: DeviceId,
    group: GroupId,
    policy_floor: u64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET device_group = $2, policy_floor = $3 WHERE id = $1")
        .bind(device.to_string())
        .bind(group.to_string())
        .bind(i64::try_from(policy_floor).unwrap_or(i64::MAX))
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn set_certificate_expires(
    tx: &mut Transaction,
    device: DeviceId,
    expires: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET certificate_expires = $2 WHERE id = $1")
        .bind(device.to_string())
        .bind(expires.millis())
        .execute(tx)
        .await?;
    Ok(())
}

pub(crate) async fn add_lost(
    tx: &mut Transaction,
    device: DeviceId,
    lost: u64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE device SET events_lost = events_lost + $2 WHERE id = $1")
        .bind(device.to_string())
        .bind(i64::try_from(lost).unwrap_or(i64::MAX >> 1))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn events_lost(database: &Database) -> Result<u64, StoreError> {
    let lost: i64 = sqlx::query_scalar("SELECT COALESCE(SUM(events_lost), 0) FROM device")
        .fetch_one(database.read())
        .await?;
    Ok(u64::try_from(lost).unwrap_or_default())
}

/// What one check-in changes.
pub(crate) struct CheckInRow {
    pub(crate) device: DeviceId,
    pub(crate) counter: u64,
    pub(crate) attempt: String,
    pub(crate) hostname: String,
    pub(crate) last_seen: Timestamp,
    pub(crate) clock_skew: i64,
    pub(crate) policy_in_force: u64,
    pub(crate) definitions: Option<DefinitionRevision>,
    pub(crate) critical: bool,
    pub(crate) state: String,
}

pub(crate) fn store_check_in<'t>(
    tx: &'t mut Transaction,
    row: &'t CheckInRow,
) -> ::store::WriteFuture<'t, (), StoreError> {
    Box::pin(async move {
        sqlx::query(
            "UPDATE device SET counter = $2, attempt = $3, hostname = $4, last_seen = $5,
                clock_skew = $6, policy_in_force = $7, definitions = $8, critical = $9,
                state = $10
             WHERE id = $1",
        )
        .bind(row.device.to_string())
        .bind(i64::try_from(row.counter).unwrap_or(i64::MAX))
        .bind(&row.attempt)
        .bind(&row.hostname)
        .bind(row.last_seen.millis())
        .bind(row.clock_skew)
        .bind(i64::try_from(row.policy_in_force).unwrap_or(i64::MAX))
        .bind(
            row.definitions
                .map(|revision| i64::try_from(revision.0).unwrap_or(i64::MAX)),
        )
        .bind(i64::from(row.critical))
        .bind(&row.state)
        .execute(tx)
        .await?;
        Ok(())
    })
}

pub(crate) async fn retire_key(tx: &mut Transaction, key: &[u8; 32]) -> Result<(), StoreError> {
    set_key_standing(tx, key, KeyStanding::Retired).await
}

pub(crate) async fn promote_key(tx: &mut Transaction, key: &[u8; 32]) -> Result<(), StoreError> {
    set_key_standing(tx, key, KeyStanding::Current).await
}

async fn set_key_standing(
    tx: &mut Transaction,
    key: &[u8; 32],
    standing: KeyStanding,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE device_key SET standing = $2 WHERE key = $1")
        .bind(hex::encode(key))
        .bind(key_standing_name(standing))
        .execute(tx)
        .await?;
    Ok(())
}
