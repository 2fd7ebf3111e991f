//! Putting a file back: written beside its place, given its attributes, then named.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use model::QuarantineId;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};

use super::record::{Phase, Record};
use super::shelf::Shelf;
use super::{VaultError, crash_point, seal};
use crate::place::{Place, key_of};

/// Puts the file back. Answers which attributes could not be given.
pub(super) fn restore(shelf: &Shelf, mut record: Record) -> Result<Vec<String>, VaultError> {
    let id = record.item.id;
    let shown = record.item.path.clone();
    let place = Place::open(&shown.to_path()).map_err(|source| VaultError::NoFolder {
        path: shown.clone(),
        source,
    })?;
    let failed = |doing| {
        let path = shown.clone();
        move |source| VaultError::Original {
            path,
            doing,
            source,
        }
    };
    if place
        .stat()
        .map_err(failed("looking at its place"))?
        .is_some()
    {
        return Err(VaultError::Taken { path: shown });
    }
    let key = shelf.item_key(id)?;
    let mut sealed = shelf.open_sealed(id)?;
    let name = draft_name(id);
    let mut file = create(&place, &name).map_err(failed("writing it back"))?;
    let outcome = (|| {
        let hashes = seal::open(&key, &mut sealed, record.item.size, &mut file)
            .map_err(failed("writing it back"))?;
        if hashes.as_ref() != Some(&record.item.hashes) {
            return Err(VaultError::Damaged {
                path: shown.clone(),
                id,
            });
        }
        let missing = record
            .apply(file.as_fd())
            .map_err(failed("giving it its attributes"))?;
        file.sync_all().map_err(failed("writing it back"))?;
        let stat = rustix::fs::fstat(&file)
            .map_err(io::Error::from)
            .map_err(failed("writing it back"))?;
        let key = key_of(&stat);
        record.phase = Phase::Restoring {
            device: key.device,
            inode: key.inode,
        };
        shelf.write(&record)?;
        crash_point("written-back");
        give_name(&place, &name).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                VaultError::Taken {
                    path: shown.clone(),
                }
            } else {
                failed("giving it its name")(error)
            }
        })?;
        place.sync();
        Ok(missing)
    })();
    if outcome.is_err() {
        let _ = rustix::fs::unlinkat(place.folder(), &name, AtFlags::empty());
        record.phase = Phase::Kept;
        shelf.write(&record)?;
    }
    outcome
}

/// The name of a file that is being written back, beside its place.
pub(super) fn draft_name(id: QuarantineId) -> String {
    format!(".garrison-restore-{id}")
}

fn create(place: &Place, name: &str) -> io::Result<File> {
    // One left by an earlier attempt is ours: nobody else uses this name.
    let _ = rustix::fs::unlinkat(place.folder(), name, AtFlags::empty());
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    Ok(rustix::fs::openat(place.folder(), name, flags, mode)?.into())
}

/// Renames without replacing; by a second name where the file system can't do that.
fn give_name(place: &Place, draft: &str) -> io::Result<()> {
    let folder = place.folder();
    let flags = RenameFlags::NOREPLACE;
    match rustix::fs::renameat_with(folder, draft, folder, place.name(), flags) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            rustix::fs::linkat(folder, draft, folder, place.name(), AtFlags::empty())?;
            let _ = rustix::fs::unlinkat(folder, draft, AtFlags::empty());
            Ok(())
        }
        named => Ok(named?),
    }
}
