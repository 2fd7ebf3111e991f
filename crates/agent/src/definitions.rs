//! The definitions in use: `definitions/current.gdef`, signed by the site, never older than before.
//!
//! New ones are written beside it, checked wholly (signature and every page), and take its place
//! by one rename. Whatever is refused changes nothing. They are used where they lie: the folder is
//! the agent's own, and nothing ever writes into a file that was taken over.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::DefinitionRevision;
use proto::agent::DefinitionsOffer;
use sandbox::{SealError, Sealed};
use scan::{DefinitionsError, PublicKey, RevisionError, TrustedKeys, WholeError};
use sha2::Digest as _;

/// Larger files are refused, in bytes.
pub(crate) const MAX_BYTES: u64 = 2 << 30;
/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// Why definitions were not taken over. Those in use stay.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionsRefusal {
    #[error("expected at most {MAX_BYTES} bytes, the manager offers {0}")]
    TooLarge(u64),
    #[error("expected {expected} bytes, got {got}: the download was cut")]
    Length { expected: u64, got: u64 },
    #[error("the download was altered on its way: its SHA-256 is {got}, expected {expected}")]
    Hash { expected: String, got: String },
    #[error(transparent)]
    Content(#[from] DefinitionsError),
    #[error(transparent)]
    Older(#[from] RevisionError),
    #[error("the file has revision {got}, the manager offered {offered}")]
    OtherRevision {
        offered: DefinitionRevision,
        got: DefinitionRevision,
    },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("{path}: {doing} failed ({source}); check the rights and the room on the disk", path = .path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
}

/// The definitions in use and their file.
pub(crate) struct InUse {
    path: PathBuf,
    revision: Mutex<Option<DefinitionRevision>>,
}

/// A download on its way to become the definitions in use.
pub(crate) struct Download {
    file: File,
    path: PathBuf,
    offer: DefinitionsOffer,
    hash: sha2::Sha256,
    bytes: u64,
}

impl InUse {
    /// Looks at what is there, if the site's key vouches for it.
    ///
    /// # Errors
    /// When something is there that can't be used; the agent then is without definitions.
    pub(crate) fn load(
        path: PathBuf,
        key: Option<PublicKey>,
    ) -> (Self, Option<DefinitionsRefusal>) {
        let _ = std::fs::remove_file(draft(&path));
        let opened = match key {
            Some(key) if path.exists() => check(&path, key).map(Some),
            Some(_) | None => Ok(None),
        };
        let (revision, refusal) = match opened {
            Ok(revision) => (revision, None),
            Err(refusal) => (None, Some(refusal)),
        };
        let revision = Mutex::new(revision);
        (Self { path, revision }, refusal)
    }

    pub(crate) fn revision(&self) -> Option<DefinitionRevision> {
        *self.revision.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The definitions in use, so that nobody can change them; `None` when there are none.
    pub(crate) fn sealed(&self) -> Result<Option<Sealed>, DefinitionsRefusal> {
        if self.revision().is_none() {
            return Ok(None);
        }
        let file = File::open(&self.path).map_err(failed(&self.path, "opening"))?;
        Ok(Some(Sealed::from_file(file.into(), MAX_BYTES)?))
    }

    /// Begins a download.
    pub(crate) fn download(&self, offer: DefinitionsOffer) -> Result<Download, DefinitionsRefusal> {
        if offer.bytes > MAX_BYTES {
            return Err(DefinitionsRefusal::TooLarge(offer.bytes));
        }
        let path = draft(&self.path);
        let _ = std::fs::remove_file(&path);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path, "writing"))?;
        Ok(Download {
            file,
            path,
            offer,
            hash: sha2::Sha256::default(),
            bytes: 0,
        })
    }

    /// Ends a download: checks all of it, and takes it over.
    pub(crate) fn accept(
        &self,
        download: Download,
        key: PublicKey,
    ) -> Result<DefinitionRevision, DefinitionsRefusal> {
        let path = download.path.clone();
        let outcome = self.judge(download, key);
        if outcome.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        outcome
    }

    fn judge(
        &self,
        download: Download,
        key: PublicKey,
    ) -> Result<DefinitionRevision, DefinitionsRefusal> {
        let offer = download.offer;
        if download.bytes != offer.bytes {
            return Err(DefinitionsRefusal::Length {
                expected: offer.bytes,
                got: download.bytes,
            });
        }
        let got = model::Sha256(download.hash.finalize().into());
        if got != offer.sha256 {
            return Err(DefinitionsRefusal::Hash {
                expected: offer.sha256.to_string(),
                got: got.to_string(),
            });
        }
        download
            .file
            .sync_all()
            .map_err(failed(&download.path, "writing"))?;
        let revision = check(&download.path, key)?;
        if revision != offer.revision {
            return Err(DefinitionsRefusal::OtherRevision {
                offered: offer.revision,
                got: revision,
            });
        }
        let mut in_use = self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        scan::accept_revision(*in_use, revision)?;
        std::fs::rename(&download.path, &self.path)
            .and_then(|()| crate::file::sync_folder(&self.path))
            .map_err(failed(&self.path, "replacing"))?;
        *in_use = Some(revision);
        Ok(revision)
    }
}

impl Download {
    /// Writes the next piece.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<(), DefinitionsRefusal> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.offer.bytes {
            return Err(DefinitionsRefusal::Length {
                expected: self.offer.bytes,
                got: self.bytes,
            });
        }
        self.hash.update(piece);
        self.file
            .write_all(piece)
            .map_err(failed(&self.path, "writing"))
    }
}

/// Checks a file wholly, with a small part of it in memory at a time.
fn check(path: &Path, key: PublicKey) -> Result<DefinitionRevision, DefinitionsRefusal> {
    let file = File::open(path).map_err(failed(path, "opening"))?;
    let length = file.metadata().map_err(failed(path, "reading"))?.len();
    if length > MAX_BYTES {
        return Err(SealError::TooLarge { limit: MAX_BYTES }.into());
    }
    let trusted = TrustedKeys::none().with(key);
    let mut file = BufReader::with_capacity(READ_BYTES, file);
    match scan::check_whole(&mut file, length, &trusted) {
        Ok((revision, _)) => Ok(revision),
        Err(WholeError::Definitions(error)) => Err(error.into()),
        Err(WholeError::Read(source)) => Err(failed(path, "reading")(source)),
    }
}

fn draft(path: &Path) -> PathBuf {
    path.with_extension("draft")
}

fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> DefinitionsRefusal {
    let path = path.to_owned();
    move |source| DefinitionsRefusal::Io {
        path,
        doing,
        source,
    }
}
