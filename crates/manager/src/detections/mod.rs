//! Detections: what was found, what people think of it, and where the file is.

mod actions;
pub mod http;
mod reported;
pub mod rules;
mod store;
mod vault;

use model::{DetectionId, DeviceId, QuarantineId, Timestamp};
use proto::Page;
use proto::api::Changed;
use proto::api::detection::{
    Detection, DetectionCounts, FileState, Quarantined, Triage, TriageChange,
};
use serde::Deserialize;

pub use actions::{delete, delete_file, quarantine, restore, restore_file};
pub(crate) use reported::{Found, Remedied, command_ended, found, remedied};
pub(crate) use store::TABLES;

use crate::access::{Operator, Permit, Viewer};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};

/// Which detections.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DetectionFilter {
    pub device: Option<DeviceId>,
    pub triage: Option<Triage>,
    pub file: Option<FileState>,
    /// Text in the path or a rule's name, or the SHA-256's beginning.
    pub search: Option<String>,
    /// Last seen at or after this.
    pub since: Option<Timestamp>,
    /// Last seen before this.
    pub until: Option<Timestamp>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Detections that pass the filter, the last seen first.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &DetectionFilter,
) -> Result<Page<Detection>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<i64>::parse_optional(filter.cursor.as_deref())?;
    let (items, total) = store::list(&site.database, filter, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.last_seen.millis(), last.id.to_string())
    }))
}

/// One detection.
///
/// # Errors
/// When there is none such.
pub async fn find(
    site: &Site,
    _by: &Permit<Viewer>,
    id: DetectionId,
) -> Result<Detection, Refusal> {
    read(site, id).await
}

/// How many detections.
///
/// # Errors
/// When the database fails.
pub async fn counts(site: &Site) -> Result<DetectionCounts, Refusal> {
    let since = site.now().minus(std::time::Duration::from_secs(86_400));
    Ok(store::counts(&site.database, since).await?)
}

/// A person's judgement.
///
/// # Errors
/// When there is none such, or the note is too long.
pub async fn triage(
    site: &Site,
    by: &Permit<Operator>,
    id: DetectionId,
    change: TriageChange,
) -> Result<Detection, Refusal> {
    if let Some(note) = &change.note {
        rules::note(note)?;
    }
    let line = audit::Line::new(
        site,
        by,
        "detection.triage",
        format!("detection {id}"),
        change.triage.name(),
    );
    site.database
        .write(|tx| {
            Box::pin(async move {
                if !store::triage(tx, id, &change).await? {
                    return Err(Refusal::not_found("detection", id));
                }
                audit::insert(tx, &line).await
            })
        })
        .await?;
    let detection = read(site, id).await?;
    site.tell(Changed::Detection, id);
    site.tell(Changed::Device, detection.device);
    audit::tell(site);
    Ok(detection)
}

/// Which quarantined files.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuarantineFilter {
    pub device: Option<DeviceId>,
    pub file: Option<FileState>,
    /// Text in the path, or the SHA-256's beginning.
    pub search: Option<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Files that are or were in some device's quarantine, the latest first.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn quarantined(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &QuarantineFilter,
) -> Result<Page<Quarantined>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<i64>::parse_optional(filter.cursor.as_deref())?;
    let (items, total) = vault::quarantined(&site.database, filter, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.quarantined.millis(), last.id.to_string())
    }))
}

/// One file that is or was in some device's quarantine.
///
/// # Errors
/// When there is none such.
pub async fn quarantined_file(
    site: &Site,
    _by: &Permit<Viewer>,
    id: QuarantineId,
) -> Result<Quarantined, Refusal> {
    read_quarantined(site, id).await
}

async fn read(site: &Site, id: DetectionId) -> Result<Detection, Refusal> {
    store::find(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("detection", id))
}

async fn read_quarantined(site: &Site, id: QuarantineId) -> Result<Quarantined, Refusal> {
    vault::find_quarantined(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("quarantined file", id))
}
