//! The agent's database file: opened when needed, moved aside when it is damaged, opened anew
//! after the disk failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Database, WriteTransaction};

use super::tables::{self, Standing};

/// Memory for the database's cache, in bytes.
const CACHE_BYTES: usize = 2 << 20;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("{0}")]
    Io(#[source] std::io::Error),
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    #[error("the database is damaged: {0}")]
    Corrupted(String),
    #[error("the database is in use by another process")]
    InUse,
    #[error("{0}")]
    Other(String),
}

impl<E> From<E> for StoreError
where
    redb::Error: From<E>,
{
    fn from(error: E) -> Self {
        match redb::Error::from(error) {
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::Corrupted(text) => Self::Corrupted(text),
            redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::UpgradeRequired(_) => Self::Damaged("its tables are not ours"),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Other(other.to_string()),
        }
    }
}

impl StoreError {
    const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Corrupted(_))
    }
}

/// The database and where it lies.
pub(super) struct Store {
    path: PathBuf,
    database: Option<Database>,
    /// Where damaged files went, since the start.
    moved_aside: Vec<PathBuf>,
}

impl Store {
    /// Opens the database, or makes it. What can't be opened now is tried again at each use.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            database: None,
            moved_aside: Vec::new(),
        }
    }

    /// Where damaged files went, since the start.
    pub(super) fn moved_aside(&self) -> &[PathBuf] {
        &self.moved_aside
    }

    /// Runs `work` in one transaction and makes its result durable. A damaged database is moved
    /// aside and replaced by an empty one, in which `work` runs again.
    ///
    /// # Errors
    /// When the disk fails or is full; nothing of `work` is stored then.
    pub(super) fn change<T>(
        &mut self,
        mut work: impl FnMut(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.guarded(&mut work) {
            Err(error) if error.is_damage() => {
                self.move_aside(&error)?;
                self.guarded(&mut work)
            }
            done => done,
        }
    }

    fn guarded<T>(
        &mut self,
        work: &mut impl FnMut(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // redb may panic on content that it did not write.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let transaction = self.open()?.begin_write()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        }));
        let outcome = outcome
            .unwrap_or_else(|_| Err(StoreError::Damaged("it holds what it can't have written")));
        if outcome.is_err() {
            // After a failed write redb refuses further work until it is opened anew.
            let closing = self.database.take();
            let _ = catch_unwind(AssertUnwindSafe(move || drop(closing)));
        }
        outcome
    }

    fn open(&mut self) -> Result<&Database, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        Ok(self.database.insert(database))
    }

    fn move_aside(&mut self, why: &StoreError) -> Result<(), StoreError> {
        self.database = None;
        let aside = free_name(&self.path);
        std::fs::rename(&self.path, &aside).map_err(StoreError::Io)?;
        tracing::error!(
            "{why}; it was moved to {} and a new one begun: undelivered events in it are lost to the manager. Keep the file if they matter, delete it if not",
            aside.display()
        );
        self.moved_aside.push(aside);
        Ok(())
    }
}

fn open(path: &Path) -> Result<Database, StoreError> {
    let mut builder = Database::builder();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true);
    let opened = builder.create(path);
    let database = match opened {
        Ok(database) => database,
        // What is no database at all is reported as bad data.
        Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            return Err(StoreError::Corrupted(error.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let transaction = database.begin_write()?;
    let _: Standing = tables::prepare(&transaction)?;
    transaction.commit()?;
    Ok(database)
}

fn free_name(path: &Path) -> PathBuf {
    let mut number = 1_u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        let candidate = PathBuf::from(name);
        if !candidate.exists() || number == u32::MAX {
            return candidate;
        }
        number += 1;
    }
}
