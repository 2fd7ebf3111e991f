//! The parent's side: a pool of workers.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{DefinitionRevision, FileOutcome, ScanFailure, SkipReason};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use scan::{
    Counts, DefinitionsError, Limits, PublicKey, RevisionError, TrustedKeys, WholeError,
    accept_revision,
};

use crate::child::{Scanned, Worker};
use crate::generation::Generation;
use crate::message::Names;
use crate::protection::Protection;
use crate::sealed::{SealError, Sealed};

/// Private memory of a worker beyond the file and what is unpacked from it: loaded rules and
/// matching.
const WORKER_BASE_BYTES: u64 = 384 << 20;
/// Workers tried for one file that could not be handed over.
const ATTEMPTS: usize = 3;

/// How to start a worker: a program that calls [`crate::worker::run`] for these arguments.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

impl WorkerCommand {
    /// This very program, with the hidden subcommand `worker`.
    #[must_use]
    pub fn own() -> Self {
        Self {
            program: "/proc/self/exe".into(),
            arguments: vec!["worker".into()],
        }
    }
}

/// Settings of a pool.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    pub worker: WorkerCommand,
    /// Workers at one time, at least 1.
    pub workers: usize,
    /// Private memory of one worker in bytes.
    pub memory_bytes: u64,
    /// Time for a worker to start and load definitions.
    pub start_time: Duration,
    /// Time to wait for a worker while all are busy.
    pub wait_time: Duration,
    pub verify: Verify,
}

/// When the pages of definitions are compared with what was signed. The signature itself, over the
/// hashes of all pages, is checked first either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Each page by the worker that first reads it. A verdict that a damaged page kept from being
    /// whole says so.
    WhenTouched,
    /// All of them before the first file, too: damaged definitions are refused.
    EveryPage,
}

impl PoolConfig {
    /// Two workers with memory for files within these limits; 60 s to start, 10 minutes to wait;
    /// pages are compared when they are touched.
    #[must_use]
    pub const fn new(worker: WorkerCommand, limits: &Limits) -> Self {
        Self {
            worker,
            workers: 2,
            memory_bytes: WORKER_BASE_BYTES
                .saturating_add(limits.file_bytes)
                .saturating_add(limits.memory_bytes),
            start_time: Duration::from_secs(60),
            wait_time: Duration::from_secs(600),
            verify: Verify::WhenTouched,
        }
    }
}

/// Why there is no pool, or why it keeps its old definitions.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    #[error(transparent)]
    Definitions(#[from] DefinitionsError),
    #[error(transparent)]
    Whole(#[from] WholeError),
    #[error(transparent)]
    Revision(#[from] RevisionError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("definitions can't be mapped")]
    Map(#[source] std::io::Error),
    #[error("no worker could be started: {reason}")]
    NoWorker { reason: String },
}

#[derive(Debug)]
struct State {
    current: Arc<Generation>,
    /// The highest number that a generation was given.
    newest: u64,
    idle: Vec<Worker>,
    /// Workers that are scanning or about to be started.
    busy: usize,
    protections: Vec<Protection>,
}

/// A bounded number of workers with one set of definitions. All methods may be called from many
/// threads; they block.
#[derive(Debug)]
pub struct Pool {
    config: PoolConfig,
    state: Mutex<State>,
    freed: Condvar,
    /// Held while definitions are replaced: one at a time.
    reloading: Mutex<()>,
}

impl Pool {
    /// Checks the definitions' signature, and every page if the configuration says so, and starts a
    /// first worker with them.
    ///
    /// # Errors
    /// When the definitions are refused or no worker starts.
    pub fn new(
        config: PoolConfig,
        definitions: Sealed,
        trusted: &TrustedKeys,
    ) -> Result<Self, PoolError> {
        let generation = Arc::new(Generation::check(definitions, trusted, config.verify, 1)?);
        let first = generation.worker(&config)?;
        let protections = first.protections.clone();
        Ok(Self {
            config,
            state: Mutex::new(State {
                current: generation,
                newest: 1,
                idle: vec![first],
                busy: 0,
                protections,
            }),
            freed: Condvar::new(),
            reloading: Mutex::new(()),
        })
    }

    /// Scans a file that is open for reading, from its beginning. The descriptor is sent to a worker
    /// and stays the caller's.
    pub fn scan(&self, file: BorrowedFd<'_>, limits: &Limits) -> FileOutcome {
        self.scan_as(file, None, limits)
    }

    /// As [`Self::scan`], for rules that ask what a file is called: its path, and the name of the
    /// user that it belongs to (empty when nobody knows).
    pub fn scan_named(
        &self,
        file: BorrowedFd<'_>,
        path: &str,
        owner: &str,
        limits: &Limits,
    ) -> FileOutcome {
        let names = Names {
            path: path.to_owned(),
            owner: owner.to_owned(),
        };
        self.scan_as(file, Some(&names), limits)
    }

    fn scan_as(&self, file: BorrowedFd<'_>, names: Option<&Names>, limits: &Limits) -> FileOutcome {
        if let Some(outcome) = unfit(file) {
            return outcome;
        }
        if !self.acquire() {
            return no_worker(format!(
                "all {} were busy for {} s",
                self.config.workers.max(1),
                self.config.wait_time.as_secs()
            ));
        }
        let (outcome, worker) = self.scan_with_any(file, names, limits);
        self.release(worker);
        outcome
    }

    fn scan_with_any(
        &self,
        file: BorrowedFd<'_>,
        names: Option<&Names>,
        limits: &Limits,
    ) -> (FileOutcome, Option<Worker>) {
        for _ in 0..ATTEMPTS {
            let mut worker = match self.idle_or_new() {
                Ok(worker) => worker,
                Err(error) => return (no_worker(error.to_string()), None),
            };
            match worker.scan(file, names, limits) {
                Scanned::Outcome(outcome) => return (outcome, Some(worker)),
                Scanned::Lost(failure) => return (FileOutcome::Failed { failure }, None),
                Scanned::NotSent => {}
            }
        }
        (
            no_worker(format!("{ATTEMPTS} ended before they took the file")),
            None,
        )
    }

    fn idle_or_new(&self) -> Result<Worker, PoolError> {
        loop {
            let current = {
                let mut state = self.state();
                if let Some(worker) = state.idle.pop() {
                    return Ok(worker);
                }
                Arc::clone(&state.current)
            };
            match current.worker(&self.config) {
                Ok(worker) => {
                    self.state().protections.clone_from(&worker.protections);
                    return Ok(worker);
                }
                // Definitions that turned out to be unusable have been taken back meanwhile.
                Err(_) if self.state().current.number != current.number => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a place among the busy; false when none became free in time.
    fn acquire(&self) -> bool {
        let deadline = Instant::now() + self.config.wait_time;
        let mut state = self.state();
        while state.busy >= self.config.workers.max(1) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .freed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.busy += 1;
        true
    }

    fn release(&self, worker: Option<Worker>) {
        let mut state = self.state();
        state.busy = state.busy.saturating_sub(1);
        let outdated = match worker {
            Some(mut worker) if worker.generation == state.current.number => {
                let late = std::mem::take(&mut worker.late);
                if late.is_empty() {
                    state.idle.push(worker);
                    None
                } else {
                    // The next one shares with all others what this one loaded for itself.
                    state.current.need(late);
                    Some(worker)
                }
            }
            other => other,
        };
        drop(state);
        self.freed.notify_one();
        // Ending a process takes time; not under the lock.
        drop(outdated);
    }

    /// Replaces the definitions: files that are being scanned are finished with the old ones.
    /// Returns the new revision.
    ///
    /// # Errors
    /// When the new ones are refused, are older than those in use, or no worker can load them; the
    /// old ones stay.
    pub fn reload(
        &self,
        definitions: Sealed,
        trusted: &TrustedKeys,
    ) -> Result<DefinitionRevision, PoolError> {
        let _one_at_a_time = self
            .reloading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (old, number) = {
            let mut state = self.state();
            state.newest += 1;
            (Arc::clone(&state.current), state.newest)
        };
        let new = Arc::new(Generation::check(
            definitions,
            trusted,
            self.config.verify,
            number,
        )?);
        accept_revision(Some(old.revision), new.revision)?;
        // What files needed so far they will need again.
        new.need(old.needed());
        // Whoever needs a worker waits here until the new definitions are loaded. The old ones make
        // room first: two that are loaded would need twice the memory.
        let mut place = new.place();
        new.open(&self.config, &mut place)?;
        let outdated = self.put(&new);
        drop(outdated);
        old.end();
        let loaded = Generation::load(&self.config, &mut place, &new.needed());
        drop(place);
        match loaded.and_then(|()| new.worker(&self.config)) {
            Ok(first) => {
                let mut state = self.state();
                state.protections.clone_from(&first.protections);
                state.idle.push(first);
                Ok(new.revision)
            }
            Err(error) => {
                let outdated = self.put(&old);
                drop(outdated);
                new.end();
                Err(error)
            }
        }
    }

    /// Puts definitions to use, and returns the idle workers with those before.
    fn put(&self, generation: &Arc<Generation>) -> Vec<Worker> {
        let mut state = self.state();
        state.current = Arc::clone(generation);
        std::mem::take(&mut state.idle)
    }

    /// The revision in use.
    #[must_use]
    pub fn revision(&self) -> DefinitionRevision {
        self.state().current.revision
    }

    /// The key that signed the definitions in use.
    #[must_use]
    pub fn signer(&self) -> PublicKey {
        self.state().current.signer
    }

    /// How many rules the definitions in use have.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().current.counts
    }

    /// How many parts of the YARA rules files have needed so far, besides those that every worker
    /// begins with.
    #[must_use]
    pub fn parts_needed(&self) -> usize {
        self.state().current.needed().len()
    }

    /// What confines the workers, as the newest one reported.
    #[must_use]
    pub fn protections(&self) -> Vec<Protection> {
        self.state().protections.clone()
    }

    /// The process numbers of the workers that wait for a file.
    #[must_use]
    pub fn idle_processes(&self) -> Vec<u32> {
        self.state().idle.iter().map(Worker::id).collect()
    }

    /// The process number of what workers are made from, while it runs.
    #[must_use]
    pub fn template_process(&self) -> Option<u32> {
        let current = Arc::clone(&self.state().current);
        current.template_process()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is no file, or could be written through.
fn unfit(file: BorrowedFd<'_>) -> Option<FileOutcome> {
    let unreadable = |reason: &str| FileOutcome::Failed {
        failure: ScanFailure::Unreadable {
            reason: reason.to_owned(),
        },
    };
    let Ok(status) = fstat(file) else {
        return Some(unreadable("its status can't be read"));
    };
    let skipped = |reason| FileOutcome::Skipped { reason };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Some(unreadable("expected a file, got a folder")),
        FileType::Symlink => return Some(skipped(SkipReason::SymbolicLink)),
        FileType::Fifo => return Some(skipped(SkipReason::Fifo)),
        FileType::Socket => return Some(skipped(SkipReason::Socket)),
        FileType::CharacterDevice => return Some(skipped(SkipReason::CharacterDevice)),
        FileType::BlockDevice => return Some(skipped(SkipReason::BlockDevice)),
        FileType::Unknown => return Some(unreadable("it is of no known type")),
    }
    match fcntl_getfl(file) {
        Ok(flags) if flags & OFlags::ACCMODE == OFlags::RDONLY => None,
        Ok(_) | Err(_) => Some(unreadable(
            "expected a descriptor for reading alone, which is all that a worker may hold",
        )),
    }
}

const fn no_worker(reason: String) -> FileOutcome {
    FileOutcome::Failed {
        failure: ScanFailure::NoWorker { reason },
    }
}
