//! What can go wrong with a database.

use std::path::PathBuf;

use sqlx::error::ErrorKind;

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be opened at all.
    #[error(
        "{path}: the database can't be opened ({source}); check that the folder exists and that this user may write in it",
        path = path.display()
    )]
    Open { path: PathBuf, source: sqlx::Error },
    /// The file is damaged, or no database.
    #[error(
        "{path}: the database is damaged ({detail}); stop Garrison, move {path} and its -wal and -shm neighbours away, put the newest backup in their place, and start again",
        path = path.display()
    )]
    Corrupt { path: PathBuf, detail: String },
    /// A later version of the program has written the file.
    #[error(
        "{path}: the database is at version {found}, this program knows versions up to {known}; start the version of Garrison that wrote it, or a later one",
        path = path.display()
    )]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    /// A migration that was applied is not the one that this program has under its number.
    #[error(
        "{path}: migration {version} ({name}) was applied with another text than this program has; start the version of Garrison that wrote the database, or restore a backup",
        path = path.display()
    )]
    MigrationChanged {
        path: PathBuf,
        version: u32,
        name: String,
    },
    /// A migration failed; nothing of it was kept.
    #[error(
        "{path}: migration {version} ({name}) failed and was undone: {source}",
        path = path.display()
    )]
    Migration {
        path: PathBuf,
        version: u32,
        name: &'static str,
        source: Box<StoreError>,
    },
    /// Nothing more can be written: the disk or the database's limit is full.
    #[error("the disk that holds the database is full; free space on it, nothing stored is lost")]
    Full,
    /// Somebody else holds the database for longer than the limit.
    #[error(
        "the database stayed locked by another program; close what has it open (a backup, a shell)"
    )]
    Busy,
    /// The database was closed.
    #[error("the database is closed because the service is stopping")]
    Closed,
    /// A row doesn't hold what this program writes.
    #[error("the database holds {what} that can't be read: {detail}; restore a backup")]
    Content { what: &'static str, detail: String },
    /// Anything else.
    #[error("the database refused a statement: {0}")]
    Sql(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether a row with the same unique value exists already.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.kind() == ErrorKind::UniqueViolation)
    }

    /// Whether a row that this one names doesn't exist, or is still named by another.
    #[must_use]
    pub fn is_foreign_key_violation(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.kind() == ErrorKind::ForeignKeyViolation)
    }

    /// A stored value that this program can't read.
    pub fn content(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Content {
            what,
            detail: detail.to_string(),
        }
    }
}

/// Primary result codes of SQLite (sqlite.org/rescode.html).
const BUSY: i64 = 5;
const LOCKED: i64 = 6;
const CORRUPT: i64 = 11;
const FULL: i64 = 13;
const NOT_A_DATABASE: i64 = 26;

/// The primary result code, when the database itself answered.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    let extended: i64 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Whether the file itself is damaged.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(CORRUPT | NOT_A_DATABASE))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match primary_code(&error) {
            Some(FULL) => Self::Full,
            Some(BUSY | LOCKED) => Self::Busy,
            Some(CORRUPT | NOT_A_DATABASE) => Self::Corrupt {
                path: PathBuf::from("the database"),
                detail: error.to_string(),
            },
            Some(_) | None => match error {
                sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
                other => Self::Sql(other),
            },
        }
    }
}
