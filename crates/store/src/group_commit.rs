//! Many small writes in one transaction.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::database::{Database, Transaction, WriteFuture};
use crate::error::StoreError;

/// The most items in one transaction.
pub const MAX_BATCH: usize = 256;
/// The most items that wait; beyond it callers wait for room.
pub const MAX_WAITING: usize = 4096;

/// Stores one kind of item. While one transaction is under way, the items that come in gather
/// for the next, so that a busy moment costs few commits and a quiet one no delay.
///
/// The task ends by itself when the last clone is dropped.
pub struct GroupCommit<I> {
    queue: mpsc::Sender<Waiting<I>>,
}

/// An item, and who waits for it.
type Waiting<I> = (I, oneshot::Sender<Result<(), Arc<StoreError>>>);

impl<I> Clone for GroupCommit<I> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

/// How one item is written.
pub type StoreItem<I> = for<'t> fn(&'t mut Transaction, &'t I) -> WriteFuture<'t, (), StoreError>;

impl<I: Send + Sync + 'static> GroupCommit<I> {
    /// Starts the task. `store` must fail only for reasons that concern the whole transaction.
    #[must_use]
    pub fn start(database: Database, store: StoreItem<I>) -> Self {
        let (queue, mut waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(MAX_BATCH);
            while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
                let (items, callers): (Vec<I>, Vec<_>) = batch.drain(..).unzip();
                let result = write(&database, store, items).await.map_err(Arc::new);
                for caller in callers {
                    let _ = oneshot::Sender::send(caller, result.clone());
                }
            }
        });
        Self { queue }
    }

    /// Stores one item; returns when it is committed.
    ///
    /// # Errors
    /// The database's, shared by all items of the transaction: none of them was stored.
    pub async fn store(&self, item: I) -> Result<(), Arc<StoreError>> {
        let closed = || Arc::new(StoreError::Closed);
        let (answer, result) = oneshot::channel();
        self.queue
            .send((item, answer))
            .await
            .map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }
}

async fn write<I: Send + Sync + 'static>(
    database: &Database,
    store: StoreItem<I>,
    items: Vec<I>,
) -> Result<(), StoreError> {
    database
        .write(move |tx| {
            Box::pin(async move {
                for item in &items {
                    store(tx, item).await?;
                }
                Ok(())
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Migration;

    const TABLES: &[Migration] = &[Migration {
        name: "numbers",
        sql: "CREATE TABLE number (value INTEGER PRIMARY KEY);",
    }];

    fn insert<'t>(tx: &'t mut Transaction, value: &'t i64) -> WriteFuture<'t, (), StoreError> {
        Box::pin(async move {
            sqlx::query("INSERT INTO number (value) VALUES ($1)")
                .bind(*value)
                .execute(tx)
                .await?;
            Ok(())
        })
    }

    #[tokio::test]
    async fn every_item_is_stored_when_its_caller_hears_so() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("t.db"), TABLES)
            .await
            .unwrap();
        let writer = GroupCommit::start(database.clone(), insert);
        let tasks: Vec<_> = (0..500i64)
            .map(|value| {
                let writer = writer.clone();
                let database = database.clone();
                tokio::spawn(async move {
                    writer.store(value).await.unwrap();
                    let found: i64 =
                        sqlx::query_scalar("SELECT COUNT(*) FROM number WHERE value = $1")
                            .bind(value)
                            .fetch_one(database.read())
                            .await
                            .unwrap();
                    assert_eq!(found, 1);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_failed_transaction_is_told_to_its_callers_and_the_next_works() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("t.db"), TABLES)
            .await
            .unwrap();
        let writer = GroupCommit::start(database, insert);
        writer.store(1).await.unwrap();
        assert!(writer.store(1).await.is_err());
        writer.store(2).await.unwrap();
    }
}
