//! The agent's workers: started for the first scan, let go of when there was none for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::DefinitionRevision;
use sandbox::{Pool, PoolConfig, PoolError, Protection, WorkerCommand};
use scan::{Limits, PublicKey, TrustedKeys};

use crate::definitions::{DefinitionsRefusal, InUse};

/// Workers without work are kept this long.
const KEEP: Duration = Duration::from_secs(60);

/// Why there are no workers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error(
        "there are no definitions yet; they come with the first check-in after enrolment, or build some with \"garrison definitions build\""
    )]
    NoDefinitions,
    #[error(
        "this agent is not enrolled, and so trusts no definitions; enrol it with \"garrison-agent enrol\""
    )]
    NotEnrolled,
    #[error(transparent)]
    Definitions(#[from] DefinitionsRefusal),
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// Workers, and when and for what they were used last.
struct Running {
    pool: Arc<Pool>,
    used: Instant,
    /// Workers have memory for files within these.
    limits: Limits,
}

/// The pool of workers, while there is one.
pub(crate) struct Engine {
    worker: WorkerCommand,
    workers: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    protections: Vec<Protection>,
}

impl Engine {
    pub(crate) fn new(worker: WorkerCommand, workers: usize) -> Self {
        Self {
            worker,
            workers,
            state: Mutex::default(),
        }
    }

    /// Workers at one time.
    pub(crate) const fn workers(&self) -> usize {
        self.workers
    }

    /// The workers, with the definitions in use.
    pub(crate) fn pool(
        &self,
        definitions: &InUse,
        key: Option<PublicKey>,
        limits: &Limits,
    ) -> Result<Arc<Pool>, EngineError> {
        let mut state = self.lock();
        let now = Instant::now();
        let in_use = definitions.revision();
        if let Some(running) = &mut state.running
            && Some(running.pool.revision()) == in_use
            && running.limits == *limits
        {
            running.used = now;
            return Ok(Arc::clone(&running.pool));
        }
        let key = key.ok_or(EngineError::NotEnrolled)?;
        let sealed = definitions.sealed()?.ok_or(EngineError::NoDefinitions)?;
        let mut config = PoolConfig::new(self.worker.clone(), limits);
        config.workers = self.workers;
        let pool = Arc::new(Pool::new(config, sealed, &TrustedKeys::none().with(key))?);
        state.protections = pool.protections();
        state.running = Some(Running {
            pool: Arc::clone(&pool),
            used: now,
            limits: limits.clone(),
        });
        Ok(pool)
    }

    /// Has running workers load the definitions in use. Files under way are finished with the old.
    pub(crate) fn reload(
        &self,
        definitions: &InUse,
        key: PublicKey,
    ) -> Result<Option<DefinitionRevision>, EngineError> {
        let running = self
            .lock()
            .running
            .as_ref()
            .map(|running| Arc::clone(&running.pool));
        let Some(pool) = running else {
            return Ok(None);
        };
        let sealed = definitions.sealed()?.ok_or(EngineError::NoDefinitions)?;
        let revision = pool.reload(sealed, &TrustedKeys::none().with(key))?;
        Ok(Some(revision))
    }

    /// Lets go of workers that had nothing to do for a while.
    pub(crate) fn retire(&self) {
        let mut state = self.lock();
        let retired = state.running.take_if(|running| {
            running.used.elapsed() >= KEEP && Arc::strong_count(&running.pool) == 1
        });
        drop(state);
        // Ending processes takes its time; nobody waits for the lock meanwhile.
        drop(retired);
    }

    /// What confines the workers: as one reported, or as this host promises.
    pub(crate) fn protections(&self) -> Vec<Protection> {
        let mut state = self.lock();
        if state.protections.is_empty() {
            state.protections = sandbox::probe();
        }
        state.protections.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
