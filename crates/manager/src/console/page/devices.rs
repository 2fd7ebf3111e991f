//! `/devices`.

use std::sync::Arc;

use axum::extract::State;
use proto::Page;
use proto::api::device::Device;

use crate::access::{Permit, Viewer};
use crate::console::address::Address;
use crate::console::answer::{Answer, page};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::devices::DevicesPage;
use crate::console::visit::Visit;
use crate::devices::{self, DeviceFilter};
use crate::groups;
use crate::refusal::Refusal;
use crate::site::Site;

/// Columns that come first in CSV.
const COLUMNS: &[&str] = &[
    "id",
    "hostname",
    "group_name",
    "standing",
    "connected",
    "last_seen",
];

/// The most groups that the filter offers.
const MAX_GROUPS: u32 = 500;

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let mut filter = filter(visit.address())?;
    filter.cursor = super::text(visit.address(), "cursor");
    let devices = devices::list(&site, &by, &filter).await?;
    let groups = groups::list(&site, &by, Some(MAX_GROUPS), None)
        .await?
        .items;
    let frame = visit.frame(&site, Room::Devices).await?;
    page(&DevicesPage::new(
        frame,
        visit.address().clone(),
        devices,
        groups,
        devices::counts(&site),
    ))
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "devices", COLUMNS, &all(&site, &visit).await?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Json, "devices", COLUMNS, &all(&site, &visit).await?)
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<Device>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    let filter = filter(visit.address())?;
    gather(|limit, cursor| {
        let mut filter = filter.clone();
        let by = by.clone();
        async move {
            filter.limit = Some(limit);
            filter.cursor = cursor;
            devices::list(site, &by, &filter).await
        }
    })
    .await
}

fn filter(address: &Address) -> Result<DeviceFilter, Refusal> {
    Ok(DeviceFilter {
        standing: super::choice(address, "standing"),
        group: super::parameter(address, "group")?,
        search: super::text(address, "search"),
        connected: super::parameter(address, "connected")?,
        critical: super::parameter(address, "critical")?,
        silent: super::parameter(address, "silent")?,
        older_definitions: super::parameter(address, "older_definitions")?,
        sort: super::choice(address, "sort").unwrap_or_default(),
        ..DeviceFilter::default()
    })
}
