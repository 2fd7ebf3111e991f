//! `/quarantine`.

use std::sync::Arc;

use axum::extract::{Path, State};
use proto::Page;
use proto::api::detection::{FileState, Quarantined};

use crate::access::{Permit, Viewer};
use crate::console::address::Address;
use crate::console::answer::{Answer, page, see_said};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::detections::QuarantinePage;
use crate::console::visit::Visit;
use crate::detections::{self, QuarantineFilter};
use crate::refusal::Refusal;
use crate::site::Site;

const COLUMNS: &[&str] = &[
    "id",
    "quarantined",
    "hostname",
    "path",
    "file",
    "hashes.sha256",
];

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let address = visit.address();
    let by = visit.permit()?;
    let filter = QuarantineFilter {
        cursor: super::text(address, "cursor"),
        ..filter(address)?
    };
    let files = detections::quarantined(&site, &by, &filter).await?;
    let held = QuarantineFilter {
        file: Some(FileState::Quarantined),
        limit: Some(1),
        ..QuarantineFilter::default()
    };
    let held = detections::quarantined(&site, &by, &held).await?.total;
    let frame = visit.frame(&site, Room::Detections).await?;
    page(&QuarantinePage {
        sentence: frame.count("quarantine.sentence", held),
        frame,
        address: address.clone(),
        tab: "quarantine",
        page: files,
    })
}

pub(in crate::console) async fn restore(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    detections::restore_file(&site, &visit.permit()?, visit.id(&id)?).await?;
    Ok(see_said("/quarantine", "restore_asked"))
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Csv,
        "quarantine",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Json,
        "quarantine",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<Quarantined>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    let filter = filter(visit.address())?;
    gather(|limit, cursor| {
        let mut filter = filter.clone();
        let by = by.clone();
        async move {
            filter.limit = Some(limit);
            filter.cursor = cursor;
            detections::quarantined(site, &by, &filter).await
        }
    })
    .await
}

fn filter(address: &Address) -> Result<QuarantineFilter, Refusal> {
    Ok(QuarantineFilter {
        device: super::parameter(address, "device")?,
        file: super::choice(address, "file"),
        search: super::text(address, "search"),
        ..QuarantineFilter::default()
    })
}
