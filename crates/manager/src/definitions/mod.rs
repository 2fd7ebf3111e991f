//! Definitions: taken in, signed by the site, handed to agents.

pub mod http;
pub mod rules;
mod shelf;
mod store;

use std::sync::Arc;

use bytes::Bytes;
use model::{DefinitionRevision, Sha256};
use proto::Page;
use proto::api::Changed;
use proto::api::definition::DefinitionsInfo;
use sha2::Digest as _;

pub use shelf::{Offer, Shelf};
pub(crate) use store::TABLES;

use crate::access::{Administrator, Permit, Viewer};
use crate::audit;
use crate::refusal::Refusal;
use crate::site::Site;
use crate::web::cursor::{self, Cursor};

/// Bytes of one definitions file that the manager takes.
pub const MAX_BYTES: usize = 256 << 20;
/// Sets that are kept for agents that are fetching them; older ones are removed.
const KEPT: usize = 3;

/// The blob of a set.
pub(crate) fn blob_name(revision: DefinitionRevision) -> String {
    format!("{revision}.gdef")
}

/// Published sets, the newest first.
///
/// # Errors
/// When the limit or the cursor is none.
pub async fn list(
    site: &Site,
    _by: &Permit<Viewer>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<DefinitionsInfo>, Refusal> {
    let limit = cursor::page_limit(limit)?;
    let after = Cursor::<u64>::parse_optional(after)?;
    let (mut items, total) = store::list(&site.database, after, limit + 1).await?;
    let current = site.definitions.current_revision();
    for item in &mut items {
        fill(site, item, current);
    }
    Ok(cursor::page(items, limit, total, |last| {
        Cursor(last.revision.0, String::new())
    }))
}

/// What agents are told to use; none before the first upload.
///
/// # Errors
/// When the database fails.
pub async fn current(
    site: &Site,
    _by: &Permit<Viewer>,
) -> Result<Option<DefinitionsInfo>, Refusal> {
    let Some(revision) = site.definitions.current_revision() else {
        return Ok(None);
    };
    let mut info = store::find(&site.database, revision).await?;
    if let Some(info) = &mut info {
        fill(site, info, Some(revision));
    }
    Ok(info)
}

fn fill(site: &Site, info: &mut DefinitionsInfo, current: Option<DefinitionRevision>) {
    info.current = current == Some(info.revision);
    info.devices = site.roster.count_with_definitions(info.revision);
}

/// Takes a definitions file in, whoever signed it: an administrator vouches for it. What is
/// published carries the site's own signature.
///
/// # Errors
/// When the file is damaged or no definitions, or not newer than the current set.
pub async fn upload(
    site: &Arc<Site>,
    by: &Permit<Administrator>,
    file: Bytes,
) -> Result<DefinitionsInfo, Refusal> {
    let Ok(_turn) = site.definitions.upload_turn().try_acquire() else {
        return Err(Refusal::conflict(
            "another upload of definitions is under way; wait for its end",
        ));
    };
    let now = site.now();
    let current = site.definitions.current_revision();
    let worker = Arc::clone(site);
    let resigned = tokio::task::spawn_blocking(move || {
        let resigned = rules::resign(&file, current, &worker.keys.signing)?;
        let sha256 = Sha256(sha2::Sha256::digest(&resigned.file).into());
        worker
            .definitions
            .blobs()
            .write(&blob_name(resigned.revision), &resigned.file)?;
        Ok::<_, Refusal>((resigned, sha256))
    })
    .await
    .map_err(Refusal::internal("checking definitions"))?;
    let (resigned, sha256) = resigned?;
    let mut info = DefinitionsInfo {
        revision: resigned.revision,
        bytes: u64::try_from(resigned.file.len()).unwrap_or(u64::MAX),
        sha256,
        hashes: resigned.hashes,
        yara_rules: resigned.yara_rules,
        published: now,
        published_by: by.name.clone(),
        current: true,
        devices: 0,
    };
    let line = audit::Line::new(
        site,
        by,
        "definitions.publish",
        format!("definitions {}", info.revision),
        format!(
            "{} hashes, {} YARA rules, signed by {}",
            info.hashes, info.yara_rules, resigned.signer
        ),
    );
    let stored = info.clone();
    site.database
        .write(|tx| {
            Box::pin(async move {
                store::insert(tx, &stored).await?;
                audit::insert(tx, &line).await
            })
        })
        .await?;
    site.definitions.replace(Offer {
        revision: info.revision,
        bytes: info.bytes,
        sha256,
    });
    remove_old(site).await;
    for entry in site.roster.all() {
        entry.ask_to_check_in();
    }
    site.tell(Changed::Definitions, info.revision);
    audit::tell(site);
    fill(site, &mut info, Some(resigned.revision));
    Ok(info)
}

/// Removes the files of sets that are too old for anybody to be fetching; their lines stay.
async fn remove_old(site: &Arc<Site>) {
    let site = Arc::clone(site);
    let removed = tokio::task::spawn_blocking(move || {
        let blobs = site.definitions.blobs();
        let mut revisions: Vec<u64> = blobs
            .list()?
            .iter()
            .filter_map(|name| name.strip_suffix(".gdef")?.parse().ok())
            .collect();
        revisions.sort_unstable_by(|left, right| right.cmp(left));
        for revision in revisions.into_iter().skip(KEPT) {
            blobs.remove(&blob_name(DefinitionRevision(revision)))?;
        }
        Ok::<_, ::store::BlobError>(())
    })
    .await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(%error, "old definitions could not be removed");
    }
}
