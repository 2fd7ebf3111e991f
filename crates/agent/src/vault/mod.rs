//! The vault: files in quarantine, where others can't read them and nothing can run from them.
//!
//! Each item is two files in a folder of mode 0700: `ID.sealed` (the content, see [`seal`]) and
//! `ID.json` (what a restore needs). At every moment the original or a whole item exists, and after
//! a crash [`Vault::open`] ends what was begun. An original is removed only while its name still
//! stands for the very file that was copied.

mod reconcile;
mod record;
mod restore;
mod seal;
mod shelf;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::event::{EventBody, Initiator, Remediation};
use model::{EndpointPath, QuarantineId, Sha256, Timestamp};
use proto::local::QuarantineItem;
use rustix::fs::{FileType, Stat};

use crate::place::{Place, key_of, real_path};
use record::{Phase, Record};
use shelf::Shelf;

/// Why something was not done with a file. Whenever an original could not be taken it is left as
/// it was.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "the quarantine folder {path}: {doing} failed ({source}); check its rights and the room on its disk"
    )]
    Folder {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{path}: {doing} failed ({source}); the file was left as it was")]
    Original {
        path: EndpointPath,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path}: expected a regular file with a name; what was found is something else or was removed meanwhile"
    )]
    NotAFile { path: EndpointPath },
    #[error("{path}: its content changed after it was judged, so it was left alone; scan it again")]
    Changed { path: EndpointPath },
    #[error(
        "{path}: another file stands under this name meanwhile, so nothing was removed; scan it again"
    )]
    Moved { path: EndpointPath },
    #[error(
        "the quarantine holds {used} bytes of at most {budget}, and {path} needs {needed}; delete items (\"garrison-agent quarantine delete ID\") or raise quarantine_bytes in the policy"
    )]
    Full {
        path: EndpointPath,
        needed: u64,
        used: u64,
        budget: u64,
    },
    #[error(
        "nothing is in quarantine under {id}; \"garrison-agent quarantine list\" shows what is"
    )]
    Unknown { id: QuarantineId },
    #[error("{path} exists already and is never overwritten; move it away and restore again")]
    Taken { path: EndpointPath },
    #[error(
        "{path}: its folder can't be reached without following a link ({source}); make the folder again and restore again"
    )]
    NoFolder {
        path: EndpointPath,
        #[source]
        source: io::Error,
    },
    #[error(
        "the quarantined copy of {path} is damaged and was not restored; delete it with \"garrison-agent quarantine delete {id}\""
    )]
    Damaged {
        path: EndpointPath,
        id: QuarantineId,
    },
}

/// What is to be taken into quarantine.
#[derive(Debug)]
pub struct Take<'a> {
    /// The file, open for reading. Where it lies is asked of the kernel.
    pub file: BorrowedFd<'a>,
    /// The content that was judged; another one is left alone.
    pub expected: Option<Sha256>,
    pub rules: Vec<String>,
    pub initiator: Initiator,
    pub now: Timestamp,
}

/// A file that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub item: QuarantineItem,
    /// Attributes that could not be given back.
    pub missing: Vec<String>,
}

/// Hears of each thing done, at the moment when it can no longer be undone and before it is
/// forgotten, so that a crash may tell it twice and never not at all.
pub type Recorder = Box<dyn Fn(EventBody) + Send + Sync>;

/// The vault. Its calls read and write whole files; one at a time.
pub struct Vault {
    shelf: Mutex<Shelf>,
    recorder: Recorder,
}

impl Vault {
    /// Opens the vault in `folder` or makes it, and ends what a crash interrupted.
    ///
    /// # Errors
    /// When the folder can't be made or read.
    pub fn open(folder: &Path, budget: u64, recorder: Recorder) -> Result<Self, VaultError> {
        let mut shelf = Shelf::open(folder, budget)?;
        reconcile::reconcile(&mut shelf, &recorder)?;
        Ok(Self {
            shelf: Mutex::new(shelf),
            recorder,
        })
    }

    /// Sets how many bytes the vault may take.
    pub fn set_budget(&self, bytes: u64) {
        self.shelf().budget = bytes;
    }

    /// How many items there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shelf().count
    }

    /// All items, the oldest first.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn list(&self) -> Result<Vec<QuarantineItem>, VaultError> {
        let shelf = self.shelf();
        let mut items = Vec::new();
        for id in shelf.ids()? {
            if let Some(record) = shelf.read(id)? {
                items.push(record.item);
            }
        }
        Ok(items)
    }

    /// One item.
    ///
    /// # Errors
    /// When it is unknown or can't be read.
    pub fn item(&self, id: QuarantineId) -> Result<QuarantineItem, VaultError> {
        Ok(self.shelf().known(id)?.item)
    }

    /// Takes a file into quarantine and removes the original.
    ///
    /// # Errors
    /// Whenever anything isn't as it was judged, or fails; the original is there then.
    pub fn take(&self, take: &Take<'_>) -> Result<QuarantineItem, VaultError> {
        let mut shelf = self.shelf();
        let path = real_path(take.file).map_err(|source| VaultError::Original {
            path: EndpointPath::from_bytes(b"?"),
            doing: "asking where it lies",
            source,
        })?;
        let shown = EndpointPath::from_path(&path);
        let original = |doing| {
            let path = shown.clone();
            move |source| VaultError::Original {
                path,
                doing,
                source,
            }
        };
        let before = fstat(take.file).map_err(original("reading its attributes"))?;
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile || before.st_nlink == 0
        {
            return Err(VaultError::NotAFile { path: shown });
        }
        let place = Place::open(&path).map_err(original("opening its folder"))?;
        if !place
            .holds(key_of(&before))
            .map_err(original("looking at it"))?
        {
            return Err(VaultError::Moved { path: shown });
        }
        let size = u64::try_from(before.st_size).unwrap_or(0);
        shelf.has_room(size, &shown)?;

        let id = QuarantineId::generate();
        let key = shelf.item_key(id)?;
        let mut sealed = shelf.create_sealed(id)?;
        let undo = Undo { shelf: &shelf, id };
        let mut content = Reader::new(take.file).map_err(original("reading it"))?;
        let hashes = seal::seal(&key, &mut content, size, &mut sealed)
            .map_err(|source| shelf.failed("writing a copy", source))?;
        let after = fstat(take.file).map_err(original("reading its attributes"))?;
        let Some(hashes) = hashes.filter(|_| is_unchanged(&before, &after)) else {
            return Err(VaultError::Changed { path: shown });
        };
        if take
            .expected
            .is_some_and(|expected| expected != hashes.sha256)
        {
            return Err(VaultError::Changed { path: shown });
        }
        shelf.keep_sealed(&sealed)?;
        let item = QuarantineItem {
            id,
            path: shown.clone(),
            owner_uid: before.st_uid,
            size,
            hashes,
            rules: take.rules.clone(),
            quarantined: take.now,
            initiator: take.initiator.clone(),
        };
        let mut record = Record::new(item, take.file, &before)
            .map_err(original("reading its extended attributes"))?;
        shelf.write(&record)?;
        crash_point("copied");

        if !place
            .holds(key_of(&before))
            .map_err(original("looking at it"))?
        {
            return Err(VaultError::Moved { path: shown });
        }
        place.unlink().map_err(original("removing it"))?;
        std::mem::forget(undo);
        place.sync();
        crash_point("removed");
        (self.recorder)(remediation(&record.item, Remediation::Quarantined, None));
        record.phase = Phase::Kept;
        let written = shelf.write(&record);
        shelf.count += 1;
        shelf.used += seal::sealed_size(size);
        // The file is safe; a phase that stayed behind only means that a restart tells it again.
        if let Err(error) = written {
            tracing::warn!("{error}");
        }
        Ok(record.item)
    }

    /// Puts a file back where it was, never over another.
    ///
    /// # Errors
    /// When the item is unknown or damaged, or its place is taken or gone; the item stays.
    pub fn restore(&self, id: QuarantineId, initiator: &Initiator) -> Result<Restored, VaultError> {
        let mut shelf = self.shelf();
        let record = shelf.known(id)?;
        let missing = restore::restore(&shelf, record.clone())?;
        crash_point("restored");
        (self.recorder)(remediation(
            &record.item,
            Remediation::Restored,
            Some(initiator),
        ));
        shelf.forget(&record)?;
        Ok(Restored {
            item: record.item,
            missing,
        })
    }

    /// Deletes an item for good.
    ///
    /// # Errors
    /// When it is unknown, or its files can't be removed.
    pub fn delete(
        &self,
        id: QuarantineId,
        initiator: &Initiator,
    ) -> Result<QuarantineItem, VaultError> {
        let mut shelf = self.shelf();
        let mut record = shelf.known(id)?;
        record.phase = Phase::Deleting;
        shelf.write(&record)?;
        crash_point("deleting");
        (self.recorder)(remediation(
            &record.item,
            Remediation::Deleted,
            Some(initiator),
        ));
        shelf.forget(&record)?;
        Ok(record.item)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a half-made item when it goes out of scope.
struct Undo<'a> {
    shelf: &'a Shelf,
    id: QuarantineId,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.shelf.remove(self.id);
    }
}

/// Reads from the beginning, whatever the descriptor's own position is: it may be shared.
struct Reader {
    file: File,
    at: u64,
}

impl Reader {
    fn new(file: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self {
            file: file.try_clone_to_owned()?.into(),
            at: 0,
        })
    }
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn remediation(
    item: &QuarantineItem,
    remediation: Remediation,
    initiator: Option<&Initiator>,
) -> EventBody {
    EventBody::FileRemediation {
        remediation,
        quarantine: item.id,
        path: item.path.clone(),
        hashes: item.hashes.clone(),
        initiator: initiator.unwrap_or(&item.initiator).clone(),
    }
}

fn fstat(file: BorrowedFd<'_>) -> io::Result<Stat> {
    Ok(rustix::fs::fstat(file.as_fd())?)
}

fn is_unchanged(before: &Stat, after: &Stat) -> bool {
    before.st_size == after.st_size
        && (before.st_mtime, before.st_mtime_nsec) == (after.st_mtime, after.st_mtime_nsec)
}

/// Where tests end the process, as a power cut would.
#[cfg(test)]
fn crash_point(name: &str) {
    if std::env::var("GARRISON_TEST_VAULT_CRASH").as_deref() == Ok(name) {
        std::process::abort();
    }
}

#[cfg(not(test))]
const fn crash_point(_name: &str) {}

#[cfg(test)]
mod tests;
