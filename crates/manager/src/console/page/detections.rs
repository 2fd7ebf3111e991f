//! `/detections`: the list, and what is done to many.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use model::{DetectionId, DeviceId};
use proto::Page;
use proto::api::detection::{Detection, TriageChange};
use proto::problem::ProblemKind;

use crate::access::{Permit, Viewer};
use crate::console::address::{Address, inside};
use crate::console::answer::{Answer, page, see_counted, see_said};
use crate::console::export::{Format, file, gather};
use crate::console::frame::Room;
use crate::console::meaning::Meaning;
use crate::console::view::detections::{ConfirmPage, DetectionsPage};
use crate::console::visit::Visit;
use crate::detections::{self, DetectionFilter};
use crate::devices;
use crate::refusal::Refusal;
use crate::site::Site;

const COLUMNS: &[&str] = &["id", "last_seen", "hostname", "path", "triage", "file"];
/// Detections that one form may name.
const MAX_CHOSEN: usize = 500;
/// Beyond so many files the number must be typed.
const MANY: usize = 10;

pub(in crate::console) async fn list(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let by = visit.permit()?;
    let address = visit.address();
    let filter = DetectionFilter {
        cursor: super::text(address, "cursor"),
        ..filter(address)?
    };
    let found = detections::list(&site, &by, &filter).await?;
    let device_name = match filter.device {
        Some(id) => devices::find(&site, &by, id).await?.hostname,
        None => String::new(),
    };
    let frame = visit.frame(&site, Room::Detections).await?;
    let counts = detections::counts(&site).await?;
    page(&DetectionsPage::new(
        frame,
        address.clone(),
        found,
        counts,
        device_name,
    ))
}

pub(in crate::console) async fn csv(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Csv,
        "detections",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

pub(in crate::console) async fn json(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    file(
        Format::Json,
        "detections",
        COLUMNS,
        &all(&site, &visit).await?,
    )
}

async fn all(site: &Site, visit: &Visit) -> Result<Page<Detection>, Refusal> {
    let by: Permit<Viewer> = visit.permit()?;
    let filter = filter(visit.address())?;
    gather(|limit, cursor| {
        let mut filter = filter.clone();
        let by = by.clone();
        async move {
            filter.limit = Some(limit);
            filter.cursor = cursor;
            detections::list(site, &by, &filter).await
        }
    })
    .await
}

fn filter(address: &Address) -> Result<DetectionFilter, Refusal> {
    Ok(DetectionFilter {
        device: super::parameter(address, "device")?,
        triage: super::choice(address, "triage"),
        file: super::choice(address, "file"),
        search: super::text(address, "search"),
        ..DetectionFilter::default()
    })
}

/// `POST /detections/act`: the bar below the list.
pub(in crate::console) async fn act(State(site): State<Arc<Site>>, visit: Visit) -> Answer {
    let form = visit.form();
    let back = match inside(form.value("back")) {
        "/" => "/detections",
        back => back,
    };
    let mut chosen: Vec<DetectionId> = Vec::new();
    for text in form.values("id").take(MAX_CHOSEN) {
        chosen.push(visit.id(text)?);
    }
    if chosen.is_empty() {
        return Ok(see_said(back, "none_chosen"));
    }
    if form.value("do") == "triage" {
        return triage(&site, &visit, &chosen, back).await;
    }
    let n = chosen.len();
    if n > MANY && form.value("typed").trim() != n.to_string() {
        return confirm(&site, &visit, &chosen, back).await;
    }
    let by = visit.permit()?;
    let (mut done, mut skipped) = (0, 0);
    for id in chosen {
        match detections::quarantine(&site, &by, id).await {
            Ok(_) => done += 1,
            Err(refusal) if is_about_state(&refusal) => skipped += 1,
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(see_counted(back, "quarantine_many", done, skipped))
}

async fn triage(site: &Site, visit: &Visit, chosen: &[DetectionId], back: &str) -> Answer {
    let by = visit.permit()?;
    let triage = super::detection::triage(visit.form().value("triage"))?;
    let (mut done, mut skipped) = (0, 0);
    for id in chosen {
        let change = TriageChange { triage, note: None };
        match detections::triage(site, &by, *id, change).await {
            Ok(_) => done += 1,
            Err(refusal) if is_about_state(&refusal) => skipped += 1,
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(see_counted(back, "triaged_many", done, skipped))
}

fn is_about_state(refusal: &Refusal) -> bool {
    matches!(
        refusal.kind(),
        ProblemKind::Conflict | ProblemKind::NotFound | ProblemKind::DeviceRevoked
    )
}

/// Says how much it touches, and has the number typed.
async fn confirm(site: &Site, visit: &Visit, chosen: &[DetectionId], back: &str) -> Answer {
    let by = visit.permit()?;
    let mut on: BTreeSet<DeviceId> = BTreeSet::new();
    for id in chosen {
        on.insert(detections::find(site, &by, *id).await?.device);
    }
    let frame = visit.frame(site, Room::Detections).await?;
    let n = u64::try_from(chosen.len()).unwrap_or(u64::MAX);
    let devices = u64::try_from(on.len()).unwrap_or(u64::MAX);
    let mut fields = vec![("do", "quarantine".to_owned()), ("back", back.to_owned())];
    fields.extend(chosen.iter().map(|id| ("id", id.to_string())));
    page(&ConfirmPage {
        title: frame.count("detections.quarantine_title", n),
        consequences: vec![(
            Meaning::Warning,
            frame.count("detections.quarantine_devices", devices),
        )],
        action: "/detections/act".to_owned(),
        fields,
        typed: Some(n.to_string()),
        wrong: !visit.form().value("typed").is_empty(),
        button: frame.count("detections.quarantine", n),
        back: back.to_owned(),
        frame,
    })
}
