//! The memory of commands: each is carried out at most once, also across crashes.

use model::{CommandId, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use uuid::Uuid;

use super::store::StoreError;

/// Command → (when it expires in milliseconds since the epoch, whether it ended).
const COMMANDS: TableDefinition<'_, u128, (i64, bool)> = TableDefinition::new("commands");

/// Commands remembered at most. One that expired needs no memory.
pub(super) const MOST: u64 = 10_000;

/// What is known of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandMemory {
    /// It was never begun; from now on it is.
    Fresh,
    /// It was begun before.
    Begun,
    /// It ended, and its result is in the spool or delivered.
    Ended,
    /// Too many unexpired commands are remembered; nothing was noted.
    Full,
}

/// Notes that a command begins, unless it did before.
pub(super) fn begin(
    transaction: &WriteTransaction,
    id: CommandId,
    expires: Timestamp,
    now: Timestamp,
) -> Result<CommandMemory, StoreError> {
    let mut commands = transaction.open_table(COMMANDS)?;
    let key = id.uuid().as_u128();
    if let Some(row) = commands.get(key)? {
        let (_, ended) = row.value();
        return Ok(if ended {
            CommandMemory::Ended
        } else {
            CommandMemory::Begun
        });
    }
    if commands.len()? >= MOST {
        // A command that expired is refused for that alone, so its id may be forgotten.
        let now = now.millis();
        commands.retain(|_, (expires, ended)| !ended || expires >= now)?;
        if commands.len()? >= MOST {
            return Ok(CommandMemory::Full);
        }
    }
    commands.insert(key, (expires.millis(), false))?;
    Ok(CommandMemory::Fresh)
}

/// Notes that a command ended.
pub(super) fn end(transaction: &WriteTransaction, id: CommandId) -> Result<(), StoreError> {
    let mut commands = transaction.open_table(COMMANDS)?;
    let key = id.uuid().as_u128();
    let expires = commands.get(key)?.map_or(i64::MAX, |row| row.value().0);
    commands.insert(key, (expires, true))?;
    Ok(())
}

/// The commands that were begun and have not ended.
pub(super) fn begun(transaction: &WriteTransaction) -> Result<Vec<CommandId>, StoreError> {
    let commands = transaction.open_table(COMMANDS)?;
    let mut found = Vec::new();
    for row in commands.iter()? {
        let (key, value) = row?;
        if !value.value().1 {
            found.push(CommandId::from_uuid(Uuid::from_u128(key.value())));
        }
    }
    Ok(found)
}
