//! `/devices/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use model::{DeviceId, EndpointPath};
use proto::api::connection::NewConnectionCheck;
use proto::api::device::{DeviceChange, DeviceStanding};
use proto::api::scan::NewScan;

use crate::console::answer::{Answer, page, see_counted, see_said};
use crate::console::frame::Room;
use crate::console::meaning::Meaning;
use crate::console::view::detections::ConfirmPage;
use crate::console::view::device::{DevicePage, Parts};
use crate::console::visit::Visit;
use crate::detections::{self, DetectionFilter};
use crate::refusal::Refusal;
use crate::scans::{self, ScanFilter};
use crate::site::Site;
use crate::{connections, devices, events, groups};

/// Rows of each part of the page.
const ROWS: u32 = 8;
const EVENTS: u32 = 30;
const MAX_GROUPS: u32 = 500;

pub(in crate::console) async fn show(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let by = visit.permit()?;
    let device = devices::find(&site, &by, visit.id(&id)?).await?;
    let frame = visit.frame(&site, Room::Devices).await?;
    let mut missing = Vec::new();
    let filter = DetectionFilter {
        device: Some(device.id),
        limit: Some(ROWS),
        ..DetectionFilter::default()
    };
    let found = detections::list(&site, &by, &filter).await;
    let found = super::or_missing(found, &mut missing, frame.t("nav.detections"));
    let asked = ScanFilter {
        device: Some(device.id),
        limit: Some(ROWS),
        cursor: None,
    };
    let scans = scans::list(&site, &by, &asked).await;
    let scans = super::or_missing(scans, &mut missing, frame.t("device.scans"));
    let events = events::latest(&site, &by, device.id, EVENTS).await;
    let events = super::or_missing(events, &mut missing, frame.t("device.timeline"));
    let groups = groups::list(&site, &by, Some(MAX_GROUPS), None)
        .await?
        .items;
    let network = (device.standing == DeviceStanding::Approved)
        .then(|| connections::of_device(&site, &by, device.id))
        .transpose()?;
    let parts = Parts {
        network,
        detections: found.map(|page| page.items).unwrap_or_default(),
        scans: scans.map(|page| page.items).unwrap_or_default(),
        events: events.unwrap_or_default(),
        missing,
    };
    page(&DevicePage::new(frame, device, groups, parts))
}

pub(in crate::console) async fn scan(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DeviceId = visit.id(&id)?;
    let path = EndpointPath::parse(visit.form().value("path").trim())
        .map_err(|error| Refusal::invalid(format!("path: {error}")))?;
    let new = NewScan {
        devices: Some(vec![id]),
        group: None,
        paths: vec![path],
    };
    scans::create(&site, &visit.permit()?, new).await?;
    Ok(see_said(&format!("/devices/{id}"), "scan_asked"))
}

pub(in crate::console) async fn check_in(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DeviceId = visit.id(&id)?;
    let told = devices::ask(&site, &visit.permit()?, id)?;
    let said = if told {
        "check_in_asked"
    } else {
        "not_connected"
    };
    Ok(see_said(&format!("/devices/{id}"), said))
}

pub(in crate::console) async fn check_network(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DeviceId = visit.id(&id)?;
    let new = NewConnectionCheck {
        devices: Some(vec![id]),
        group: None,
    };
    let asked = connections::ask_to_check(&site, &visit.permit()?, new).await?;
    let back = format!("/devices/{id}");
    Ok(see_counted(&back, "network_check_asked", asked.devices, 0))
}

pub(in crate::console) async fn approve(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DeviceId = visit.id(&id)?;
    devices::approve(&site, &visit.permit()?, id).await?;
    Ok(see_said(&format!("/devices/{id}"), "approved"))
}

pub(in crate::console) async fn move_to(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DeviceId = visit.id(&id)?;
    let change = DeviceChange {
        group: Some(visit.form().parsed("group")?),
    };
    devices::change(&site, &visit.permit()?, id, change).await?;
    Ok(see_said(&format!("/devices/{id}"), "moved"))
}

pub(in crate::console) async fn confirm_revoke(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    confirm(&site, &visit, visit.id(&id)?, false).await
}

pub(in crate::console) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DeviceId = visit.id(&id)?;
    let device = devices::find(&site, &visit.permit()?, id).await?;
    if visit.form().value("typed").trim() != device.hostname {
        return confirm(&site, &visit, id, true).await;
    }
    devices::revoke(&site, &visit.permit()?, id).await?;
    Ok(see_said(&format!("/devices/{id}"), "revoked"))
}

async fn confirm(site: &Site, visit: &Visit, id: DeviceId, wrong: bool) -> Answer {
    let device = devices::find(site, &visit.permit()?, id).await?;
    let frame = visit.frame(site, Room::Devices).await?;
    let mut consequences = vec![
        (
            Meaning::Critical,
            frame.t("device.revoke_refused").to_owned(),
        ),
        (
            Meaning::Informative,
            frame.t("device.revoke_protects").to_owned(),
        ),
        (
            Meaning::Informative,
            frame.t("device.revoke_again").to_owned(),
        ),
    ];
    if device.open_detections > 0 {
        consequences.push((
            Meaning::Warning,
            frame.count("device.revoke_open", device.open_detections),
        ));
    }
    page(&ConfirmPage {
        title: frame.with1("device.revoke_title", "name", &device.hostname),
        consequences,
        action: format!("/devices/{id}/revoke"),
        fields: Vec::new(),
        wrong,
        button: frame.with1("device.revoke_button", "name", &device.hostname),
        typed: Some(device.hostname),
        back: format!("/devices/{id}"),
        frame,
    })
}
