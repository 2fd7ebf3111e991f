//! Scanning paths: the walk brings open files, workers in the sandbox judge them, outcomes come
//! out. Used by the agent for its manager's scans, and by the local command with its caller's own
//! rights.

mod engine;
mod owners;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use std::os::fd::AsFd as _;

use model::policy::{Exclusion, Policy};
use model::verdict::{FileOutcome, FileReport};
use model::{EndpointPath, ScanFailure};
use sandbox::Pool;
use scan::Limits;

use crate::walk::{Found, FoundFile, Omit, Walk};

pub(crate) use engine::Engine;
use owners::Owners;

/// Open files that wait for a worker, and outcomes that wait to be taken, at most.
const WAITING: usize = 32;

/// What to scan, and how.
#[derive(Debug, Clone)]
pub struct Request {
    pub paths: Vec<PathBuf>,
    pub omit: Omit,
    /// Rules whose matches don't count.
    pub excluded_rules: Vec<String>,
    pub limits: Limits,
    /// Files that are scanned at the same time, at least 1.
    pub jobs: usize,
    /// Whether to give way to everybody else on this machine.
    pub patient: bool,
}

/// One outcome, with the file that it is about while it is still open.
#[derive(Debug)]
pub struct Outcome {
    pub report: FileReport,
    pub file: Option<FoundFile>,
}

impl Request {
    /// Everything under `paths`, as the policy says.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>, policy: &Policy, jobs: usize) -> Self {
        let mut omit = Omit::default();
        let mut excluded_rules = Vec::new();
        for exclusion in &policy.exclusions {
            match exclusion {
                Exclusion::Path { path, .. } => omit.excluded.push(path.to_path()),
                Exclusion::Rule { rule, .. } => excluded_rules.push(rule.clone()),
            }
        }
        Self {
            paths,
            omit,
            excluded_rules,
            limits: limits(policy),
            jobs,
            patient: false,
        }
    }
}

/// The scanner's limits under a policy.
#[must_use]
pub fn limits(policy: &Policy) -> Limits {
    Limits {
        file_bytes: policy.max_file_bytes,
        time: std::time::Duration::from_secs(policy.max_file_seconds.into()),
        ..Limits::default()
    }
}

/// Scans, and gives each outcome to `each` on the calling thread, in the order in which they come.
/// When `cancel` becomes true, what is under way is finished and the rest is left. Answers whether
/// the scan went to its end.
pub fn scan(
    request: &Request,
    pool: &Pool,
    cancel: &AtomicBool,
    mut each: impl FnMut(Outcome),
) -> bool {
    let (give_file, files) = sync_channel(WAITING);
    let (give, outcomes) = sync_channel(WAITING);
    let files = Mutex::new(files);
    let owners = Owners::read();
    std::thread::scope(|scope| {
        for _ in 0..request.jobs.max(1) {
            let give = give.clone();
            let (files, owners) = (&files, &owners);
            scope.spawn(move || judge_all(request, pool, cancel, owners, files, &give));
        }
        scope.spawn(move || walk(request, cancel, &give_file, &give));
        for outcome in outcomes {
            each(outcome);
        }
    });
    !cancel.load(Ordering::Relaxed)
}

fn walk(
    request: &Request,
    cancel: &AtomicBool,
    files: &SyncSender<FoundFile>,
    give: &SyncSender<Outcome>,
) {
    yield_to_others(request);
    for found in Walk::new(request.paths.clone(), request.omit.clone()) {
        let taken = match found {
            Found::File(file) => files.send(file).is_ok(),
            Found::Passed(report) => give.send(Outcome { report, file: None }).is_ok(),
        };
        if !taken || cancel.load(Ordering::Relaxed) {
            return;
        }
    }
}

fn judge_all(
    request: &Request,
    pool: &Pool,
    cancel: &AtomicBool,
    owners: &Owners,
    files: &Mutex<Receiver<FoundFile>>,
    give: &SyncSender<Outcome>,
) {
    yield_to_others(request);
    loop {
        let next = files.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(file) = next else { return };
        if cancel.load(Ordering::Relaxed) {
            // The walk ends at its next file; what it already gave is let go of.
            continue;
        }
        let path = EndpointPath::from_path(&file.path);
        let mut outcome = pool.scan_named(
            file.file.as_fd(),
            path.as_str(),
            owners.name(file.owner),
            &request.limits,
        );
        if let FileOutcome::Judged { verdict } = &mut outcome {
            verdict
                .matches
                .retain(|found| !request.excluded_rules.contains(&found.rule));
        }
        let report = FileReport { path, outcome };
        let outcome = Outcome {
            report,
            file: Some(file),
        };
        if give.send(outcome).is_err() {
            return;
        }
    }
}

/// On Linux the priority is the thread's own, and workers that it starts inherit it.
fn yield_to_others(request: &Request) {
    const LAST: i32 = 19;
    if request.patient
        && let Err(error) = rustix::process::setpriority_process(None, LAST)
    {
        tracing::debug!("the priority could not be lowered: {error}");
    }
}

/// Whether a report is worth an event of its own: something was not judged, or not wholly.
#[must_use]
pub fn is_problem(outcome: &FileOutcome) -> bool {
    match outcome {
        FileOutcome::Judged { verdict } => {
            !verdict.is_whole() && verdict.detections().next().is_none()
        }
        FileOutcome::Failed { failure } => match failure {
            ScanFailure::Unreadable { .. }
            | ScanFailure::Changed
            | ScanFailure::WorkerCrashed { .. }
            | ScanFailure::TimedOut { .. }
            | ScanFailure::OutOfMemory { .. }
            | ScanFailure::NoWorker { .. } => true,
        },
        FileOutcome::Skipped { .. } => false,
    }
}
