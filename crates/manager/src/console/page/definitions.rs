//! `/definitions`.

use std::sync::Arc;

use axum::extract::State;
use proto::Page;
use proto::api::definition::DefinitionsInfo;

use crate::access::{Permit, Viewer};
use crate::console::answer::{Answer, page};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::view::definitions::DefinitionsPage;
use crate::console::visit::Visit;
use crate::definitions;
use crate::devices::{self, DeviceFilter, DeviceSort};
use crate::refusal::Refusal;
use crate::site::Site;

const COLUMNS: &[&str] = &[
    "revision",
    "published",
    "published_by",
    "current",
    "devices",
];
/// Revisions and lagging devices on the page.
const ROWS: u32 = 20;

pub(in crate::console) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let history = definitions::list(&site, &by, Some(ROWS), None).await?;
    let lagging = DeviceFilter {
        older_definitions: Some(true),
        sort: DeviceSort::LastSeen,
        limit: Some(ROWS),
        ..DeviceFilter::default()
    };
    let lagging = devices::list(&site, &by, &lagging).await?;
    let frame = visit.frame(&site, Room::Content).await?;
    page(&DefinitionsPage::new(
        frame,
        history.items,
        lagging.items,
        lagging.total,
    ))
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Csv,
        "definitions",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Json,
        "definitions",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<DefinitionsInfo>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    gather(|limit, cursor| {
        let by = by.clone();
        async move { definitions::list(site, &by, Some(limit), cursor.as_deref()).await }
    })
    .await
}
