//! Pings: how often which rule hit, over all sites. No file, path, host or hash comes with them.

pub(crate) mod http;
mod rules;
mod store;

use model::{DefinitionType, SiteId, Timestamp};
use proto::Page;
use proto::site::{PingBatch, PingReceipt, RulePings};

use crate::refusal::Refusal;
use crate::state::CloudState;
use crate::web::cursor;

pub(crate) use store::TABLES;

/// Rows kept at most, over all sites; beyond it the oldest hours go first.
const MAX_ROWS: u64 = 5_000_000;

/// Counts a batch, unless it or a later one of the site was counted before.
///
/// # Errors
/// When the batch is too large or a ping in it is malformed; nothing of it is counted then.
pub async fn count(
    state: &CloudState,
    site: SiteId,
    batch: PingBatch,
    now: Timestamp,
) -> Result<PingReceipt, Refusal> {
    let sequence = rules::check(&batch, now)?;
    let horizon = now.minus(state.ping_lifetime());
    let counted_through = state
        .database()
        .write(|tx| {
            Box::pin(async move {
                let before = store::counted_through(tx, site).await?;
                if sequence <= before {
                    return Ok::<_, Refusal>(before);
                }
                for ping in batch.pings.iter().filter(|ping| ping.hour >= horizon) {
                    store::add(tx, site, ping).await?;
                }
                store::set_counted_through(tx, site, sequence).await?;
                Ok(sequence)
            })
        })
        .await?;
    Ok(PingReceipt {
        counted_through: u64::try_from(counted_through).unwrap_or(0),
    })
}

/// What is known of each rule, by its name, a page at a time.
///
/// # Errors
/// When the limit or the cursor is malformed.
pub async fn rule_list(
    state: &CloudState,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<RulePings>, Refusal> {
    let limit = cursor::page_limit(limit)?;
    let after: Option<(String, DefinitionType)> = after.map(cursor::parse).transpose()?;
    let pool = state.database().read();
    let mut items = store::rules_after(pool, after, limit + 1).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > wanted;
    items.truncate(wanted);
    let next_cursor = items
        .last()
        .filter(|_| more)
        .map(|last| cursor::to_text(&(&last.rule, last.definition_type)));
    Ok(Page {
        items,
        next_cursor,
        total: store::rule_total(pool).await?,
    })
}

/// Forgets what is older than the configuration says, or more than there is room for. Gives the
/// number of rows that went.
///
/// # Errors
/// When the database fails.
pub(crate) async fn prune(state: &CloudState, now: Timestamp) -> Result<u64, Refusal> {
    let horizon = now.minus(state.ping_lifetime());
    state
        .database()
        .write(|tx| Box::pin(store::prune(tx, horizon, MAX_ROWS)))
        .await
}
