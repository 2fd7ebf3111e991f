//! SQLite: one writer, many readers.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Mutex;

use crate::error::{StoreError, is_damage};
use crate::migration::{Migration, migrate};

/// How long a statement waits for another program that holds the database.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// How long a reader waits for a free connection.
const READER_LIMIT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
const CACHED_STATEMENTS: usize = 256;

/// What a write works on: the writer's connection inside a transaction.
pub type Transaction = SqliteConnection;
/// What the closure of [`Database::write`] gives back.
pub type WriteFuture<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// A database. Clones share it.
///
/// A commit survives the death of the process at any moment. After a power cut the last commits
/// may be missing, but never a part of one (`synchronous=NORMAL` in WAL mode).
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: SqlitePool,
    writer: Mutex<Writer>,
}

enum Writer {
    Ready(SqliteConnection),
    /// The last write was given up half way; the next one connects anew.
    Lost,
    Closed,
}

impl Database {
    /// Opens or makes the file, checks that it is whole, and brings it to the newest version.
    ///
    /// # Errors
    /// When it can't be opened, is damaged, or was written by a later version.
    pub async fn open(path: &Path, migrations: &'static [Migration]) -> Result<Self, StoreError> {
        let at_open = |error: sqlx::Error| match StoreError::from(error) {
            StoreError::Corrupt { detail, .. } => corrupt(path, detail),
            StoreError::Sql(source) => StoreError::Open {
                path: path.to_owned(),
                source,
            },
            other => other,
        };
        let options = options(path);
        let mut writer = SqliteConnection::connect_with(&options)
            .await
            .map_err(at_open)?;
        quick_check(&mut writer, path).await?;
        migrate(&mut writer, path, migrations)
            .await
            .map_err(|error| name_file(error, path))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(1)
            .acquire_timeout(READER_LIMIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(at_open)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                readers,
                writer: Mutex::new(Writer::Ready(writer)),
            }),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// For reading. A statement on it sees every committed write; writing on it is refused.
    #[must_use]
    pub fn read(&self) -> &SqlitePool {
        &self.inner.readers
    }

    /// Does `work` in one transaction: all of it is kept, or, when it fails, nothing. Writes run
    /// one after another.
    ///
    /// ```text
    /// database.write(|tx| Box::pin(async move { … })).await?;
    /// ```
    ///
    /// # Errors
    /// The error of `work`, or the database's at the beginning or the commit.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> FnOnce(&'t mut Transaction) -> WriteFuture<'t, T, E> + Send,
    {
        let mut place = self.inner.writer.lock().await;
        // While it works the connection is not in its place: whoever drops this future half way,
        // or meets an error that SQLite answered by ending the transaction, leaves none behind
        // that is in an unknown state.
        let mut connection = match std::mem::replace(&mut *place, Writer::Lost) {
            Writer::Ready(connection) => connection,
            Writer::Lost => connect(&self.inner.path).await?,
            Writer::Closed => {
                *place = Writer::Closed;
                return Err(StoreError::Closed.into());
            }
        };
        let named = |error: sqlx::Error| name_file(error.into(), &self.inner.path);
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await
            .map_err(named)?;
        match work(&mut connection).await {
            Ok(value) => {
                sqlx::query("COMMIT")
                    .execute(&mut connection)
                    .await
                    .map_err(named)?;
                *place = Writer::Ready(connection);
                Ok(value)
            }
            Err(error) => {
                // Fails when SQLite undid the transaction itself (disk full): then the
                // connection is made anew.
                if sqlx::query("ROLLBACK")
                    .execute(&mut connection)
                    .await
                    .is_ok()
                {
                    *place = Writer::Ready(connection);
                }
                Err(error)
            }
        }
    }

    /// Writes a whole copy to `target`, while the database stays in use.
    ///
    /// # Errors
    /// When the copy can't be written, or exists already.
    pub async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        sqlx::query("VACUUM INTO $1")
            .bind(target.to_string_lossy().into_owned())
            .execute(&mut connect(&self.inner.path).await?)
            .await?;
        Ok(())
    }

    /// Waits for the write in progress, writes the log back into the file, and closes it.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        let writer = std::mem::replace(&mut *self.inner.writer.lock().await, Writer::Closed);
        if let Writer::Ready(connection) = writer
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the database failed; nothing is lost");
        }
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY_LIMIT)
        .statement_cache_capacity(CACHED_STATEMENTS)
        .pragma("journal_size_limit", "67108864")
        .pragma("trusted_schema", "OFF")
}

async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    Ok(SqliteConnection::connect_with(&options(path)).await?)
}

async fn quick_check(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let findings: Result<Vec<(String,)>, _> = sqlx::query_as("PRAGMA quick_check(3)")
        .fetch_all(connection)
        .await;
    let detail = match findings {
        Ok(findings) => match findings.as_slice() {
            [(only,)] if only == "ok" => return Ok(()),
            _ => findings
                .into_iter()
                .map(|(finding,)| finding)
                .collect::<Vec<_>>()
                .join("; "),
        },
        Err(error) if is_damage(&error) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    Err(corrupt(path, detail))
}

fn corrupt(path: &Path, detail: String) -> StoreError {
    StoreError::Corrupt {
        path: path.to_owned(),
        detail,
    }
}

fn name_file(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::Corrupt { detail, .. } => corrupt(path, detail),
        other => other,
    }
}

#[cfg(test)]
mod tests;
