//! The vault's folder: the files of its items, its key and its room.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use model::{EndpointPath, QuarantineId};

use super::VaultError;
use super::record::Record;
use super::seal::{ItemKey, sealed_size};

/// Bytes of a note at most: every extended attribute that Linux allows, and the rest.
const MAX_NOTE: u64 = 16 << 20;
const KEY_FILE: &str = "vault.key";
const SEALED: &str = "sealed";
const NOTE: &str = "json";
const DRAFT: &str = "draft";

/// The folder, and what it holds.
pub(super) struct Shelf {
    folder: PathBuf,
    key: [u8; 32],
    pub(super) budget: u64,
    pub(super) count: u64,
    pub(super) used: u64,
}

impl Shelf {
    pub(super) fn open(folder: &Path, budget: u64) -> Result<Self, VaultError> {
        let failed = |doing| {
            move |source| VaultError::Folder {
                path: folder.to_owned(),
                doing,
                source,
            }
        };
        let mut builder = std::fs::DirBuilder::new();
        match builder.mode(0o700).create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(failed("making it"))?,
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .map_err(failed("setting its rights"))?;
        let key = read_key(&folder.join(KEY_FILE))
            .map_err(io::Error::other)
            .map_err(failed("reading or making its key"))?;
        Ok(Self {
            folder: folder.to_owned(),
            key,
            budget,
            count: 0,
            used: 0,
        })
    }

    /// Every item that has a note.
    pub(super) fn ids(&self) -> Result<Vec<QuarantineId>, VaultError> {
        let mut ids = self.files(NOTE)?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Every item that has sealed content.
    pub(super) fn sealed_ids(&self) -> Result<Vec<QuarantineId>, VaultError> {
        self.files(SEALED)
    }

    /// Reads a note; `None` when there is none, or it is damaged.
    pub(super) fn read(&self, id: QuarantineId) -> Result<Option<Record>, VaultError> {
        let file = match File::open(self.path(id, NOTE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("reading a note", error)),
        };
        let mut text = Vec::new();
        file.take(MAX_NOTE)
            .read_to_end(&mut text)
            .map_err(|error| self.failed("reading a note", error))?;
        match serde_json::from_slice(&text) {
            Ok(record) => Ok(Some(record)),
            Err(error) => {
                tracing::error!(
                    "{}: the note is damaged ({error}); its item can't be restored by \"garrison-agent quarantine restore\"",
                    self.path(id, NOTE).display()
                );
                Ok(None)
            }
        }
    }

    /// Reads the note of an item that somebody asked for.
    pub(super) fn known(&self, id: QuarantineId) -> Result<Record, VaultError> {
        self.read(id)?.ok_or(VaultError::Unknown { id })
    }

    /// Writes a note, whole or not at all.
    pub(super) fn write(&self, record: &Record) -> Result<(), VaultError> {
        let id = record.item.id;
        let draft = self.path(id, DRAFT);
        let write = || -> io::Result<()> {
            let text = serde_json::to_vec_pretty(record)?;
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&draft, self.path(id, NOTE))?;
            self.sync()
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&draft);
            self.failed("writing a note", error)
        })
    }

    /// Makes the file for an item's content.
    pub(super) fn create_sealed(&self, id: QuarantineId) -> Result<File, VaultError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(self.path(id, SEALED))
            .map_err(|error| self.failed("making a file", error))
    }

    /// Makes an item's content durable.
    pub(super) fn keep_sealed(&self, sealed: &File) -> Result<(), VaultError> {
        sealed
            .sync_all()
            .and_then(|()| self.sync())
            .map_err(|error| self.failed("writing a copy", error))
    }

    /// Opens an item's content.
    pub(super) fn open_sealed(&self, id: QuarantineId) -> Result<File, VaultError> {
        File::open(self.path(id, SEALED)).map_err(|error| self.failed("opening a copy", error))
    }

    /// The key of one item.
    pub(super) fn item_key(&self, id: QuarantineId) -> Result<ItemKey, VaultError> {
        ItemKey::derive(&self.key, id).map_err(|error| self.failed("deriving a key", error))
    }

    /// Removes whatever there is of an item. The content goes first: a note alone is forgotten at
    /// the next start, with what it was about told.
    pub(super) fn remove(&self, id: QuarantineId) {
        for extension in [SEALED, DRAFT, NOTE] {
            let path = self.path(id, extension);
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("{} could not be removed: {error}", path.display());
            }
        }
        let _ = self.sync();
    }

    /// Removes an item and its share of the room.
    pub(super) fn forget(&mut self, record: &Record) -> Result<(), VaultError> {
        self.remove(record.item.id);
        if self.path(record.item.id, NOTE).exists() {
            let error = io::Error::other("the note is still there");
            return Err(self.failed("removing an item", error));
        }
        self.count = self.count.saturating_sub(1);
        self.used = self.used.saturating_sub(sealed_size(record.item.size));
        Ok(())
    }

    /// Whether an item of `size` bytes fits in.
    pub(super) fn has_room(&self, size: u64, path: &EndpointPath) -> Result<(), VaultError> {
        let needed = sealed_size(size);
        if self.used.saturating_add(needed) > self.budget {
            return Err(VaultError::Full {
                path: path.clone(),
                needed,
                used: self.used,
                budget: self.budget,
            });
        }
        Ok(())
    }

    pub(super) fn failed(&self, doing: &'static str, source: io::Error) -> VaultError {
        VaultError::Folder {
            path: self.folder.clone(),
            doing,
            source,
        }
    }

    fn files(&self, wanted: &str) -> Result<Vec<QuarantineId>, VaultError> {
        let failed = |error| self.failed("listing it", error);
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some((stem, extension)) = name.to_str().and_then(|name| name.rsplit_once('.'))
            else {
                continue;
            };
            if extension == wanted
                && let Ok(id) = QuarantineId::parse(stem)
            {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn path(&self, id: QuarantineId, extension: &str) -> PathBuf {
        self.folder.join(format!("{id}.{extension}"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn read_key(path: &Path) -> Result<[u8; 32], trust::keyfile::KeyFileError> {
    use trust::keyfile::{KeyFileError, read, write};
    match read(path) {
        Ok(bytes) => {
            let size = bytes.len() as u64;
            bytes.try_into().map_err(|_| KeyFileError::TooLarge {
                path: path.to_owned(),
                size,
            })
        }
        Err(KeyFileError::Missing { .. }) => {
            let key = trust::secret::random_bytes().map_err(|error| KeyFileError::Io {
                path: path.to_owned(),
                doing: "making a key",
                source: io::Error::other(error),
            })?;
            write(path, &key)?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}
