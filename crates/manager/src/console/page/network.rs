//! `/network`.

use std::sync::Arc;

use axum::extract::State;
use proto::Page;
use proto::api::network::SiteFlow;

use crate::console::answer::{Answer, page};
use crate::console::export::{Format, file};
use crate::console::frame::Room;
use crate::console::view::network::NetworkPage;
use crate::console::visit::Visit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::{cloud, network};

const COLUMNS: &[&str] = &[
    "id",
    "from",
    "to",
    "transport",
    "port",
    "listening",
    "purpose",
];

pub(in crate::console) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let flows = network::flows(&site, &by);
    let link = cloud::state(&site, &by).await?;
    let frame = visit.frame(&site, Room::Network).await?;
    page(&NetworkPage::new(frame, flows, link))
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Csv, "flows", COLUMNS, &all(&site, &visit)?)
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(Format::Json, "flows", COLUMNS, &all(&site, &visit)?)
}

fn all(site: &Site, visit: &Visit) -> Result<Page<SiteFlow>, Refusal> {
    let items = network::flows(site, &visit.permit()?);
    Ok(Page {
        total: u64::try_from(items.len()).unwrap_or(u64::MAX),
        items,
        next_cursor: None,
    })
}
