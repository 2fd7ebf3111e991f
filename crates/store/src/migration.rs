//! Steps from one version of the tables to the next.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, SqliteConnection};

use crate::error::StoreError;

/// One step. Its number is its place in the list, from 1; a released step is never changed.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub name: &'static str,
    /// Statements, each ended by a semicolon.
    pub sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
)";

/// Brings the tables to the newest version, each step in a transaction of its own.
pub(crate) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: &'static [Migration],
) -> Result<(), StoreError> {
    sqlx::query(TABLE).execute(&mut *connection).await?;
    let applied: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT version, name, checksum FROM migration ORDER BY version")
            .fetch_all(&mut *connection)
            .await?;
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let found = applied
        .last()
        .map_or(0, |(version, _, _)| u32::try_from(*version).unwrap_or(0));
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for ((version, name, checksum), migration) in applied.iter().zip(migrations) {
        if *checksum != migration.checksum() {
            return Err(StoreError::MigrationChanged {
                path: path.to_owned(),
                version: u32::try_from(*version).unwrap_or(0),
                name: name.clone(),
            });
        }
    }
    for (version, migration) in (1u32..).zip(migrations).skip(applied.len()) {
        apply(connection, version, migration)
            .await
            .map_err(|source| StoreError::Migration {
                path: path.to_owned(),
                version,
                name: migration.name,
                source: Box::new(source),
            })?;
        tracing::info!(version, name = migration.name, "migrated the database");
    }
    Ok(())
}

async fn apply(
    connection: &mut SqliteConnection,
    version: u32,
    migration: &Migration,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(migration.sql)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO migration (version, name, checksum) VALUES ($1, $2, $3)")
        .bind(i64::from(version))
        .bind(migration.name)
        .bind(migration.checksum())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
