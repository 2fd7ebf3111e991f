//! Connections: what the doctors of the site find, by cause, by feature and by device.
//!
//! A device's report is what an endpoint says: it speaks for that device alone, it has bounds, and
//! it is shown and never obeyed. [`Book`] holds the last report of every reporter in memory; the
//! database is the truth that it is loaded from and that each report is written to first.
//!
//! Start reading at `reported` (taking a report), then `rules` (whether anybody can tell), `sums`
//! (one cause, one line).

mod account;
mod ask;
mod book;
mod feature;
pub mod http;
mod lines;
mod own;
mod reported;
mod rules;
mod schedule;
mod store;
mod sums;
mod wire;

use ::store::Transaction;
use model::network::{FindingKey, Outcome, Stage, Verdict, Who};
use model::{DeviceId, GroupId};
use proto::Page;
use proto::api::Changed;
use proto::api::connection::{
    ConnectionCause, ConnectionFeature, Connections, DeviceConnections, LinesBy,
    ManagerConnections, MendedConnection,
};
use proto::api::device::DeviceStanding;
use serde::Deserialize;

pub use ask::{ask_all_to_check, ask_to_check};
pub use book::Book;
pub(crate) use book::Reporter;
pub(crate) use own::forget_own;
pub use own::{Destination, check_own};
pub(crate) use reported::{Taken, reported, tell};
pub(crate) use schedule::{Checked, Delivery, Look, OwnSchedule};
pub(crate) use store::TABLES;

use self::sums::{Order, Sums, order};
use crate::access::{Permit, Viewer};
use crate::devices::{Entry, entry};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};

/// How long mended causes are kept.
const MENDED_DAYS: u64 = 90;
/// How many mended causes are kept at most.
const MENDED_COUNT: i64 = 200_000;
/// Rows of each kind that are removed in one transaction.
const PRUNED_AT_ONCE: i64 = 5000;

/// Which causes.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CauseFilter {
    /// Only what this group's devices report.
    pub group: Option<GroupId>,
    pub stage: Option<Stage>,
    pub verdict: Option<Verdict>,
    /// Who can mend it.
    pub who: Option<Who>,
    /// A feature that it costs, in the catalogue's words.
    pub feature: Option<String>,
    /// A flow that it concerns, such as `agent-channel`.
    pub flow: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Of which devices.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeatureFilter {
    pub group: Option<GroupId>,
}

/// Which devices.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConnectionDeviceFilter {
    pub group: Option<GroupId>,
    pub state: Option<Outcome>,
    /// A cause that holds for them: its identifier.
    pub cause: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Which mended causes.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MendedFilter {
    pub device: Option<DeviceId>,
    /// A cause: its identifier.
    pub cause: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// How the site's connections are, in numbers.
#[must_use]
pub fn summary(site: &Site, _by: &Permit<Viewer>, group: Option<GroupId>) -> Connections {
    said(site, &sums::sum(site, group))
}

fn said(site: &Site, sums: &Sums) -> Connections {
    let own = site.connections.find(Reporter::Manager);
    Connections {
        site: site.config.name.clone(),
        devices: sums.devices,
        manager: sums
            .manager
            .zip(own)
            .map(|(judged, report)| ManagerConnections {
                state: judged.state,
                checked: report.checked,
                findings: wire::findings(&report),
            }),
        causes: sums.costly(),
        features: sums.features_lost(),
        since: sums.since(),
        time: site.now(),
    }
}

/// Causes that pass the filter: the worst first, then those that most devices have, then the
/// oldest.
///
/// # Errors
/// When the limit or the cursor is none.
pub fn causes(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &CauseFilter,
) -> Result<Page<ConnectionCause>, Refusal> {
    listed(site, &sums::sum(site, filter.group), filter)
}

fn listed(
    site: &Site,
    sums: &Sums,
    filter: &CauseFilter,
) -> Result<Page<ConnectionCause>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<Order>::parse_optional(filter.cursor.as_deref())?;
    let mut causes = sums.causes();
    causes.retain(|cause| passes(filter, cause));
    let total = u64::try_from(causes.len()).unwrap_or(u64::MAX);
    if let Some(Cursor(key, id)) = after {
        causes.retain(|cause| (order(cause), &cause.id) > (key, &id));
    }
    let mut page = cursor::page(causes, limit, total, |last| {
        Cursor(order(last), last.id.clone())
    });
    lines::make(site, &mut page.items);
    Ok(page)
}

/// Everything that a page of connections shows, of one moment.
#[derive(Debug)]
pub struct Shown {
    pub summary: Connections,
    pub causes: Page<ConnectionCause>,
    pub features: Vec<ConnectionFeature>,
}

/// Numbers, causes and features at once; the filter's group is that of all of them.
///
/// # Errors
/// When the limit or the cursor is none.
pub fn shown(site: &Site, _by: &Permit<Viewer>, filter: &CauseFilter) -> Result<Shown, Refusal> {
    let sums = sums::sum(site, filter.group);
    Ok(Shown {
        summary: said(site, &sums),
        causes: listed(site, &sums, filter)?,
        features: sums.features(),
    })
}

fn passes(filter: &CauseFilter, cause: &ConnectionCause) -> bool {
    filter.stage.is_none_or(|stage| cause.stage == stage)
        && filter
            .verdict
            .is_none_or(|verdict| cause.verdict == verdict)
        && filter.who.is_none_or(|who| cause.who == who)
        && filter
            .feature
            .as_ref()
            .is_none_or(|feature| cause.features.contains(feature))
        && filter
            .flow
            .as_ref()
            .is_none_or(|flow| cause.flows.contains(flow))
}

/// One cause; also one that was mended, as long as that is remembered.
///
/// # Errors
/// When there is none such.
pub async fn cause(
    site: &Site,
    _by: &Permit<Viewer>,
    id: &str,
) -> Result<ConnectionCause, Refusal> {
    let unknown = || Refusal::not_found("cause", id.chars().take(80).collect::<String>());
    let key = FindingKey::parse(id).map_err(|_| unknown())?;
    if let Some(mut cause) = sums::sum(site, None).cause(&key) {
        lines::make(site, std::slice::from_mut(&mut cause));
        return Ok(cause);
    }
    let wanted = store::MendedWanted {
        cause: Some(&key),
        ..store::MendedWanted::default()
    };
    let (rows, _) = store::mended(&site.database, &wanted, 1).await?;
    let last = rows.into_iter().next().ok_or_else(unknown)?;
    let mut cause = ConnectionCause {
        result: last.result,
        since: last.since,
        last_seen: last.until,
        mended: Some(last.until),
        lines_by: match last.reporter {
            Reporter::Manager => LinesBy::Manager,
            Reporter::Device(_) => LinesBy::Devices,
        },
        ..wire::cause(&key, &last.account)
    };
    lines::make(site, std::slice::from_mut(&mut cause));
    Ok(cause)
}

/// Every feature of the catalogue, those first that most is lost of.
#[must_use]
pub fn features(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &FeatureFilter,
) -> Vec<ConnectionFeature> {
    sums::sum(site, filter.group).features()
}

/// Approved devices that pass the filter, by name.
///
/// # Errors
/// When the limit, the cursor or the cause is none.
pub fn devices(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &ConnectionDeviceFilter,
) -> Result<Page<DeviceConnections>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<String>::parse_optional(filter.cursor.as_deref())?;
    let cause = filter.cause.as_deref().map(parse_cause).transpose()?;
    let mut keys: Vec<(String, DeviceId)> = Vec::new();
    let entries = site.roster.all();
    let now = site.now();
    site.connections.with(|reports| {
        for entry in &entries {
            let report = reports.get(&Reporter::Device(entry.id));
            let has = |key: &FindingKey| {
                report.is_some_and(|report| {
                    let mut held = report.held.iter();
                    held.any(|held| held.account.account.key == *key)
                })
            };
            if !cause.as_ref().is_none_or(has) {
                continue;
            }
            entry.with(|live| {
                let passes = live.standing == DeviceStanding::Approved
                    && filter.group.is_none_or(|group| live.group == group)
                    && filter.state.is_none_or(|wanted| {
                        let seen = sums::seen(site, live, now);
                        rules::judge(report.map(AsRef::as_ref), &seen, now).state == wanted
                    });
                if passes {
                    keys.push((live.hostname.to_lowercase(), entry.id));
                }
            });
        }
    });
    let total = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    if let Some(Cursor(name, id)) = after {
        keys.retain(|(hostname, device)| (hostname, &device.to_string()) > (&name, &id));
    }
    if keys.len() > limit + 1 {
        keys.select_nth_unstable(limit + 1);
        keys.truncate(limit + 1);
    }
    keys.sort_unstable();
    let items = keys
        .into_iter()
        .filter_map(|(_, id)| site.roster.find(id))
        .map(|entry| read(site, &entry))
        .collect();
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.hostname.to_lowercase(), last.device.to_string())
    }))
}

fn parse_cause(text: &str) -> Result<FindingKey, Refusal> {
    FindingKey::parse(text).map_err(|error| Refusal::invalid(format!("cause: {error}")))
}

/// How one device's connections are.
///
/// # Errors
/// When there is none such.
pub fn of_device(
    site: &Site,
    _by: &Permit<Viewer>,
    id: DeviceId,
) -> Result<DeviceConnections, Refusal> {
    Ok(read(site, &*entry(site, id)?))
}

fn read(site: &Site, entry: &Entry) -> DeviceConnections {
    let report = site.connections.find(Reporter::Device(entry.id));
    let now = site.now();
    entry.with(|live| {
        let judged = rules::judge(report.as_deref(), &sums::seen(site, live, now), now);
        wire::device(site, entry.id, live, report.as_deref(), judged)
    })
}

/// What devices are rid of, the latest first.
///
/// # Errors
/// When the limit, the cursor or the cause is none.
pub async fn mended(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &MendedFilter,
) -> Result<Page<MendedConnection>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<i64>::parse_optional(filter.cursor.as_deref())?;
    let cause = filter.cause.as_deref().map(parse_cause).transpose()?;
    let wanted = store::MendedWanted {
        reporter: filter.device.map(Reporter::Device),
        cause: cause.as_ref(),
        after: after.map(|Cursor(until, id)| (until, id)),
    };
    let (rows, total) = store::mended(&site.database, &wanted, limit + 1).await?;
    let items: Vec<(String, MendedConnection)> = rows
        .into_iter()
        .map(|row| (row.id.clone(), wire::mended(row)))
        .collect();
    let page = cursor::page(items, limit, total, |(id, last)| {
        Cursor(last.until.millis(), id.clone())
    });
    Ok(Page {
        items: page.items.into_iter().map(|(_, mended)| mended).collect(),
        next_cursor: page.next_cursor,
        total: page.total,
    })
}

/// Drops what a device said, inside the transaction that revokes it. Call [`forgotten`] after.
pub(crate) async fn forget(tx: &mut Transaction, device: DeviceId) -> Result<(), Refusal> {
    Ok(store::forget(tx, Reporter::Device(device)).await?)
}

/// Drops what a device said from memory.
pub(crate) fn forgotten(site: &Site, device: DeviceId) {
    site.connections.forget(Reporter::Device(device));
    site.tell(Changed::Connection, device);
}

/// Removes what was mended long ago, and what nothing names any more.
///
/// # Errors
/// When the database fails.
pub(crate) async fn prune(site: &Site) -> Result<(), Refusal> {
    let before = site
        .now()
        .minus(std::time::Duration::from_secs(MENDED_DAYS * 86_400));
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::prune(tx, before, MENDED_COUNT, PRUNED_AT_ONCE).await?;
                Ok::<_, Refusal>(())
            })
        })
        .await?;
    site.connections.tidy();
    Ok(())
}
