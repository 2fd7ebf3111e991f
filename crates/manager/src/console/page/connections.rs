//! `/network/connections`: what is lost, why, and what mends it.

use std::sync::Arc;

use axum::extract::{Path, State};
use model::GroupId;
use proto::Page;
use proto::api::connection::{ConnectionCause, DeviceConnections, NewConnectionCheck};

use crate::access::{Permit, Viewer};
use crate::connections::{self, CauseFilter, ConnectionDeviceFilter, MendedFilter};
use crate::console::address::Address;
use crate::console::answer::{Answer, page, see_counted};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::connections::{CausePage, ConnectionDevicesPage, ConnectionsPage};
use crate::console::visit::Visit;
use crate::groups;
use crate::refusal::Refusal;
use crate::site::Site;

/// Columns that come first in CSV.
const COLUMNS: &[&str] = &[
    "id",
    "result",
    "stage",
    "verdict",
    "cause",
    "devices",
    "since",
    "last_seen",
    "who",
];
const DEVICE_COLUMNS: &[&str] = &["device", "hostname", "group_name", "state", "checked"];

/// The most groups that the filter offers.
const MAX_GROUPS: u32 = 500;
/// Rows of each part of a cause's page.
const ROWS: u32 = 8;

pub(in crate::console) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let mut filter = filter(visit.address())?;
    filter.cursor = super::text(visit.address(), "cursor");
    let shown = connections::shown(&site, &by, &filter)?;
    let groups = groups::list(&site, &by, Some(MAX_GROUPS), None)
        .await?
        .items;
    let frame = visit.frame(&site, Room::Network).await?;
    let address = visit.address().clone();
    page(&ConnectionsPage::new(frame, address, shown, groups))
}

/// Asks the devices of the group that is shown, or all of them, to check now.
pub(in crate::console) async fn check(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let (asked, back) = if visit.form().value("group").is_empty() {
        let asked = connections::ask_all_to_check(&site, &by).await?;
        (asked, "/network/connections".to_owned())
    } else {
        let group: GroupId = visit.form().parsed("group")?;
        let new = NewConnectionCheck {
            devices: None,
            group: Some(group),
        };
        let asked = connections::ask_to_check(&site, &by, new).await?;
        (asked, format!("/network/connections?group={group}"))
    };
    Ok(see_counted(&back, "network_check_asked", asked.devices, 0))
}

/// `/network/connections/causes/{cause}`.
pub(in crate::console) async fn cause(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let by = visit.permit()?;
    let cause = connections::cause(&site, &by, &id).await?;
    let holding = ConnectionDeviceFilter {
        cause: Some(cause.id.clone()),
        limit: Some(ROWS),
        ..ConnectionDeviceFilter::default()
    };
    let holding = connections::devices(&site, &by, &holding)?;
    let mended = MendedFilter {
        cause: Some(cause.id.clone()),
        limit: Some(ROWS),
        ..MendedFilter::default()
    };
    let mut missing = Vec::new();
    let frame = visit.frame(&site, Room::Network).await?;
    let mended = connections::mended(&site, &by, &mended).await;
    let mended = super::or_missing(mended, &mut missing, frame.t("cause.mended"));
    page(&CausePage::new(frame, cause, holding, mended, missing))
}

/// `/network/connections/devices`.
pub(in crate::console) async fn devices(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let mut filter = device_filter(visit.address())?;
    filter.cursor = super::text(visit.address(), "cursor");
    let devices = connections::devices(&site, &by, &filter)?;
    let cause = match &filter.cause {
        Some(id) => connections::cause(&site, &by, id).await.ok(),
        None => None,
    };
    let groups = groups::list(&site, &by, Some(MAX_GROUPS), None)
        .await?
        .items;
    let frame = visit.frame(&site, Room::Network).await?;
    let address = visit.address().clone();
    page(&ConnectionDevicesPage::new(
        frame, address, devices, cause, groups,
    ))
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let causes = all(&site, &visit).await?;
    file(Format::Csv, "connections", COLUMNS, &causes)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let causes = all(&site, &visit).await?;
    file(Format::Json, "connections", COLUMNS, &causes)
}

pub(in crate::console) async fn devices_csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let devices = all_devices(&site, &visit).await?;
    file(Format::Csv, "connections-devices", DEVICE_COLUMNS, &devices)
}

pub(in crate::console) async fn devices_json(
    State(site): State<Arc<Site>>,
    visit: Visit,
) -> Answer {
    let devices = all_devices(&site, &visit).await?;
    file(
        Format::Json,
        "connections-devices",
        DEVICE_COLUMNS,
        &devices,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<ConnectionCause>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    let filter = filter(visit.address())?;
    gather(|limit, cursor| {
        let filter = CauseFilter {
            limit: Some(limit),
            cursor,
            ..filter.clone()
        };
        let causes = connections::causes(site, &by, &filter);
        async move { causes }
    })
    .await
}

async fn all_devices(site: &Site, visit: &Visit) -> Result<Page<DeviceConnections>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    let filter = device_filter(visit.address())?;
    gather(|limit, cursor| {
        let filter = ConnectionDeviceFilter {
            limit: Some(limit),
            cursor,
            ..filter.clone()
        };
        let devices = connections::devices(site, &by, &filter);
        async move { devices }
    })
    .await
}

fn group(address: &Address) -> Result<Option<GroupId>, Refusal> {
    super::parameter(address, "group")
}

fn filter(address: &Address) -> Result<CauseFilter, Refusal> {
    Ok(CauseFilter {
        group: group(address)?,
        stage: super::choice(address, "stage"),
        verdict: super::choice(address, "verdict"),
        who: super::choice(address, "who"),
        feature: super::text(address, "feature"),
        flow: super::text(address, "flow"),
        ..CauseFilter::default()
    })
}

fn device_filter(address: &Address) -> Result<ConnectionDeviceFilter, Refusal> {
    Ok(ConnectionDeviceFilter {
        group: group(address)?,
        state: super::choice(address, "state"),
        cause: super::text(address, "cause"),
        ..ConnectionDeviceFilter::default()
    })
}
