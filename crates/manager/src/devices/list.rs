//! The list of devices: filtered, sorted and paged in memory, read from the database by page.

use std::sync::Arc;

use model::{DeviceId, GroupId};
use proto::Page;
use proto::api::device::{Device, DeviceStanding};
use serde::{Deserialize, Serialize};

use super::{Entry, rules, store};
use crate::access::{Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{Cursor, page_limit};

/// What a list of devices is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceSort {
    /// By name, A first.
    #[default]
    Hostname,
    /// The last seen first.
    LastSeen,
    /// The last enrolled first.
    Enrolled,
}

/// Which devices.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeviceFilter {
    pub standing: Option<DeviceStanding>,
    pub group: Option<GroupId>,
    /// Text in the host name or the identifier.
    pub search: Option<String>,
    pub connected: Option<bool>,
    /// Whether the last check-in named a critical issue.
    pub critical: Option<bool>,
    /// Whether it missed three check-ins in a row.
    pub silent: Option<bool>,
    /// Whether its definitions are older than the site's.
    pub older_definitions: Option<bool>,
    pub sort: DeviceSort,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// What one device is sorted by: smaller comes first.
type SortKey = (i64, String, String);

/// Devices that pass the filter.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &DeviceFilter,
) -> Result<Page<Device>, Refusal> {
    let limit = page_limit(filter.limit)?;
    let after = Cursor::<(i64, String)>::parse_optional(filter.cursor.as_deref())?
        .map(|Cursor((number, text), id)| (number, text, id));
    let mut keys: Vec<(SortKey, DeviceId)> = site
        .roster
        .all()
        .iter()
        .filter(|entry| passes(site, filter, entry))
        .map(|entry| (sort_key(filter.sort, entry), entry.id))
        .collect();
    let total = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    if let Some(after) = after {
        keys.retain(|(key, _)| *key > after);
    }
    let more = keys.len() > limit;
    if more {
        keys.select_nth_unstable(limit);
        keys.truncate(limit);
    }
    keys.sort_unstable();
    let next_cursor = keys
        .last()
        .filter(|_| more)
        .map(|((number, text, id), _)| Cursor((*number, text.clone()), id.clone()).to_text());
    let ids: Vec<DeviceId> = keys.into_iter().map(|(_, id)| id).collect();
    Ok(Page {
        items: store::by_ids(site, &ids).await?,
        next_cursor,
        total,
    })
}

fn passes(site: &Site, filter: &DeviceFilter, entry: &Arc<Entry>) -> bool {
    let interval = entry.check_in_interval(site);
    let now = site.now();
    let newest = site.definitions.current_revision();
    entry.with(|live| {
        // What keeps a device from protecting is asked of approved ones only, as in the counts.
        let approved = live.standing == DeviceStanding::Approved;
        let silent = rules::is_silent(live.last_seen.unwrap_or(live.enrolled), interval, now);
        filter
            .standing
            .is_none_or(|standing| live.standing == standing)
            && filter.group.is_none_or(|group| live.group == group)
            && filter
                .connected
                .is_none_or(|connected| (live.streams > 0) == connected)
            && filter
                .critical
                .is_none_or(|critical| (approved && live.critical) == critical)
            && filter
                .silent
                .is_none_or(|wanted| (approved && silent) == wanted)
            && filter
                .older_definitions
                .is_none_or(|older| (approved && live.definitions < newest) == older)
            && filter.search.as_deref().is_none_or(|text| {
                let text = text.to_lowercase();
                live.hostname.to_lowercase().contains(&text) || entry.id.to_string().contains(&text)
            })
    })
}

fn sort_key(sort: DeviceSort, entry: &Arc<Entry>) -> SortKey {
    let id = entry.id.to_string();
    entry.with(|live| match sort {
        DeviceSort::Hostname => (0, live.hostname.to_lowercase(), id),
        DeviceSort::LastSeen => (
            -live.last_seen.map_or(0, model::Timestamp::millis),
            String::new(),
            id,
        ),
        DeviceSort::Enrolled => (-live.enrolled.millis(), String::new(), id),
    })
}
