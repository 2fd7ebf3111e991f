//! The definitions that agents are told to use, in memory, and where the files lie.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use ::store::{Database, FolderBlobs};
use model::{DefinitionRevision, Sha256};
use tokio::sync::Semaphore;

use super::store;
use crate::refusal::Refusal;

/// What agents are told of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub revision: DefinitionRevision,
    pub bytes: u64,
    pub sha256: Sha256,
}

/// The current set (none before the first upload), and the files.
#[derive(Debug)]
pub struct Shelf {
    current: RwLock<Option<Arc<Offer>>>,
    blobs: FolderBlobs,
    upload: Semaphore,
}

impl Shelf {
    /// Reads which set is current.
    ///
    /// # Errors
    /// When the database fails, or the folder can't be used.
    pub async fn load(database: &Database, folder: &Path) -> Result<Self, Refusal> {
        Ok(Self {
            current: RwLock::new(store::current(database).await?.map(Arc::new)),
            blobs: FolderBlobs::open(folder)?,
            upload: Semaphore::new(1),
        })
    }

    /// The current set.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Offer>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its revision.
    #[must_use]
    pub fn current_revision(&self) -> Option<DefinitionRevision> {
        self.current().map(|offer| offer.revision)
    }

    pub(super) fn replace(&self, offer: Offer) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(offer));
    }

    pub(super) const fn blobs(&self) -> &FolderBlobs {
        &self.blobs
    }

    /// One upload at a time: each is held in memory.
    pub(super) const fn upload_turn(&self) -> &Semaphore {
        &self.upload
    }
}
