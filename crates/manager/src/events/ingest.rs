//! Taking a batch: all of its effects and the mark of how far we are, in one transaction.

use std::sync::Arc;

use ::store::Transaction;
use model::event::{CommandOutcome, EventBody, Gap};
use model::{Event, Timestamp};
use proto::agent::{EventBatch, EventReceipt};
use proto::api::Changed;

use super::{Batch, rules, store};
use crate::access::Caller;
use crate::connections::{self, Reporter};
use crate::detections::{self, Found, Remedied};
use crate::devices::{self, Holder};
use crate::refusal::Refusal;
use crate::scans::{self, Activity};
use crate::site::Site;
use crate::{audit, cloud, commands};

/// Refusals of one batch that go to the audit log, so that no device can fill it.
const MAX_AUDITED: usize = 5;

/// What each event needs besides itself.
struct Context {
    received: Timestamp,
    skew_ms: i64,
    caller: Caller,
    cloud: bool,
}

/// Takes a batch. The same batch again changes nothing and has the same receipt.
///
/// # Errors
/// `invalid` when the batch is out of order or too large.
pub async fn ingest(
    site: &Arc<Site>,
    holder: &Holder,
    batch: EventBatch,
) -> Result<EventReceipt, Refusal> {
    let context = Context {
        received: site.now(),
        skew_ms: holder.entry.with(|live| live.clock_skew),
        caller: devices::device_caller(holder),
        cloud: site.cloud.is_enrolled(),
    };
    let mut taken = Batch {
        device: holder.entry.id,
        hostname: holder.entry.with(|live| live.hostname.clone()),
        device_changed: false,
        changes: Vec::new(),
        reports: Vec::new(),
    };
    let (receipt, taken) = site
        .database
        .write(|tx| {
            Box::pin(async move {
                let receipt = take(tx, &mut taken, &batch, &context).await?;
                Ok::<_, Refusal>((receipt, taken))
            })
        })
        .await?;
    tell(site, taken);
    Ok(receipt)
}

async fn take(
    tx: &mut Transaction,
    taken: &mut Batch,
    batch: &EventBatch,
    context: &Context,
) -> Result<EventReceipt, Refusal> {
    let stored_through = store::stored_through(tx, taken.device, &batch.spool).await?;
    let sorted = rules::sort(batch, stored_through)?;
    if sorted.through != stored_through {
        for gap in &sorted.lost {
            lose(tx, taken, batch, gap, context.received).await?;
        }
        let mut audited = 0;
        for place in &sorted.new {
            let Some(event) = batch.events.get(*place) else {
                continue;
            };
            let time = rules::moment(event.time, context.skew_ms, context.received);
            store::insert(
                tx,
                taken.device,
                &batch.spool,
                event,
                time,
                context.received,
            )
            .await?;
            apply(tx, taken, event, time, context, &mut audited).await?;
        }
        store::set_stored_through(
            tx,
            taken.device,
            &batch.spool,
            sorted.through,
            context.received,
        )
        .await?;
    }
    Ok(EventReceipt {
        spool: batch.spool.clone(),
        stored_through: sorted.through,
    })
}

async fn lose(
    tx: &mut Transaction,
    taken: &mut Batch,
    batch: &EventBatch,
    gap: &Gap,
    now: Timestamp,
) -> Result<(), Refusal> {
    store::insert_gap(tx, taken.device, &batch.spool, gap, now).await?;
    devices::add_lost(tx, taken.device, rules::length(gap)).await?;
    taken.device_changed = true;
    Ok(())
}

/// What one event changes, each by the slice that owns it.
async fn apply(
    tx: &mut Transaction,
    taken: &mut Batch,
    event: &Event,
    time: Timestamp,
    context: &Context,
    audited: &mut usize,
) -> Result<(), Refusal> {
    match &event.body {
        EventBody::DetectionFinding {
            path,
            size,
            hashes,
            matches,
            definitions,
            initiator,
            scan,
        } => {
            let found = Found {
                path,
                size: *size,
                hashes: hashes.as_ref(),
                matches,
                definitions: *definitions,
                initiator,
                scan: *scan,
                time,
            };
            detections::found(tx, taken, found).await?;
            if let Some(scan) = scan {
                scans::count_detection(tx, taken, *scan).await?;
            }
            if context.cloud {
                cloud::count(tx, taken.device, matches, *definitions, context.received).await?;
            }
        }
        EventBody::FileRemediation {
            remediation,
            quarantine,
            path,
            hashes,
            initiator,
        } => {
            let remedied = Remedied {
                remediation: *remediation,
                quarantine: *quarantine,
                path,
                hashes,
                initiator,
                time,
            };
            detections::remedied(tx, taken, remedied).await?;
        }
        EventBody::ScanActivity {
            scan,
            initiator,
            paths,
            totals,
            cancelled,
            definitions: _,
        } => {
            let activity = Activity {
                scan: *scan,
                initiator,
                paths,
                totals: *totals,
                cancelled: *cancelled,
                time,
            };
            scans::activity(tx, taken, activity).await?;
        }
        EventBody::CommandResult { command, outcome } => {
            let Some(about) =
                commands::resulted(tx, taken.device, *command, outcome, context.received).await?
            else {
                return Ok(());
            };
            let failure = match outcome {
                CommandOutcome::Done => None,
                CommandOutcome::Failed { reason } | CommandOutcome::Refused { reason } => {
                    Some(reason.as_str())
                }
            };
            detections::command_ended(tx, about, failure).await?;
            if let Some(id) = about.detection {
                taken.changed(Changed::Detection, id);
            }
            if let Some(id) = about.quarantine {
                taken.changed(Changed::Quarantine, id);
            }
            if let Some(scan) = about.scan {
                scans::command_ended(tx, scan, taken.device, failure, time).await?;
                taken.changed(Changed::Scan, scan);
            }
        }
        EventBody::Refused { what, reason } => {
            if *audited < MAX_AUDITED {
                *audited += 1;
                let line = audit::Line::at(
                    context.received,
                    &context.caller,
                    "device.refused",
                    what.chars().take(200).collect::<String>(),
                    reason.chars().take(1000).collect::<String>(),
                );
                audit::insert(tx, &line).await?;
            }
        }
        EventBody::NetworkReport { report } => {
            let moment = |time| rules::moment(time, context.skew_ms, context.received);
            let reporter = Reporter::Device(taken.device);
            let report =
                connections::reported(tx, reporter, report, context.received, moment).await?;
            taken.reports.extend(report);
        }
        EventBody::ScanProblem { .. } | EventBody::AgentStarted { .. } => {}
    }
    Ok(())
}

fn tell(site: &Site, taken: Batch) {
    for report in taken.reports {
        connections::tell(site, report);
    }
    if taken.changes.len() > super::MAX_TOLD {
        site.tell_list(Changed::Detection);
        site.tell_list(Changed::Quarantine);
        site.tell_list(Changed::Scan);
    } else {
        for (what, id) in &taken.changes {
            site.tell(*what, id);
        }
    }
    if taken.device_changed {
        site.tell(Changed::Device, taken.device);
    }
}
