//! Scans that the manager asked for: at low priority, reported as events, with the policy's
//! response to what they find.

use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::event::{CommandOutcome, EventBody, Initiator};
use model::policy::Response;
use model::verdict::{FileOutcome, ScanTotals};
use model::{CommandId, EndpointPath, ScanId, Timestamp};

use crate::core::Core;
use crate::scanning::{self, Outcome, Request};
use crate::vault::Take;

/// Problems of one scan that get an event of their own; the totals count all.
const MOST_PROBLEMS: u64 = 1000;
/// Detections of one scan that get an event of their own; the totals count all.
const MOST_DETECTIONS: u64 = 10_000;

/// Scans. Answers how it went; `None` when the agent was stopped meanwhile.
pub(crate) fn run(
    core: &Arc<Core>,
    command: CommandId,
    scan: ScanId,
    paths: &[EndpointPath],
) -> Option<CommandOutcome> {
    let initiator = Initiator::Manager { command };
    let policy = core.policy.current();
    let mut request = Request::new(
        paths.iter().map(EndpointPath::to_path).collect(),
        &policy.policy,
        core.engine.workers(),
    );
    if let Some(path) = request.paths.iter().find(|path| !path.is_absolute()) {
        let reason = format!(
            "expected absolute paths, got {:?}",
            path.display().to_string()
        );
        return Some(CommandOutcome::Failed { reason });
    }
    request.omit.own = core.own_data().own;
    request.patient = true;
    let pool = match core
        .engine
        .pool(&core.definitions, core.definitions_key(), &request.limits)
    {
        Ok(pool) => pool,
        Err(error) => {
            return Some(CommandOutcome::Failed {
                reason: error.to_string(),
            });
        }
    };
    let activity = |totals, cancelled| EventBody::ScanActivity {
        scan,
        initiator: initiator.clone(),
        paths: paths.to_vec(),
        totals,
        cancelled,
        definitions: Some(pool.revision()),
    };
    core.journal.record(activity(None, false));
    let mut totals = ScanTotals::default();
    let mut problems = 0;
    let ended = scanning::scan(&request, &pool, &core.stopping, |outcome| {
        totals.add(&outcome.report.outcome);
        if is_detection(&outcome.report.outcome) {
            if totals.detected <= MOST_DETECTIONS {
                detected(core, &outcome, scan, &initiator, policy.policy.response);
            }
        } else if scanning::is_problem(&outcome.report.outcome) {
            problems += 1;
            if problems <= MOST_PROBLEMS {
                core.journal.record(EventBody::ScanProblem {
                    scan: Some(scan),
                    report: Box::new(outcome.report),
                });
            }
        }
    });
    core.journal.record(activity(Some(totals), !ended));
    if core.stopping.load(Ordering::Relaxed) {
        return None;
    }
    Some(CommandOutcome::Done)
}

fn is_detection(outcome: &FileOutcome) -> bool {
    match outcome {
        FileOutcome::Judged { verdict } => verdict.detections().next().is_some(),
        FileOutcome::Failed { .. } | FileOutcome::Skipped { .. } => false,
    }
}

fn detected(
    core: &Core,
    outcome: &Outcome,
    scan: ScanId,
    initiator: &Initiator,
    response: Response,
) {
    let FileOutcome::Judged { verdict } = &outcome.report.outcome else {
        return;
    };
    core.journal.record(EventBody::DetectionFinding {
        path: outcome.report.path.clone(),
        size: verdict.size,
        hashes: verdict.hashes.clone(),
        matches: verdict.matches.clone(),
        definitions: verdict.definitions,
        initiator: initiator.clone(),
        scan: Some(scan),
    });
    let (Response::Quarantine, Some(file), Some(vault)) = (response, &outcome.file, &core.vault)
    else {
        return;
    };
    let taken = vault.take(&Take {
        file: file.file.as_fd(),
        expected: verdict.hashes.as_ref().map(|hashes| hashes.sha256),
        rules: verdict
            .detections()
            .map(|found| found.rule.clone())
            .collect(),
        initiator: Initiator::Policy,
        now: Timestamp::now(),
    });
    if let Err(error) = taken {
        core.journal.refused("to quarantine a file", error);
    }
}
