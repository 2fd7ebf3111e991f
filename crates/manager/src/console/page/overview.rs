//! `/`.

use std::sync::Arc;

use axum::extract::State;
use proto::api::Overview;

use crate::access::{Permit, Viewer};
use crate::audit::{self, AuditFilter};
use crate::console::answer::{Answer, page};
use crate::console::frame::Room;
use crate::console::view::overview::OverviewPage;
use crate::console::visit::Visit;
use crate::detections::{self, DetectionFilter};
use crate::site::Site;

/// Rows of each part of the page.
const ROWS: u32 = 8;

pub(in crate::console) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by: Permit<Viewer> = visit.permit()?;
    let frame = visit.frame(&site, Room::Overview).await?;
    let overview: Overview = crate::overview::read(&site, &by).await?;
    let mut missing = Vec::new();
    let filter = DetectionFilter {
        limit: Some(ROWS),
        ..DetectionFilter::default()
    };
    let found = detections::list(&site, &by, &filter).await;
    let found = super::or_missing(found, &mut missing, frame.t("overview.latest"));
    let filter = AuditFilter {
        limit: Some(ROWS),
        ..AuditFilter::default()
    };
    let lines = audit::list(&site, &by, &filter).await;
    let lines = super::or_missing(lines, &mut missing, frame.t("overview.happened"));
    page(&OverviewPage::new(
        frame,
        overview,
        found.map(|page| page.items).unwrap_or_default(),
        lines.map(|page| page.items).unwrap_or_default(),
        missing,
    ))
}
