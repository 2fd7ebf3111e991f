//! What a device reported last.

use model::event::Sequence;
use model::{DeviceId, Event, Timestamp};
use sqlx::Row as _;

use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;

/// The most events that are given at once.
const MOST: u32 = 200;

/// The latest events of a device, the newest first, by the manager's clock. Those that a later
/// version wrote and this one can't read are left out.
///
/// # Errors
/// When the database fails.
pub async fn latest(
    site: &Site,
    _by: &Permit<Viewer>,
    device: DeviceId,
    limit: u32,
) -> Result<Vec<Event>, Refusal> {
    let rows = sqlx::query(
        "SELECT sequence, time, body FROM event WHERE device = $1
         ORDER BY time DESC, sequence DESC LIMIT $2",
    )
    .bind(device.to_string())
    .bind(i64::from(limit.min(MOST)))
    .fetch_all(site.database.read())
    .await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let sequence: i64 = row.try_get("sequence")?;
        let body: String = row.try_get("body")?;
        let Ok(body) = serde_json::from_str(&body) else {
            continue;
        };
        events.push(Event {
            sequence: Sequence(u64::try_from(sequence).unwrap_or_default()),
            time: Timestamp::from_millis(row.try_get("time")?),
            body,
        });
    }
    Ok(events)
}
