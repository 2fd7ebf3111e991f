//! After a crash: what was begun is ended, or undone.

use model::event::Remediation;
use rustix::fs::AtFlags;

use super::record::{Phase, Record};
use super::seal::sealed_size;
use super::shelf::Shelf;
use super::{Recorder, VaultError, remediation, restore};
use crate::place::Place;

/// Goes through the whole vault, and counts it.
pub(super) fn reconcile(shelf: &mut Shelf, recorder: &Recorder) -> Result<(), VaultError> {
    let noted = shelf.ids()?;
    for id in shelf.sealed_ids()? {
        // The original goes only once there is a note; without one it is still in its place.
        if noted.binary_search(&id).is_err() {
            shelf.remove(id);
        }
    }
    for id in noted {
        let Some(record) = shelf.read(id)? else {
            continue;
        };
        if one(shelf, recorder, record.clone())? {
            shelf.count += 1;
            shelf.used = shelf.used.saturating_add(sealed_size(record.item.size));
        } else {
            shelf.remove(id);
        }
    }
    Ok(())
}

/// Ends what was begun with one item. Answers whether it stays.
fn one(shelf: &Shelf, recorder: &Recorder, mut record: Record) -> Result<bool, VaultError> {
    let place = Place::open(&record.item.path.to_path());
    let is_in_place = match (&place, record.phase.key()) {
        (Ok(place), Some(key)) => place.holds(key).unwrap_or(false),
        (Err(_), _) | (_, None) => false,
    };
    match record.phase {
        Phase::Kept => return Ok(true),
        Phase::Deleting => {
            recorder(remediation(&record.item, Remediation::Deleted, None));
            return Ok(false);
        }
        Phase::Taking { .. } => {
            if let Ok(place) = &place
                && is_in_place
            {
                if let Err(error) = place.unlink() {
                    tracing::warn!(
                        "{}: removing it failed ({error}); it was left in its place",
                        record.item.id
                    );
                    return Ok(false);
                }
                place.sync();
            }
            recorder(remediation(&record.item, Remediation::Quarantined, None));
        }
        Phase::Restoring { .. } => {
            if is_in_place {
                recorder(remediation(&record.item, Remediation::Restored, None));
                return Ok(false);
            }
            if let Ok(place) = &place {
                let draft = restore::draft_name(record.item.id);
                let _ = rustix::fs::unlinkat(place.folder(), draft, AtFlags::empty());
            }
        }
    }
    record.phase = Phase::Kept;
    shelf.write(&record)?;
    Ok(true)
}
