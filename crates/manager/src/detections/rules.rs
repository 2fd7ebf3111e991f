//! What may be done with a file in which state. Pure.

use proto::api::detection::{FileState, Triage};

use crate::refusal::Refusal;

/// Every state of a file.
pub const FILE_STATES: [FileState; 5] = [
    FileState::InPlace,
    FileState::Pending,
    FileState::Quarantined,
    FileState::Restored,
    FileState::Deleted,
];

/// A state's name in the database and in queries.
#[must_use]
pub const fn file_name(state: FileState) -> &'static str {
    match state {
        FileState::InPlace => "in_place",
        FileState::Pending => "pending",
        FileState::Quarantined => "quarantined",
        FileState::Restored => "restored",
        FileState::Deleted => "deleted",
    }
}

/// Reads a state's name.
#[must_use]
pub fn file_state(name: &str) -> Option<FileState> {
    FILE_STATES
        .into_iter()
        .find(|state| file_name(*state) == name)
}

/// Reads a triage's name.
#[must_use]
pub fn triage(name: &str) -> Option<Triage> {
    Triage::ALL.into_iter().find(|triage| triage.name() == name)
}

/// What a person asks to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    Quarantine,
    Restore,
    Delete,
}

impl FileAction {
    /// The name in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Restore => "restore",
            Self::Delete => "delete",
        }
    }
}

/// Whether the file's state allows the action.
///
/// # Errors
/// When it doesn't; the message says why.
pub fn allows(state: FileState, action: FileAction) -> Result<(), Refusal> {
    match (action, state) {
        (FileAction::Quarantine, FileState::InPlace | FileState::Restored)
        | (FileAction::Restore | FileAction::Delete, FileState::Quarantined) => Ok(()),
        (_, FileState::Pending) => Err(Refusal::conflict(
            "another action for this file is under way; wait for its outcome",
        )),
        (FileAction::Quarantine, FileState::Quarantined | FileState::Deleted) => {
            Err(Refusal::conflict(format!(
                "expected a file that is in place, this one is {}",
                file_name(state)
            )))
        }
        (
            FileAction::Restore | FileAction::Delete,
            FileState::InPlace | FileState::Restored | FileState::Deleted,
        ) => Err(Refusal::conflict(format!(
            "expected a file in quarantine, this one is {}",
            file_name(state)
        ))),
    }
}

/// A note is at most 4000 characters.
///
/// # Errors
/// When it is longer.
pub fn note(text: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length <= 4000 {
        Ok(())
    } else {
        Err(Refusal::invalid(format!(
            "note: expected at most 4000 characters, got {length}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quarantined_files_are_restored_or_deleted_and_only_files_in_place_quarantined() {
        for state in FILE_STATES {
            assert_eq!(
                allows(state, FileAction::Quarantine).is_ok(),
                matches!(state, FileState::InPlace | FileState::Restored)
            );
            for action in [FileAction::Restore, FileAction::Delete] {
                assert_eq!(
                    allows(state, action).is_ok(),
                    state == FileState::Quarantined
                );
            }
            assert_eq!(file_state(file_name(state)), Some(state));
        }
    }
}
