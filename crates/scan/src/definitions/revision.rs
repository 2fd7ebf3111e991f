//! The rule that definitions never go back.

use model::DefinitionRevision;

/// Definitions older than those in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "definitions have revision {offered}, which is older than revision {in_use} in use; \
     offer revision {in_use} or newer"
)]
pub struct RevisionError {
    pub in_use: DefinitionRevision,
    pub offered: DefinitionRevision,
}

/// Whether definitions of revision `offered` may replace those in use. The same revision may:
/// that is how an interrupted replacement is repeated.
///
/// # Errors
/// When `offered` is older.
pub fn accept_revision(
    in_use: Option<DefinitionRevision>,
    offered: DefinitionRevision,
) -> Result<(), RevisionError> {
    match in_use {
        Some(in_use) if offered < in_use => Err(RevisionError { in_use, offered }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_older_revision_is_refused() {
        let revision = DefinitionRevision;
        assert_eq!(accept_revision(None, revision(0)), Ok(()));
        assert_eq!(accept_revision(Some(revision(7)), revision(7)), Ok(()));
        assert_eq!(accept_revision(Some(revision(7)), revision(8)), Ok(()));
        let error = accept_revision(Some(revision(7)), revision(6)).unwrap_err();
        assert_eq!((error.in_use, error.offered), (revision(7), revision(6)));
        assert!(error.to_string().contains("older than revision 7"));
    }
}
