//! `/search`: over devices, detections and flows at once.

use std::sync::Arc;

use axum::extract::State;
use proto::Page;

use crate::console::answer::{Answer, page};
use crate::console::frame::Room;
use crate::console::view::detections::SearchPage;
use crate::console::visit::Visit;
use crate::detections::{self, DetectionFilter};
use crate::devices::{self, DeviceFilter};
use crate::network::{self, FlowFilter};
use crate::site::Site;

/// Rows of each kind.
const ROWS: u32 = 10;

pub(in crate::console) async fn show(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let frame = visit.frame(&site, Room::Elsewhere).await?;
    let query: String = visit
        .address()
        .value("q")
        .trim()
        .chars()
        .take(200)
        .collect();
    if query.is_empty() {
        return page(&SearchPage {
            sentence: frame.t("search.start").to_owned(),
            frame,
            query,
            devices: nothing(),
            detections: nothing(),
            flows: Vec::new(),
            found: 0,
        });
    }
    let filter = DeviceFilter {
        search: Some(query.clone()),
        limit: Some(ROWS),
        ..DeviceFilter::default()
    };
    let devices = devices::list(&site, &by, &filter).await?;
    let filter = DetectionFilter {
        search: Some(query.clone()),
        limit: Some(ROWS),
        ..DetectionFilter::default()
    };
    let detections = detections::list(&site, &by, &filter).await?;
    let wanted = query.to_lowercase();
    let mut flows = network::flows(&site, &by, &FlowFilter::default())?;
    flows.retain(|flow| flow.id.contains(&wanted) || flow.port.to_string() == wanted);
    let found = devices.total + detections.total + u64::try_from(flows.len()).unwrap_or(0);
    let form = if found == 1 {
        "search.found.one"
    } else {
        "search.found.other"
    };
    page(&SearchPage {
        sentence: frame.with(
            form,
            &[
                ("n", &crate::console::words::grouped(found)),
                ("query", &query),
            ],
        ),
        frame,
        query,
        devices,
        detections,
        flows,
        found,
    })
}

fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next_cursor: None,
        total: 0,
    }
}
