//! `/detections/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use model::DetectionId;
use proto::api::detection::{Triage, TriageChange};

use crate::console::answer::{Answer, page, see_said};
use crate::console::frame::Room;
use crate::console::meaning::Meaning;
use crate::console::view::detection::DetectionPage;
use crate::console::view::detections::ConfirmPage;
use crate::console::visit::Visit;
use crate::detections;
use crate::refusal::Refusal;
use crate::site::Site;

pub(in crate::console) async fn show(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let detection = detections::find(&site, &visit.permit()?, visit.id(&id)?).await?;
    let frame = visit.frame(&site, Room::Detections).await?;
    page(&DetectionPage::new(frame, detection))
}

pub(in crate::console) async fn judge(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DetectionId = visit.id(&id)?;
    let change = TriageChange {
        triage: triage(visit.form().value("triage"))?,
        note: Some(visit.form().value("note").replace("\r\n", "\n")),
    };
    detections::triage(&site, &visit.permit()?, id, change).await?;
    Ok(see_said(&format!("/detections/{id}"), "triaged"))
}

pub(in crate::console) async fn quarantine(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DetectionId = visit.id(&id)?;
    detections::quarantine(&site, &visit.permit()?, id).await?;
    Ok(see_said(&format!("/detections/{id}"), "quarantine_asked"))
}

pub(in crate::console) async fn restore(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DetectionId = visit.id(&id)?;
    detections::restore(&site, &visit.permit()?, id).await?;
    Ok(see_said(&format!("/detections/{id}"), "restore_asked"))
}

pub(in crate::console) async fn confirm_delete(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let detection = detections::find(&site, &visit.permit()?, visit.id(&id)?).await?;
    let frame = visit.frame(&site, Room::Detections).await?;
    let place = format!("/detections/{}", detection.id);
    page(&ConfirmPage {
        title: frame.t("detection.delete_title").to_owned(),
        consequences: vec![
            (
                Meaning::Critical,
                frame.with(
                    "detection.delete_gone",
                    &[("path", &detection.path), ("device", &detection.hostname)],
                ),
            ),
            (
                Meaning::Informative,
                frame.t("detection.delete_kept").to_owned(),
            ),
        ],
        action: format!("{place}/delete"),
        fields: Vec::new(),
        typed: None,
        wrong: false,
        button: frame.t("detection.delete_button").to_owned(),
        back: place,
        frame,
    })
}

pub(in crate::console) async fn delete(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Answer {
    let id: DetectionId = visit.id(&id)?;
    detections::delete(&site, &visit.permit()?, id).await?;
    Ok(see_said(&format!("/detections/{id}"), "delete_asked"))
}

/// Reads a triage's name.
///
/// # Errors
/// When it is none.
pub(super) fn triage(name: &str) -> Result<Triage, Refusal> {
    Triage::ALL
        .into_iter()
        .find(|triage| triage.name() == name)
        .ok_or_else(|| {
            Refusal::invalid(
                "triage: expected open, in_progress, confirmed, false_positive or expected",
            )
        })
}
