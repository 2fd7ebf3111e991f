//! The audit log: who did what, when, from where. Lines are only ever added, in the transaction
//! of the deed itself.

pub mod http;
mod store;

pub(crate) use store::{TABLES, insert};

use model::{AuditId, Timestamp};
use proto::Page;
use proto::api::Changed;
use proto::api::audit::AuditLine;
use serde::Deserialize;

use crate::access::{Caller, Permit, Viewer};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};

/// A number of things in a line's words.
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A line to be added.
#[derive(Debug, Clone)]
pub(crate) struct Line(pub(crate) AuditLine);

impl Line {
    /// A line about what `by` does now. Never put a secret into it.
    pub(crate) fn new(
        site: &Site,
        by: &Caller,
        action: &str,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::at(site.now(), by, action, object, detail)
    }

    /// A line about what `by` did at that time.
    pub(crate) fn at(
        time: Timestamp,
        by: &Caller,
        action: &str,
        object: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self(AuditLine {
            id: AuditId::generate(),
            time,
            actor: by.name.clone(),
            address: by.address.map(|address| address.to_string()),
            action: action.to_owned(),
            object: object.into(),
            detail: detail.into(),
        })
    }
}

/// Adds a line that belongs to no other write.
pub(crate) async fn record(
    site: &Site,
    by: &Caller,
    action: &str,
    object: impl Into<String>,
    detail: impl Into<String>,
) -> Result<(), Refusal> {
    let line = Line::new(site, by, action, object, detail);
    site.database
        .write(|tx| Box::pin(async move { insert(tx, &line).await }))
        .await?;
    tell(site);
    Ok(())
}

/// Tells listeners that the log grew.
pub(crate) fn tell(site: &Site) {
    site.tell_list(Changed::Audit);
}

/// Which lines.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// Exactly this actor.
    pub actor: Option<String>,
    /// This action and those below it: `device` is also `device.revoke`.
    pub action: Option<String>,
    /// Text in object or detail.
    pub search: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Lines of the log, the newest first.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &AuditFilter,
) -> Result<Page<AuditLine>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<i64>::parse_optional(filter.cursor.as_deref())?;
    let (items, total) = store::list(&site.database, filter, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.time.millis(), last.id.to_string())
    }))
}
