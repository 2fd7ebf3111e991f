//! The spool: events on disk until the manager has them, and the memory of commands beside them.
//!
//! An event whose append was answered survives `kill -9` and power loss. Its sequence is given
//! once. Within a byte budget the oldest events give way to new ones, those of the classes that
//! [`EventBody::is_kept_longest`] names last; what gave way is a gap that the manager is told of.
//! When the disk is full, events are counted instead of written, and the agent goes on.

mod commands;
mod store;
mod tables;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use model::event::{CommandOutcome, EventBody, Sequence, SpoolId};
use model::health::LossCounters;
use model::id::CommandId;
use proto::agent::{EventBatch, EventReceipt, batch_limits};

pub use commands::CommandMemory;
use store::{Store, StoreError};

/// The largest event, in bytes of its JSON text. A batch always has room for one.
pub const MAX_EVENT_BYTES: usize = 512 << 10;
/// zstd's own default: past it, text like this gets hardly smaller.
const COMPRESSION_LEVEL: i32 = 3;

/// Why an event or a note about a command could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error(
        "the agent's database {path} can't be written ({reason}); make room on the disk or mend its rights, the agent tries again by itself"
    )]
    Unwritable { path: PathBuf, reason: String },
    #[error("an event of {bytes} bytes was expected to be at most {MAX_EVENT_BYTES} bytes")]
    TooLarge { bytes: usize },
}

/// A batch, ready to be sent.
#[derive(Debug, Clone)]
pub struct Batch {
    pub spool: SpoolId,
    /// The last sequence in it.
    pub through: Sequence,
    /// [`EventBatch`] as JSON, zstd.
    pub compressed: Vec<u8>,
}

/// How the spool is.
#[derive(Debug, Clone, Default)]
pub struct SpoolState {
    pub bytes: u64,
    pub events: u64,
    pub losses: LossCounters,
    /// Why the last write failed, until one succeeds.
    pub failing: Option<String>,
    /// Where damaged databases were moved to, since the start.
    pub moved_aside: Vec<PathBuf>,
}

/// The spool. Cloning shares it; every call may wait for the disk.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    /// Appends that wait for whoever holds `inner` next: one transaction takes all of them.
    queue: Mutex<Vec<Waiting>>,
    inner: Mutex<Inner>,
}

struct Inner {
    store: Store,
    budget: u64,
    /// Counted, and not yet written down.
    unwritten: u64,
    state: SpoolState,
}

struct Waiting {
    texts: Vec<Vec<u8>>,
    kept: Vec<bool>,
    answer: Arc<Mutex<Option<Result<Sequence, String>>>>,
}

impl Spool {
    /// Opens the spool in the database at `path`, or makes it. Never fails: what can't be opened
    /// now is tried again at each use, and events are counted until then.
    #[must_use]
    pub fn open(path: PathBuf, budget: u64) -> Self {
        let spool = Self {
            shared: Arc::new(Shared {
                path: path.clone(),
                queue: Mutex::new(Vec::new()),
                inner: Mutex::new(Inner {
                    store: Store::new(path),
                    budget,
                    unwritten: 0,
                    state: SpoolState::default(),
                }),
            }),
        };
        let opened = spool.inner().change(|_| Ok(()));
        if let Err(error) = opened {
            tracing::error!("{}", spool.unwritable(&error));
        }
        spool
    }

    /// Sets how many bytes undelivered events may take. Applies from the next append on.
    pub fn set_budget(&self, bytes: u64) {
        self.inner().budget = bytes;
    }

    /// Appends events; answers the sequence of the first. They are on disk when this returns.
    /// Callers at the same time share one write.
    ///
    /// # Errors
    /// When an event is too large, or nothing can be written; the events are counted as unwritten.
    pub fn append(&self, now: Timestamp, bodies: &[EventBody]) -> Result<Sequence, SpoolError> {
        let mut texts = Vec::with_capacity(bodies.len());
        for body in bodies {
            match encode(now, body) {
                Ok(text) => texts.push(text),
                Err(error) => {
                    self.inner().count_unwritten(bodies.len() as u64);
                    return Err(error);
                }
            }
        }
        let answer = Arc::new(Mutex::new(None));
        lock(&self.shared.queue).push(Waiting {
            texts,
            kept: bodies.iter().map(EventBody::is_kept_longest).collect(),
            answer: Arc::clone(&answer),
        });
        let mut inner = self.inner();
        let done = lock(&answer).take();
        let outcome = match done {
            Some(outcome) => outcome,
            None => {
                let waiting = std::mem::take(&mut *lock(&self.shared.queue));
                inner.append_all(&waiting);
                let own = lock(&answer).take();
                own.unwrap_or_else(|| Err("the write was not answered".to_owned()))
            }
        };
        outcome.map_err(|reason| SpoolError::Unwritable {
            path: self.shared.path.clone(),
            reason,
        })
    }

    /// The next events to deliver; `None` when the manager has all.
    ///
    /// # Errors
    /// When the database can't be used.
    pub fn batch(&self) -> Result<Option<Batch>, SpoolError> {
        let mut items = batch_limits::ITEMS;
        loop {
            let read = self.inner().change(|transaction| {
                let standing = tables::standing(transaction)?;
                let (events, gaps) =
                    tables::undelivered(transaction, items, batch_limits::PLAIN_BYTES / 2)?;
                Ok(EventBatch {
                    spool: standing.spool,
                    events,
                    gaps,
                })
            });
            let batch = read.map_err(|error| self.unwritable(&error))?;
            let last_event = batch.events.last().map(|event| event.sequence);
            let last_gap = batch.gaps.last().map(|gap| gap.last);
            let Some(through) = last_event.max(last_gap) else {
                return Ok(None);
            };
            let compressed = serde_json::to_vec(&batch)
                .map_err(std::io::Error::from)
                .and_then(|plain| zstd::bulk::compress(&plain, COMPRESSION_LEVEL))
                .map_err(|error| self.unwritable(&StoreError::Io(error)))?;
            if compressed.len() <= batch_limits::COMPRESSED_BYTES || items == 1 {
                return Ok(Some(Batch {
                    spool: batch.spool,
                    through,
                    compressed,
                }));
            }
            items = (items / 2).max(1);
        }
    }

    /// Takes over the manager's receipt. One for another spool is ignored. One for sequences that
    /// this spool hasn't given yet shows that the disk was put back to an earlier state: the spool
    /// then gets a new name, so that no sequence means two events.
    ///
    /// # Errors
    /// When the database can't be written; the events are delivered again then, and the manager
    /// knows them.
    pub fn acknowledge(&self, receipt: &EventReceipt) -> Result<(), SpoolError> {
        let through = receipt.stored_through.0;
        let outcome = self.inner().change(|transaction| {
            let standing = tables::standing(transaction)?;
            if standing.spool != receipt.spool || through <= standing.acknowledged {
                return Ok(());
            }
            if through >= standing.next {
                tables::begin_anew(transaction)?;
                return Ok(());
            }
            tables::acknowledge(transaction, through)
        });
        outcome.map_err(|error| self.unwritable(&error))
    }

    /// Gives the spool a new name: the machine has a new identity, and its undelivered events go
    /// with it.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn begin_anew(&self) -> Result<SpoolId, SpoolError> {
        let outcome = self.inner().change(tables::begin_anew);
        outcome.map_err(|error| self.unwritable(&error))
    }

    /// Notes that a command begins, unless it did before.
    ///
    /// # Errors
    /// When it can't be noted; the command must not be carried out then.
    pub fn begin_command(
        &self,
        id: CommandId,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<CommandMemory, SpoolError> {
        let outcome = self
            .inner()
            .change(|transaction| commands::begin(transaction, id, expires, now));
        outcome.map_err(|error| self.unwritable(&error))
    }

    /// Notes that a command ended, and appends its result in the same write.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn end_command(
        &self,
        id: CommandId,
        outcome: CommandOutcome,
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        let body = EventBody::CommandResult {
            command: id,
            outcome,
        };
        let texts = [encode(now, &body)?];
        let mut inner = self.inner();
        let budget = inner.budget;
        let done = inner.change(|transaction| {
            commands::end(transaction, id)?;
            tables::append(transaction, &texts, &[true], budget).map(drop)
        });
        if done.is_err() {
            inner.count_unwritten(1);
        }
        drop(inner);
        done.map_err(|error| self.unwritable(&error))
    }

    /// The commands that were begun and have not ended.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn begun_commands(&self) -> Result<Vec<CommandId>, SpoolError> {
        let outcome = self.inner().change(commands::begun);
        outcome.map_err(|error| self.unwritable(&error))
    }

    /// How the spool is.
    #[must_use]
    pub fn state(&self) -> SpoolState {
        let inner = self.inner();
        let mut state = inner.state.clone();
        state.losses.events_unwritten += inner.unwritten;
        state.moved_aside = inner.store.moved_aside().to_vec();
        state
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.shared.inner)
    }

    fn unwritable(&self, error: &StoreError) -> SpoolError {
        SpoolError::Unwritable {
            path: self.shared.path.clone(),
            reason: error.to_string(),
        }
    }
}

impl Inner {
    /// One durable transaction; keeps the figures beside it.
    fn change<T>(
        &mut self,
        mut work: impl FnMut(&redb::WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let unwritten = self.unwritten;
        let outcome = self.store.change(|transaction| {
            if unwritten > 0 {
                tables::add_unwritten(transaction, unwritten)?;
            }
            let result = work(transaction)?;
            Ok((result, tables::standing(transaction)?))
        });
        match outcome {
            Ok((result, standing)) => {
                self.unwritten = 0;
                self.state.bytes = standing.bytes;
                self.state.events = standing.events;
                self.state.losses = standing.losses;
                self.state.failing = None;
                Ok(result)
            }
            Err(error) => {
                self.state.failing = Some(error.to_string());
                Err(error)
            }
        }
    }

    fn append_all(&mut self, waiting: &[Waiting]) {
        let texts: Vec<Vec<u8>> = waiting.iter().flat_map(|one| one.texts.clone()).collect();
        let kept: Vec<bool> = waiting.iter().flat_map(|one| one.kept.clone()).collect();
        let budget = self.budget;
        let outcome = self.change(|transaction| tables::append(transaction, &texts, &kept, budget));
        if outcome.is_err() {
            self.count_unwritten(texts.len() as u64);
        }
        let mut next = outcome.map_err(|error| error.to_string());
        for one in waiting {
            *lock(&one.answer) = Some(next.clone().map(Sequence));
            if let Ok(next) = &mut next {
                *next += one.texts.len() as u64;
            }
        }
    }

    fn count_unwritten(&mut self, events: u64) {
        self.unwritten = self.unwritten.saturating_add(events);
    }
}

fn encode(now: Timestamp, body: &EventBody) -> Result<Vec<u8>, SpoolError> {
    let text = tables::encode(now, body).map_err(|_| SpoolError::TooLarge { bytes: 0 })?;
    if text.len() > MAX_EVENT_BYTES {
        return Err(SpoolError::TooLarge { bytes: text.len() });
    }
    Ok(text)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
