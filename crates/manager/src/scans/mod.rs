//! Scans: asked for here, or begun by people on their own machines.

pub mod http;
mod reported;
mod store;

use model::policy::Action;
use model::{DeviceId, ScanId};
use proto::Page;
use proto::api::Changed;
use proto::api::scan::{NewScan, Scan};
use serde::Deserialize;

pub(crate) use reported::{Activity, activity, command_ended, count_detection, expired};
pub(crate) use store::TABLES;

use crate::access::{Operator, Permit, Viewer};
use crate::audit;
use crate::commands::{self, About};
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};

/// Paths in one scan.
const MAX_PATHS: usize = 100;

/// Which scans.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScanFilter {
    pub device: Option<DeviceId>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

/// Scans, the last requested first.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    filter: &ScanFilter,
) -> Result<Page<Scan>, Refusal> {
    let limit = cursor::page_limit(filter.limit)?;
    let after = Cursor::<i64>::parse_optional(filter.cursor.as_deref())?;
    let (items, total) = store::list(&site.database, filter, after, limit + 1).await?;
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.requested.millis(), last.id.to_string())
    }))
}

/// One scan.
///
/// # Errors
/// When there is none such.
pub async fn find(site: &Site, _by: &Permit<Viewer>, id: ScanId) -> Result<Scan, Refusal> {
    read(site, id).await
}

async fn read(site: &Site, id: ScanId) -> Result<Scan, Refusal> {
    store::find(&site.database, id)
        .await?
        .ok_or_else(|| Refusal::not_found("scan", id))
}

/// Asks devices to scan paths.
///
/// # Errors
/// When the request names no device that takes commands, both devices and a group, no path or too
/// many of either, or a path that is not absolute.
pub async fn create(site: &Site, by: &Permit<Operator>, new: NewScan) -> Result<Scan, Refusal> {
    let devices = commands::chosen(site, new.devices.as_deref(), new.group)?;
    if new.paths.is_empty() || new.paths.len() > MAX_PATHS {
        return Err(Refusal::invalid(format!(
            "paths: expected 1 to {MAX_PATHS}, got {}",
            new.paths.len()
        )));
    }
    if let Some(path) = new
        .paths
        .iter()
        .find(|path| !path.as_str().starts_with('/'))
    {
        return Err(Refusal::invalid(format!(
            "paths: expected absolute paths, got {:?}",
            path.as_str().chars().take(200).collect::<String>()
        )));
    }
    let id = ScanId::generate();
    let now = site.now();
    let about = About {
        scan: Some(id),
        ..About::default()
    };
    let prepared: Vec<_> = devices
        .iter()
        .map(|device| {
            let action = Action::Scan {
                scan: id,
                paths: new.paths.clone(),
            };
            commands::prepare(site, by, *device, action, about)
        })
        .collect::<Result<_, _>>()?;
    let line = audit::Line::new(
        site,
        by,
        "scan.create",
        format!("scan {id}"),
        format!(
            "{}, {}",
            audit::counted(devices.len(), "device"),
            audit::counted(new.paths.len(), "path")
        ),
    );
    let requested_by = by.name.clone();
    let paths = new.paths;
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::insert(tx, id, &requested_by, now, &paths, None).await?;
                for command in &prepared {
                    store::insert_device(tx, id, command.device).await?;
                    commands::insert(tx, command).await?;
                }
                audit::insert(tx, &line).await
            })
        })
        .await?;
    for device in devices {
        commands::announce(site, device);
    }
    site.tell(Changed::Scan, id);
    audit::tell(site);
    read(site, id).await
}
